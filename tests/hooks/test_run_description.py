"""What MLflow's page of a whole run says."""

from types import SimpleNamespace

import pandas as pd

from collaborative_autoencoders.hooks.run_description import (
    about_models,
    about_run,
    best_row,
    without_folders,
)

HEADLINE = ("ndcg_at_10", "rmse")
BOARD = pd.DataFrame(
    {
        "model": ["cdae", "autorec_user", "mf"],
        "ndcg_at_10": [0.5, 0.25, None],
        "rmse": [None, 0.75, None],
        "fit_seconds": [1.25, 2.0, None],
        "ndcg_at_10_low": [0.4, 0.2, None],
        "ndcg_at_10_high": [0.6, 0.3, None],
        "left_out": [None, None, "no <room>"],
    }
)


def test_the_leaderboard_is_a_table_with_the_best_model_named():
    text = about_models(BOARD, HEADLINE)
    assert "**cdae** is best: NDCG@10 0.500, 95 % interval 0.400 to 0.600." in text
    assert "| cdae&ensp; | 0.500&ensp; | –&ensp; | 1.2&ensp; |" in text
    assert "| autorec&#95;user&ensp; | 0.250&ensp; | 0.750&ensp; | 2.0&ensp; |" in text
    assert text.endswith("mf is left out: no &#60;room&#62;")


def test_without_a_model_there_is_no_best_one():
    nothing = BOARD.assign(ndcg_at_10=float("nan"))
    assert best_row(nothing) is None
    assert "is best" not in about_models(nothing, HEADLINE)


RATINGS = pd.DataFrame(
    {
        "model": ["bias", "autorec", "mf"],
        "ndcg_at_10": [0.3, 0.2, None],
        "rmse": [0.95, 0.85, None],
        "fit_seconds": [0.25, 2.0, None],
        "rmse_low": [0.94, 0.84, None],
        "rmse_high": [0.96, 0.86, None],
        "left_out": [None, None, "too large"],
    }
)


def test_of_models_for_ratings_the_best_one_is_best_by_rmse():
    text = about_models(RATINGS, HEADLINE)
    assert best_row(RATINGS)["model"] == "autorec"
    assert "**autorec** is best: RMSE 0.850, 95 % interval 0.840 to 0.860." in text
    assert text.index("| autorec&ensp;") < text.index("| bias&ensp;")


def test_beside_models_of_lists_the_best_one_is_best_by_the_primary_metric():
    popularity = {"model": "popularity", "ndcg_at_10": 0.1, "rmse": None, "left_out": None}
    both = pd.concat([RATINGS, pd.DataFrame([popularity])], ignore_index=True)
    assert best_row(both)["model"] == "bias"


def test_a_run_says_its_command_and_its_start():
    tags = {"command": "kedro run --params `x`=1"}
    info = SimpleNamespace(start_time=1_700_000_000_000)
    text = about_run(SimpleNamespace(info=info, data=SimpleNamespace(tags=tags)))
    assert text == "`` kedro run --params `x`=1 ``, started 2023-11-14 22:13 UTC."


def test_folders_of_the_machine_are_not_shown():
    command = (
        "kedro run --conf-source /home/ann/conf --params a=sqlite:////srv/b/x.db,c=C:\\Users\\d.csv"
    )
    shown = "kedro run --conf-source …/conf --params a=sqlite:///…/x.db,c=…/d.csv"
    assert without_folders(command) == shown
    for kept in ("kedro run --env a/b", "http://host:5000/api/x", "sqlite:///mlflow.db", "…/x"):
        assert without_folders(kept) == kept
