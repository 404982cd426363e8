"""The pipeline of new items, after a finished run of the fabricated data set."""

import json

import pandas as pd
import projects
import pytest
import tracked

from collaborative_autoencoders.hooks.dataset_logging import rounded

REPORTS = "data/08_reporting/test"
FACTS, HELD_OUT = "without_new/new_items_facts.json", "without_new/held_out_items.parquet"


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(finished_world):
    """A project that ran `new_items` after a finished run. One for all workers."""

    def make(folder):
        copy = projects.copy_of(finished_world, folder / "world")
        projects.run(copy, pipelines=["new_items"], params={"new_items": {"fraction": 0.2, "n": 3}})

    return projects.once("new_items", make) / "world"


def test_the_comparison_is_written_and_logged(project):
    written = pd.read_csv(project / REPORTS / "new_items_comparison.csv")
    assert sorted(set(written["method"])) == [
        *("item_features", "popular_in_category", "popular_in_features", "random")
    ]
    parent, _ = tracked.last_run(project)
    assert parent.info.run_name == "test: new_items"
    logged = pd.read_csv(tracked.artifacts(parent) / "new_items_comparison.csv")
    pd.testing.assert_frame_equal(logged, rounded(written))
    rows = written[written["metric"] == "ndcg_at_3"].set_index("method")
    assert rows.loc["random", "verdict"] == "better", "even users like even films"


def test_the_facts_say_what_was_held_out_and_chosen(project):
    facts = json.loads((project / "data/06_models/test" / FACTS).read_text())
    held_out = pd.read_parquet(project / "data/05_model_input/test" / HELD_OUT)
    assert (held_out["held_out_for"] == "test").sum() == facts["held_out_items"] == 8
    methods = set(pd.read_csv(project / REPORTS / "new_items_comparison.csv")["method"])
    assert facts["chosen"].keys() == methods - {"random"}


def test_a_core_of_all_items_leaves_none_to_list(project):
    lists = pd.read_parquet(project / "data/07_model_output/test/new_item_lists.parquet")
    assert lists.empty
    assert list(lists.columns) == ["user_id", "rank", "item_id", "title", "score", "place"]
