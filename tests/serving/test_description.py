"""What MLflow's pages say of a model and its version."""

import json
import re
import shlex
from dataclasses import replace

import pandas as pd
import pytest

from collaborative_autoencoders.columns import TITLE
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.serving.description import describe, how_to_ask, where_to_serve
from collaborative_autoencoders.serving.request_schema import params_schema
from collaborative_autoencoders.serving.requests import Wanted

STORE = "sqlite:////home/ann/project/mlflow.db"
METRICS = {"ndcg_at_10": 0.5, "ndcg_at_10_low": 0.4, "ndcg_at_10_high": 0.6, "ndcg_at_20": 0.7}
DATA = {"data_set": "a|b", "rated": True, "ratings": 9000, "users": 10, "items": 1200}


def typed(text, program):
    """The words of the command in the text, as a shell reads them."""
    commands = re.findall(r"```sh\n(.*?)\n```", text, re.DOTALL)
    return shlex.split(next(each for each in commands if program in each))


def test_the_command_in_a_description_asks_for_the_answer_that_follows(numbered):
    text = how_to_ask(numbered, 3, STORE)
    assert typed(text, "mlflow")[-7:] == [
        *("serve", "-m", "models:/autorec/3", "--env-manager", "local", "-p", "5002")
    ]
    body = json.loads(typed(text, "curl")[-1])
    records = pd.DataFrame(body["dataframe_records"], dtype=object)
    answer = numbered.answer(records, Wanted(**body["params"]))
    assert len(answer) == 3
    for title in answer[TITLE]:
        assert f"| {title}&ensp; |" in text


def test_a_description_says_what_an_empty_list_of_only_items_is(numbered):
    assert "An empty list is the whole catalogue" in how_to_ask(numbered, 3, STORE)
    params = params_schema(numbered, Wanted._fields)["properties"]
    assert "add an id that no item has" in params["only_items"]["description"]
    asked = pd.DataFrame({"user_id": [1000]})
    assert len(numbered.answer(asked, Wanted(only_items=[])))
    assert not len(numbered.answer(asked, Wanted(only_items=[-1])))


def test_a_title_is_no_markup_in_a_description(numbered):
    items = numbered.items.assign(**{TITLE: "<b>a|b</b>\n`c`"})
    text = how_to_ask(replace(numbered, items=items), 1, STORE)
    assert "&#60;b&#62;a&#124;b&#60;/b&#62; &#96;c&#96;" in text
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        (STORE, "MLFLOW_TRACKING_URI=sqlite:///mlflow.db"),
        ("sqlite:///mlflow.db", "MLFLOW_TRACKING_URI=sqlite:///mlflow.db"),
        ("sqlite:////srv/x.db?password=geheim", "with `MLFLOW_TRACKING_URI` set"),
        ("postgresql://ann:geheim@db/runs", "with `MLFLOW_TRACKING_URI` set"),
    ],
)
def test_a_description_has_neither_password_nor_folder_of_the_store(store, shown):
    text = "".join(where_to_serve(store))
    assert shown in text
    assert not re.search("geheim|home|srv", text)


def test_a_description_has_the_headline_with_its_intervals():
    text = describe("cdae", METRICS, DATA)
    assert text.startswith(MODELS["cdae"].about)
    assert "WSDM 2016" in text
    assert "Data: a&#124;b, 9,000 ratings of 10 users and 1,200 items." in text
    assert "| NDCG@10&ensp; | 0.500&ensp; | 0.400 to 0.600&ensp; |" in text
    assert "NDCG@20" not in text


def test_every_model_says_what_it_is():
    assert all(entry.about.endswith(".") for entry in MODELS.values())
