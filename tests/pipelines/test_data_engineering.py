"""The doors of data engineering, and the pipeline from a raw table to six matrices."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from collaborative_autoencoders.datasets.fabricated import fabricate_ratings
from collaborative_autoencoders.interactions.cleaning import CleaningOptions
from collaborative_autoencoders.interactions.core import CoreOptions
from collaborative_autoencoders.interactions.splitting import SplitOptions
from collaborative_autoencoders.interactions.titles import TitleOptions
from collaborative_autoencoders.pipelines.data_engineering import create_pipeline, nodes

CONF = Path(__file__).parents[2] / "conf"
PARTS = ("train", "validation", "test")
MATRICES = [f"{part}_{view}" for part in PARTS for view in ("ratings", "likes")]
OUTPUTS = {
    *MATRICES,
    "clean_ratings",
    "data_source",
    "core_ratings",
    "core_report",
    "user_ids",
    "item_ids",
    "item_titles",
    "data_facts",
}


def read_yaml(name: str) -> dict:
    return yaml.safe_load((CONF / name).read_text(encoding="utf-8"))


def make_options(**changed) -> dict:
    """The committed parameters as options, some of them changed."""
    values = read_yaml("base/parameters_data_engineering.yml")
    return {
        name: options_class.model_validate(values[name] | changed.get(name, {}))
        for name, options_class in (
            ("cleaning", CleaningOptions),
            ("titles", TitleOptions),
            ("core", CoreOptions),
            ("split", SplitOptions),
        )
    }


class KeptDataset(MemoryDataset):
    """What a run leaves in memory, for a look at it afterwards."""

    def _release(self) -> None:
        pass


def run_pipeline(ratings: pd.DataFrame, k=(1, 3), **changed) -> dict:
    catalog = DataCatalog({name: KeptDataset(copy_mode="assign") for name in OUTPUTS})
    catalog["ratings"] = ratings
    catalog["items"] = pd.DataFrame({"item_id": [0], "title": ["Even film 0"]})
    catalog["params:evaluation.k"] = list(k)
    for name, options in make_options(**changed).items():
        catalog[f"params:{name}"] = options
    SequentialRunner().run(create_pipeline(), catalog)
    return {name: catalog[name].load() for name in OUTPUTS}


@pytest.fixture(scope="module")
def made() -> dict:
    ratings = fabricate_ratings(30, 20)
    ratings.attrs = {"data_set": "fabricated", "checksum": "ab", "checksum_is_official": False}
    return run_pipeline(ratings)


def test_every_output_has_the_name_that_others_rely_on():
    assert create_pipeline().all_outputs() == OUTPUTS
    assert create_pipeline().inputs() == {
        "ratings",
        "items",
        "params:cleaning",
        "params:titles",
        "params:core",
        "params:split",
        "params:evaluation.k",
    }


def test_a_node_is_named_after_its_function_and_lies_in_one_box():
    for node in create_pipeline().nodes:
        assert node.name == f"data_engineering.{node.func.__name__}"


def test_every_dataset_is_declared_and_its_folder_is_its_layer():
    declared = read_yaml("base/catalog_data_engineering.yml")

    assert set(declared) == OUTPUTS | {"ratings", "items"}
    for entry in declared.values():
        layer = (entry.get("filepath") or entry["path"]).split("/")[1]
        assert entry["metadata"]["kedro-viz"] == {"layer": layer}


@pytest.mark.parametrize("environment", ["base", "ml-1m", "seed"])
def test_every_dataset_says_what_one_row_is(environment):
    lines = (CONF / environment / "catalog_data_engineering.yml").read_text("utf-8").splitlines()

    entries = [number for number, line in enumerate(lines) if line and line[0] not in " #"]
    assert entries
    assert all(lines[number - 1].startswith("# One ") for number in entries)


def test_the_matrices_are_the_core(made):
    core, ratings = made["core_ratings"], sum(made[f"{part}_ratings"].nnz for part in PARTS)

    assert ratings == len(core) == made["data_facts"]["ratings"]
    assert sum(made[f"{part}_likes"].nnz for part in PARTS) == (core["rating"] >= 4).sum()
    for name in MATRICES:
        assert made[name].shape == (len(made["user_ids"]), len(made["item_ids"]))
        assert made[name].dtype == np.float32


def test_the_facts_are_flat_and_fit_into_json(made):
    facts = made["data_facts"]

    assert list(facts) == [
        "data_set",
        "checksum",
        "checksum_is_official",
        "rated",
        "users",
        "items",
        "ratings",
        "likes",
        "density",
        "lowest_rating",
        "highest_rating",
    ]
    assert facts["data_set"] == "fabricated"
    assert json.loads(json.dumps(facts)) == facts
    assert json.loads(json.dumps(made["core_report"])) == made["core_report"]


def test_the_report_and_the_facts_agree(made):
    after = made["core_report"]["after"]

    assert {name: made["data_facts"][name] for name in after} == after


def test_the_core_is_told_in_one_line(made, caplog):
    with caplog.at_level(logging.INFO):
        nodes.keep_core(made["clean_ratings"], make_options()["core"])

    (line,) = caplog.messages
    assert line.startswith("Core: 30 users x 20 items")


def test_a_table_without_ratings_counts_every_row_as_liked():
    table = fabricate_ratings(30, 20)[["user_id", "item_id"]]
    columns = {"user_id": "user_id", "item_id": "item_id", "rating": None, "timestamp": None}

    made = run_pipeline(table, cleaning={"columns": columns})

    assert made["data_facts"]["rated"] is False
    assert made["data_facts"]["likes"] == made["data_facts"]["ratings"] == len(table)
    assert (made["train_ratings"] != made["train_likes"]).nnz == 0


def test_a_node_leaves_its_inputs_as_they_were():
    ratings = fabricate_ratings(30, 20)
    before = ratings.copy(deep=True)

    run_pipeline(ratings)

    pd.testing.assert_frame_equal(ratings, before)


def broken_table(**values) -> pd.DataFrame:
    table = fabricate_ratings(30, 20).astype(dict.fromkeys(values, object))
    for name, value in values.items():
        table.loc[2, name] = value
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"user_id;item_id;rating": ["1;2;3"]}), r"separator looks wrong.*sep: ';'"),
        (broken_table().drop(columns="item_id"), r"cleaning.columns.item_id"),
        (broken_table().head(0), "no rows"),
        (broken_table(rating="good"), r"row 3 .* rating 'good'"),
        (broken_table(rating=np.nan), r"row 3 .* rating nan"),
        (broken_table(rating=-np.inf), r"row 3 .* rating -inf"),
        (broken_table(rating=6), r"row 3 .* rating 6 lies outside"),
        (broken_table(user_id=None), r"row 3 .* user_id .* is null"),
        (broken_table(item_id="").astype({"item_id": "str"}), r"row 3 .* item_id '' is empty"),
    ],
)
def test_a_bad_table_is_refused_by_the_first_node(table, message):
    with pytest.raises(ValueError, match=message):
        nodes.clean_ratings(table, make_options()["cleaning"])


def test_a_core_that_leaves_nothing_stops_the_run():
    with pytest.raises(ValueError, match=r"core.k: 99 leave nothing"):
        run_pipeline(fabricate_ratings(30, 20), core={"k": 99})


def test_lists_longer_than_the_catalogue_stop_the_run():
    with pytest.raises(ValueError, match=r"evaluation.k: 21 is more than the 20 items"):
        run_pipeline(fabricate_ratings(30, 20), k=(10, 21), core={"k": 0})


def test_the_seed_environment_keeps_only_what_was_rated_4_or_5():
    made = run_pipeline(
        fabricate_ratings(30, 20), core=read_yaml("seed/parameters_data_engineering.yml")["core"]
    )

    assert made["core_ratings"]["rating"].min() == 4
    assert made["core_report"]["before"]["ratings"] == made["core_report"]["before"]["likes"]
