"""Users whom a fit of its own has never seen: who they are, that it has not, how they do."""

import json

import numpy as np
import pandas as pd
import projects
import pytest
import tracked
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.matrices import matrix_from_bytes, matrix_to_bytes
from collaborative_autoencoders.models import MODELS, models_for
from collaborative_autoencoders.models.bytes import model_from_bytes
from collaborative_autoencoders.pipelines.unseen_users.holding_out import choose_users, only_rows
from collaborative_autoencoders.pipelines.unseen_users.options import UnseenUsersOptions

PARTS = ("train_ratings", "train_likes", "validation_ratings", "validation_likes")
REPORTS = "data/08_reporting/test"


@pytest.fixture(scope="module")
def project(finished_world, tmp_path_factory):
    """A finished run, and the pipeline after it."""
    project = projects.copy_of(finished_world, tmp_path_factory.mktemp("unseen") / "world")
    projects.run(project, pipelines=["unseen_users"], params={"unseen_users": {"fraction": 0.3}})
    return project


def matrix(project, name):
    return matrix_from_bytes((project / f"data/05_model_input/test/{name}.npz").read_bytes())


def held_out(project):
    return pd.read_parquet(project / "data/05_model_input/test/of_others/unseen_users.parquet")


def others(project):
    users = held_out(project)["user_index"]
    return np.setdiff1d(np.arange(60), users)


def model(project, name):
    file = project / f"data/06_models/test/of_others/{name}.safetensors"
    return model_from_bytes(file.read_bytes())


def scores(project, name, kind="unseen"):
    return pd.read_parquet(project / REPORTS / name / f"{kind}_user_scores.parquet")


def comparison(project):
    return pd.read_csv(project / REPORTS / "unseen_comparison.csv")


# who is held out


def ids(*raw):
    return pd.DataFrame({"user_index": np.arange(len(raw)), "user_id": raw})


def options(fraction=0.1, seed=42):
    return UnseenUsersOptions(fraction=fraction, seed=seed)


def test_the_choice_is_a_tenth_of_the_users_and_of_seed_and_raw_ids_alone():
    many = ids(*range(1000))
    chosen = choose_users(many, options())
    assert len(chosen) == 100
    assert chosen["user_index"].is_monotonic_increasing
    backwards = ids(*reversed(range(1000)))
    again = choose_users(backwards, options())
    assert set(again["user_id"]) == set(chosen["user_id"])
    assert set(choose_users(many, options(seed=1))["user_id"]) != set(chosen["user_id"])


def test_users_are_chosen_whatever_the_order_in_which_ids_were_numbered():
    chosen = choose_users(ids(*range(10_000)), options())["user_id"]
    assert 4700 < chosen.mean() < 5300


def test_a_fraction_that_is_nobody_is_named_with_the_mend():
    with pytest.raises(
        ValueError, match=r"unseen_users.fraction: 0.1 of 9 users is nobody: raise it"
    ):
        choose_users(ids(*range(9)), options())


def test_rows_of_others_are_emptied_and_a_rating_of_zero_stays():
    part_UI = csr_array((np.array([3.0, 0.0, 5.0]), [0, 1, 1], [0, 1, 2, 3]), shape=(3, 2))
    kept = only_rows(part_UI, np.array([1, 2]))
    assert kept.shape == (3, 2)
    assert kept.indptr.tolist() == [0, 0, 1, 2]
    assert kept.data.tolist() == [0.0, 5.0]


# the fit has not seen them


@pytest.mark.parametrize("part", PARTS)
def test_others_are_whole_and_nobody_else_is_there(project, part):
    difference = matrix(project, f"of_others/{part}") != matrix(project, part)[others(project)]
    assert difference.nnz == 0
    assert len(held_out(project)) == 18


def test_whatever_unseen_users_have_rated_the_fit_is_the_same(project, tmp_path):
    other = projects.copy_of(project, tmp_path / "other")
    rng = np.random.default_rng(0)
    for part in PARTS:
        whole = matrix(project, part).toarray()
        rows = held_out(project)["user_index"].to_numpy()
        whole[rows] = rng.permuted(whole[rows], axis=1)
        file = other / f"data/05_model_input/test/{part}.npz"
        file.write_bytes(matrix_to_bytes(csr_array(whole)))
    fits = [f"{name}.fit_model_of_others" for name in MODELS]
    projects.run(
        other,
        pipelines=["unseen_users"],
        params={"unseen_users": {"fraction": 0.3}},
        to_nodes=fits,
    )
    for name in MODELS:
        files = [
            folder / f"data/06_models/test/of_others/{name}.safetensors"
            for folder in (project, other)
        ]
        assert files[0].read_bytes() == files[1].read_bytes(), name


def test_a_fit_that_has_met_the_unseen_users_is_not_judged(project, tmp_path):
    other = projects.copy_of(project, tmp_path / "other")
    known = other / "data/06_models/test/cdae.safetensors"
    (other / "data/06_models/test/of_others/cdae.safetensors").write_bytes(known.read_bytes())
    with pytest.raises(ValueError, match="cdae was fitted on another split"):
        projects.run(other, pipelines=["unseen_users"], node_names=["cdae.judge_unseen_users"])


# the figures


@pytest.mark.parametrize("name", ["popularity", "ease"])
def test_a_list_for_somebody_unseen_is_judged_as_by_hand(project, name):
    users = held_out(project)["user_index"].to_numpy()
    parts = {part: matrix(project, part) for part in PARTS}
    history = (parts["train_likes"] + parts["validation_likes"]).toarray()
    seen = (parts["train_ratings"] + parts["validation_ratings"]).toarray() > 0
    fitted = model(project, name).model
    told = fitted.score(csr_array(history[users]), np.full(len(users), -1))
    relevant = matrix(project, "test_likes").toarray() > 0
    expected = []
    for user, score_I in zip(users, told, strict=True):
        score_I = np.where(seen[user], -np.inf, score_I)
        best = np.argsort(-score_I, kind="stable")[:5]
        gain = relevant[user, best] / np.log2(np.arange(2, 7))
        ideal = (1 / np.log2(np.arange(2, 7)))[: relevant[user].sum()].sum()
        expected.append(gain.sum() / ideal if ideal else np.nan)
    found = scores(project, name)
    assert found["user_index"].tolist() == users.tolist()
    np.testing.assert_allclose(found["ndcg_at_5"], expected)


@pytest.mark.parametrize("name", models_for("rating"))
def test_a_rating_of_somebody_unseen_is_told_from_the_history_alone(project, name):
    users = held_out(project)["user_index"].to_numpy()
    history = matrix(project, "train_ratings") + matrix(project, "validation_ratings")
    told = model(project, name).model.predict(history[users], np.full(len(users), -1))
    actual = matrix(project, "test_ratings")[users].toarray()
    squared = np.where(actual > 0, (told - actual) ** 2, 0).sum(axis=1)
    np.testing.assert_allclose(scores(project, name)["squared_error"], squared, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_the_same_users_known_are_judged_as_the_evaluation_judges_them(project, name):
    users = held_out(project)["user_index"]
    evaluated = pd.read_parquet(project / REPORTS / name / "user_scores.parquet")
    expected = evaluated.iloc[users].reset_index(drop=True)
    known = scores(project, name, "known")
    pd.testing.assert_frame_equal(known[expected.columns], expected, check_exact=False)


def test_the_comparison_holds_means_and_paired_differences(project):
    table = comparison(project).set_index(["model", "metric"])
    for name in MODELS:
        row = table.loc[(name, "ndcg_at_10")]
        unseen, known = (scores(project, name, kind)["ndcg_at_10"] for kind in ("unseen", "known"))
        assert row["unseen"] == pytest.approx(unseen.mean())
        assert row["known"] == pytest.approx(known.mean())
        assert row["less_known"] == pytest.approx((unseen - known).mean())
        assert row["less_known_low"] <= row["less_known"] <= row["less_known_high"]
    popular = table.loc[("popularity", "ndcg_at_10"), "unseen"]
    assert table.loc[("cdae", "ndcg_at_10"), "popularity"] == popular
    assert pd.isna(table.loc[("popularity", "ndcg_at_10"), "popularity"])
    told = [name for name, metric in table.index if metric == "rmse"]
    assert told == models_for("rating")


def test_an_unseen_user_of_a_world_with_two_tastes_is_answered_better_than_by_popularity(project):
    row = comparison(project).set_index(["model", "metric"]).loc[("cdae", "ndcg_at_10")]
    assert row["than_popularity"] == "better"


def test_figures_are_metrics_of_a_run_per_model(project):
    parent, children = tracked.last_run(project)
    assert parent.info.run_name == "test: unseen_users"
    assert sorted(children) == sorted(MODELS)
    for name in MODELS:
        metrics = children[name].data.metrics
        kept = json.loads((project / REPORTS / name / "unseen_metrics.json").read_text())
        assert metrics["unseen_ndcg_at_10"] == pytest.approx(kept["unseen_ndcg_at_10"])
        assert {"known_ndcg_at_10", "unseen_ndcg_at_10_low", "unseen_ndcg_at_10_high"} < set(kept)
        assert ("unseen_rmse" in kept) == (name in models_for("rating"))
    written = (project / REPORTS / "unseen_comparison.csv").read_text()
    assert tracked.artifact(parent, "unseen_comparison.csv") == written


def test_the_table_on_a_terminal_says_it_in_80_characters(project, capsys):
    params = {"unseen_users": {"fraction": 0.3}}
    projects.run(
        project, pipelines=["unseen_users"], params=params, from_nodes=["compare_unseen_users"]
    )
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    table = lines[lines.index("18 users whom the fit has not seen") :]
    assert max(map(len, table)) <= 80
    assert set(MODELS) < {line.split()[0] for line in table if line}


def test_data_without_ratings_leave_models_out(project, tmp_path):
    other = projects.new_project(tmp_path / "likes")
    params = {
        "cleaning": {"columns": {"rating": None, "timestamp": None}, "rating_scale": None},
        "unseen_users": {"fraction": 0.3},
    }
    projects.run(other, pipelines=["__default__", "unseen_users"], params=params)
    assert set(comparison(other)["model"]) == set(models_for("ranking"))
    kept = json.loads((other / REPORTS / "mf" / "unseen_metrics.json").read_text())
    assert kept == {}
