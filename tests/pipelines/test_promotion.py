"""Challenger against champion, in a registry as a user has it."""

import numpy as np
import pandas as pd
import projects
import pytest
import tracked

from collaborative_autoencoders.pipelines.promotion.comparing import Comparison
from collaborative_autoencoders.pipelines.promotion.nodes import decide
from collaborative_autoencoders.pipelines.promotion.options import PromotionOptions

REGISTER = {"registration": {"enabled": True}}
WEAK = {"cdae": {"fitting": {"learning_rate": 1e-6}}}
OPTIONS = {
    "policy": "significant",
    "metric": "ndcg_at_10",
    "rating_metric": "rmse",
    "min_gain": 0.01,
    "other_data": "refuse",
    "roll_back": {},
}


def options(**changes):
    return PromotionOptions.model_validate(OPTIONS | changes)


def found(gain, low, high, users=50):
    return Comparison("ndcg_at_10", 0.3, 0.3 + gain, gain, low, high, users, 0)


@pytest.mark.parametrize(
    ("policy", "comparison", "moves", "because"),
    [
        ("always", found(-0.1, -0.2, -0.05), True, "policy: always"),
        ("better", found(0.02, -0.1, 0.1), True, "better"),
        ("better", found(0.005, 0.001, 0.01), False, "less than min_gain 0.01"),
        ("better", found(0.0, -0.1, 0.1), False, "not better"),
        ("significant", found(0.02, 0.01, 0.03), True, "better"),
        ("significant", found(0.02, -0.01, 0.05), False, "the interval holds 0"),
        ("significant", found(-0.02, -0.03, -0.01), False, "not better"),
        ("significant", found(np.nan, np.nan, np.nan, users=0), False, "no test row is new"),
    ],
)
def test_the_policy_decides_by_gain_and_interval(policy, comparison, moves, because):
    moved, reason = decide(comparison, 1, options(policy=policy))
    assert moved == moves
    assert because in reason
    assert "of version 1" in reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "gini_at_10"},
        {"metric": "ndcg"},
        {"policy": "never"},
        {"min_gain": -1},
        {"roll_back": {"cdea": 1}},
        {"roll_back": {"cdae": 0}},
    ],
)
def test_options_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        options(**wrong)


@pytest.fixture
def project(tmp_path):
    project = projects.new_project(tmp_path / "world")
    projects.run(project, pipelines=["ranking"], params=REGISTER | WEAK)
    return project


def aliases(project, name="cdae"):
    client = tracked.store(project)
    return {
        alias: int(client.get_model_version_by_alias(name, alias).version)
        for alias in ("champion", "challenger")
    }


def tags(project, version, name="cdae"):
    return tracked.store(project).get_model_version(name, str(version)).tags


def promotions(project):
    return pd.read_csv(project / "data/08_reporting/test/promotions.csv").set_index("model")


def promote(project, caplog, pipelines=("promotion",), **params):
    with caplog.at_level("INFO"):
        projects.run(project, pipelines=list(pipelines), params=REGISTER | params)
    return promotions(project)


def test_a_better_challenger_takes_the_place_and_a_worse_one_does_not(project, caplog):
    better = promote(project, caplog, ["ranking", "promotion"]).loc["cdae"]
    assert better["decision"] == "promoted"
    assert better["low"] > 0
    assert aliases(project) == {"champion": 2, "challenger": 2}
    worse = promote(project, caplog, ["ranking", "promotion"], **WEAK)
    assert worse.loc["cdae", "decision"] == "refused"
    assert worse.loc["cdae", "reason"].startswith("not better: ndcg_at_10")
    assert aliases(project) == {"champion": 2, "challenger": 3}
    assert tags(project, 3)["promotion"] == "refused"
    assert tags(project, 3)["promotion_reason"] == worse.loc["cdae", "reason"]
    assert "cdae: refused – not better" in caplog.text
    # the same model again gains nothing
    assert worse.loc["popularity", "gain"] == 0
    run, _ = tracked.last_run(project)
    assert "not better" in tracked.artifact(run, "promotions.csv")


def test_the_figures_are_those_of_the_leaderboard_where_the_split_is_the_same(project, caplog):
    table = promote(project, caplog, ["ranking", "promotion"])
    board = pd.read_csv(project / "data/08_reporting/test/leaderboard.csv").set_index("model")
    for name, row in table.iterrows():
        assert row["challenger_value"] == pytest.approx(board.loc[name, "ndcg_at_10"], abs=1e-9)
        assert row["rows_left_out"] == 0


def test_rows_that_the_champion_learned_from_are_left_out_for_both(project, caplog):
    table = promote(project, caplog, ["ranking", "promotion"], split={"seed": 7})
    board = pd.read_csv(project / "data/08_reporting/test/leaderboard.csv").set_index("model")
    # of the new test rows four in five were train or validation of the champion's split
    test = matrix_of(project, "test_ratings")
    assert 0.6 * test.nnz < table.loc["ease", "rows_left_out"] < test.nnz
    assert table.loc["ease", "users"] < board.loc["ease", "users_judged"]


def matrix_of(project, name):
    from collaborative_autoencoders.datasets.sparse_matrix import SparseMatrixDataset

    return SparseMatrixDataset(
        filepath=str(project / f"data/05_model_input/test/{name}.npz")
    ).load()


def test_other_data_are_refused_unless_told(project, caplog):
    table = promote(project, caplog, ["ranking", "promotion"], core={"k": 5})
    assert (table["decision"] == "refused").all()
    assert table["reason"].str.contains("another catalogue").all()
    told = promote(project, caplog, promotion={"other_data": "allow", "policy": "better"})
    assert told.loc["cdae", "decision"] == "promoted"
    assert told.loc["cdae", "rows_left_out"] > 0
    assert aliases(project)["champion"] == 2


def test_a_version_is_rolled_back_to_and_the_other_one_is_not_promoted_again(project, caplog):
    promote(project, caplog, ["ranking", "promotion"])
    back = promote(project, caplog, promotion={"roll_back": {"cdae": 1}})
    assert back.index.tolist() == ["cdae"]
    assert aliases(project) == {"champion": 1, "challenger": 2}
    assert tags(project, 2)["promotion"] == "rolled back"
    for _ in range(2):
        again = promote(project, caplog)
        assert again.loc["cdae", "decision"] == "refused"
        assert "was rolled back" in again.loc["cdae", "reason"]
        assert aliases(project)["champion"] == 1
    promote(project, caplog, promotion={"policy": "always"})
    assert aliases(project)["champion"] == 2


def test_a_version_that_is_not_there_cannot_be_rolled_back_to(project):
    with pytest.raises(ValueError, match="cdae has no version 9 in the registry, only 1"):
        projects.run(
            project, pipelines=["promotion"], params={"promotion": {"roll_back": {"cdae": 9}}}
        )


def test_where_nothing_is_registered_nothing_moves(project, caplog):
    with caplog.at_level("INFO"):
        projects.run(project, pipelines=["ranking", "promotion"])
    table = promotions(project)
    assert (table["decision"] == "nothing").all()
    assert table["reason"].str.startswith("not registered: ").all()
    assert aliases(project) == {"champion": 1, "challenger": 1}


def test_models_for_ratings_are_compared_by_their_errors(tmp_path, caplog):
    project = projects.new_project(tmp_path / "world")
    weak = {"autorec": {"fitting": {"learning_rate": 1e-6}}}
    projects.run(project, pipelines=["rating"], params=REGISTER | weak)
    table = promote(project, caplog, ["rating", "promotion"])
    row = table.loc["autorec"]
    assert row["metric"] == "rmse"
    assert row["decision"] == "promoted"
    assert row["gain"] == pytest.approx(row["champion_value"] - row["challenger_value"])
