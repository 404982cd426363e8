"""The nodes of data engineering, and the pipeline from a raw table to the parts of the split."""

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
from collaborative_autoencoders.datasets.joined_parts import joined
from collaborative_autoencoders.interactions.cleaning import CleaningOptions
from collaborative_autoencoders.interactions.core import CoreOptions
from collaborative_autoencoders.interactions.splitting import SplitOptions
from collaborative_autoencoders.interactions.titles import TitleOptions
from collaborative_autoencoders.pipelines.data_engineering import create_pipeline, nodes

CONF = Path(__file__).parents[2] / "conf"
PARTS = ("train", "validation", "test")
VIEWS = ("ratings", "likes")
OUTPUTS = {
    *PARTS,
    "split_report",
    "clean_ratings",
    "data_source",
    "core_ratings",
    "other_ratings",
    "core_report",
    "user_ids",
    "item_ids",
    "item_titles",
    "data_facts",
    "lookup",
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
    """A dataset in memory that a run does not release."""

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


def test_inputs_and_outputs_have_the_promised_names():
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


def test_nodes_are_named_after_their_functions_in_one_namespace():
    for node in create_pipeline().nodes:
        assert node.name == f"data_engineering.{node.func.__name__}"


def test_the_parts_together_are_all_ratings_and_the_likes_of_the_core(made):
    core, parts = made["core_ratings"], [made[part] for part in PARTS]
    n_ratings, n_likes = (sum(part.view(name).nnz for part in parts) for name in VIEWS)

    assert n_ratings == len(made["clean_ratings"]) == made["data_facts"]["ratings"]
    assert sum(part.core.ratings.nnz for part in parts) == len(core) < n_ratings
    assert n_likes == (core["rating"] >= 4).sum() == made["data_facts"]["likes"]
    for part in parts:
        assert part.shape == (len(made["user_ids"]), len(made["item_ids"]))
        assert part.core_shape == (core["user_id"].nunique(), core["item_id"].nunique())
        assert {part.view(name).dtype for name in VIEWS} == {np.dtype(np.float32)}


def test_the_facts_are_flat_and_can_be_json(made):
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
        "tied_share",
        "ratings_before_core",
        "core_users",
        "core_items",
    ]
    assert facts["data_set"] == "fabricated"
    assert json.loads(json.dumps(facts)) == facts
    assert json.loads(json.dumps(made["core_report"])) == made["core_report"]


def test_the_report_and_the_facts_agree(made):
    after, before, facts = (
        *(made["core_report"][at] for at in ("after", "before")),
        made["data_facts"],
    )

    assert (facts["core_users"], facts["core_items"]) == (after["users"], after["items"])
    assert facts["likes"] == after["likes"]
    assert {facts[name] for name in ("ratings", "ratings_before_core")} == {before["ratings"]}
    assert before["ratings"] == len(made["clean_ratings"])


def test_without_ratings_outside_the_core_all_is_of_the_core():
    made = run_pipeline(fabricate_ratings(30, 20), core={"ratings": "core"})

    assert made["other_ratings"].empty
    assert made["train"].core is made["train"]
    assert made["data_facts"]["ratings"] == len(made["core_ratings"])


def test_a_split_by_users_is_of_the_core_only(made):
    by_users = {"kind": "users", "fold_in": 0.8}
    with pytest.raises(ValueError, match=r"Set core\.ratings: core\."):
        run_pipeline(fabricate_ratings(30, 20), split=by_users)


def test_the_lookup_has_the_ids_and_titles_at_their_indices_and_the_facts(made):
    lookup = made["lookup"]

    assert lookup.users["user_id"].tolist() == made["user_ids"]["user_id"].tolist()
    assert lookup.items["item_id"].tolist() == made["item_ids"]["item_id"].tolist()
    assert lookup.items["title"].tolist() == made["item_titles"]["title"].tolist()
    assert (lookup.facts, lookup.like_threshold) == (made["data_facts"], 4)


def test_a_split_without_a_test_part_names_the_keys_of_its_kind(made, caplog):
    ids = [made[name] for name in ("user_ids", "item_ids")]
    none = {"kind": "last", "test_last": 0, "validation_last": 1}
    options = make_options(split=none)

    tables = made["core_ratings"], made["other_ratings"]
    nodes.split_ratings(*tables, *ids, options["split"], options["core"])

    (line,) = [line for line in caplog.messages if "the test part has no ratings" in line]
    assert "set split.test_last to 1 or more" in line
    assert "test_fraction" not in line


def test_the_core_is_logged_on_one_line(made, caplog):
    with caplog.at_level(logging.INFO):
        nodes.keep_core(made["clean_ratings"], make_options()["core"])

    (line,) = caplog.messages
    assert line.startswith("Core: 30 users x 20 items")


def test_parts_that_are_split_anew_are_named_with_a_fix_that_keeps_them(caplog):
    table = fabricate_ratings(30, 20)
    parts = {"test": table[::3], "train": table.drop(table.index[::3])}
    own = {"cleaning": {"columns": {"part": "part"}}, "split": {"kind": "own"}, "core": {"k": 0}}

    nodes.clean_ratings(joined(parts), make_options()["cleaning"])

    (line,) = [line for line in caplog.messages if "split anew" in line]
    assert "joined from test, train and split anew" in line
    assert "--params cleaning.columns.part=part,split.kind=own,core.k=0" in line
    base = read_yaml("base/parameters_data_engineering.yml")["cleaning"]["columns"]
    own["cleaning"]["columns"] = base | own["cleaning"]["columns"]
    caplog.clear()
    made = run_pipeline(joined(parts), **own)
    assert made["test"].ratings.nnz == len(parts["test"])
    assert not [line for line in caplog.messages if "split anew" in line]


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_ids_that_look_alike_are_named_by_their_raw_column(column, caplog):
    table = fabricate_ratings(30, 20)
    table[column] = [f"id {number}" + " " * (row % 2) for row, number in enumerate(table[column])]

    nodes.clean_ratings(table, make_options()["cleaning"])

    (line,) = [line for line in caplog.messages if "are two ids" in line]
    assert f"{column}: 'id 0' and 'id 0 ' are two ids" in line
    assert f"`table['{column}'] = " in line
    (record,) = [record for record in caplog.records if "are two ids" in record.message]
    assert record.markup is False  # an id may have brackets, which the terminal would not show


def test_zeros_for_no_rating_are_named_rather_than_counts(caplog):
    table = fabricate_ratings(30, 20)
    table["rating"] = [0 if row % 5 else 60 + row % 8 * 5 for row in range(len(table))]

    nodes.keep_core(table, make_options(core={"k": 0})["core"])

    (line,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "ratings are 0" in line


def test_in_a_table_without_ratings_every_row_is_a_like():
    table = fabricate_ratings(30, 20)[["user_id", "item_id"]]
    base = read_yaml("base/parameters_data_engineering.yml")["cleaning"]
    columns = {"rating": None, "timestamp": None}

    made = run_pipeline(table, cleaning={"columns": base["columns"] | columns})

    assert made["data_facts"]["rated"] is False
    assert made["data_facts"]["likes"] == made["data_facts"]["ratings"] == len(table)
    assert (made["train"].ratings != made["train"].likes).nnz == 0


def test_the_raw_table_is_not_changed():
    ratings = fabricate_ratings(30, 20)
    before = ratings.copy(deep=True)

    run_pipeline(ratings)

    pd.testing.assert_frame_equal(ratings, before)


def test_a_list_longer_than_the_catalogue_stops_the_run():
    with pytest.raises(ValueError, match=r"evaluation.k: 21 is more than the 20 items"):
        run_pipeline(fabricate_ratings(30, 20), k=(10, 21), core={"k": 0})


def test_the_environment_of_the_cdae_article_keeps_only_ratings_of_4_and_5():
    made = run_pipeline(
        fabricate_ratings(30, 20),
        core=read_yaml("cdae-article/parameters_data_engineering.yml")["core"],
    )

    assert made["core_ratings"]["rating"].min() == 4
    assert made["core_report"]["before"]["ratings"] == made["core_report"]["before"]["likes"]
