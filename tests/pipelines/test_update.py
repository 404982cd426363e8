"""`kedro run --pipelines update`: newer ratings, continued networks, and old judged against new."""

import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import projects
import pytest
import tracked
from model_options import options_of

from collaborative_autoencoders.columns import ITEM, USER
from collaborative_autoencoders.datasets.fabricated import FabricatedDataset
from collaborative_autoencoders.datasets.interactions import InteractionsDataset
from collaborative_autoencoders.datasets.lookup import LookupDataset
from collaborative_autoencoders.interactions.part import Interactions
from collaborative_autoencoders.learning.warm_start import WarmStart
from collaborative_autoencoders.models import networks
from collaborative_autoencoders.pipeline_registry import register_pipelines
from collaborative_autoencoders.serving import model_versions
from collaborative_autoencoders.serving.continuing import find_warm_start

pytestmark = pytest.mark.slow

REGISTERED = ["autorec", "cdae"]
PARAMS = {
    "registration": {"enabled": True, "models": "+".join(REGISTERED)},
    "outputs": "update",
    **{network: {"fitting": {"epochs": 2}} for network in networks()},
}


@pytest.fixture(scope="module")
def updated(finished_world: Path) -> Path:
    """A project after an update, whose files are in folders of their own; to be read."""

    def make(folder: Path) -> None:
        project = projects.copy_with_store(finished_world, folder / "world")
        projects.run(project, pipelines=["update"], params=PARAMS)

    return projects.once("update", make) / "world"


def parts(project: Path, outputs: str = "update") -> dict[str, Interactions]:
    folder = project / "data/05_model_input" / outputs
    names = ("train", "validation", "test")
    return {
        name: InteractionsDataset(filepath=str(folder / f"{name}.npz")).load() for name in names
    }


def read(project: Path, path: str):
    return json.loads((project / "data" / path).read_text(encoding="utf-8"))


@pytest.fixture
def registry(updated):
    """The registry of the project, for this process."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{updated / 'mlflow.db'}")
    yield
    mlflow.set_tracking_uri(before)


def lookup_of(project: Path):
    return LookupDataset(filepath=str(project / "data/03_primary/update/lookup.zip")).load()


def test_what_is_held_out_is_new_to_every_champion_and_later_than_all_else(updated):
    lookup, split = lookup_of(updated), parts(updated)
    users, items = (ids.to_numpy() for ids in (lookup.users[USER], lookup.items[ITEM]))
    old = FabricatedDataset(users=60, items=40, seed=1, table="ratings").load()
    known = set(zip(old[USER], old[ITEM], strict=True))

    def pairs(part):
        user_N, item_N = part.ratings.tocoo().coords
        return set(zip(users[user_N], items[item_N], strict=True))

    assert known <= pairs(split["train"])
    for name in ("validation", "test"):
        assert split[name].ratings.nnz > 30
        assert not known & pairs(split[name])
    assert split["validation"].times.data.min() > old["timestamp"].max()
    assert split["test"].times.data.min() > split["validation"].times.data.max()
    assert not set(users) <= set(old[USER])


def test_networks_continue_their_champions_and_say_so(updated):
    facts = {
        name: read(updated, f"06_models/update/{name}.fit_facts.json")
        for name in ("cdae", "autorec", "autorec_user", "ease", "stack")
    }
    assert {name: found.get("started_from") for name, found in facts.items()} == {
        "cdae": 1,
        "autorec": 1,
        "autorec_user": 1,
        "ease": None,
        "stack": None,
    }
    _, children = tracked.last_run(updated)
    assert children["cdae"].data.params["started_from"] == "1"
    assert "started_from" not in children["ease"].data.params


def test_the_run_ends_with_a_challenger_and_a_decision(updated):
    decisions = pd.read_csv(updated / "data/08_reporting/update/promotions.csv")
    decisions = decisions.set_index("model")
    items, test = lookup_of(updated).items[ITEM], parts(updated)["test"].ratings
    n_of_new_items = int((items.to_numpy()[test.indices] > "film-39").sum())
    assert n_of_new_items > 0
    for name in REGISTERED:
        row = decisions.loc[name]
        assert row["decision"] in ("promoted", "refused")
        assert (row["champion"], row["challenger"]) == (1, 2)
        assert row["users"] > 10
    # neither version has seen a test rating: those of items that the champion lacks are left out
    assert decisions.loc["autorec", "rows_left_out"] == n_of_new_items
    assert decisions.loc["popularity", "decision"] == "nothing"


def test_every_page_says_that_the_figures_are_of_the_newest_ratings(updated):
    facts = read(updated, "03_primary/update/data_facts.json")
    said = f"newer ratings, from {facts['newer_test_from']} on"
    parent, children = tracked.last_run(updated)
    assert facts["data_set"] == "fabricated + fabricated"
    for run in (parent, children["ease"]):
        assert said in run.data.tags["mlflow.note.content"]
    assert children["ease"].data.params["split.kind"] == "own"
    assert "split.kind" not in parent.data.params
    description = tracked.store(updated).get_model_version("cdae", "2").description
    assert said in description


def test_a_champion_that_has_seen_held_out_ratings_is_not_continued(updated, registry):
    lookup, split = lookup_of(updated), parts(updated)
    options = options_of("cdae")
    assert isinstance(find_warm_start(options, lookup, split["train"]), WarmStart)
    test_like = split["train"].without_users(np.arange(split["train"].shape[0]) == 0)
    assert "ratings that are not in train" in find_warm_start(options, lookup, test_like)


def test_another_architecture_or_no_champion_begins_with_new_weights(updated, registry):
    train, lookup = parts(updated)["train"], lookup_of(updated)
    other = options_of("cdae", model__hidden_size=5)
    said = find_warm_start(other, lookup, train)
    assert said.startswith("cdae begins with new weights: the champion, version 1, has")
    assert "model.hidden_size 16, not 5" in said
    assert "it has no champion" in find_warm_start(options_of("sasrec"), lookup, train)


def test_a_network_out_of_service_begins_with_new_weights(updated, registry, monkeypatch):
    monkeypatch.setattr(model_versions, "version_of", lambda *_: None)
    said = find_warm_start(options_of("cdae"), lookup_of(updated), parts(updated)["train"])
    assert said.startswith("cdae begins with new weights: cdae has versions 1, 2 and no champion")
    assert "promotion.roll_back.cdae=" in said


def test_an_update_runs_the_same_nodes_but_for_those_that_read_what_is_old():
    pipelines = register_pipelines()
    default, update = (
        {node.name for node in pipelines[name].nodes} for name in ("__default__", "update")
    )
    assert update - default == {
        "data_engineering.join_ratings",
        "data_engineering.split_joined",
        "promote_updates",
        *(f"{name}.continue_model" for name in networks() if f"{name}.fit_model" in default),
    }
