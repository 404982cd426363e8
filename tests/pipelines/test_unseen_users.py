"""Unseen users: who is held out, that the fit has not seen them, and their figures."""

import io
import json
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import projects
import pytest
import tracked
from scipy.sparse import csr_array

from collaborative_autoencoders.datasets.interactions import InteractionsDataset
from collaborative_autoencoders.hooks.dataset_logging import rounded
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.unseen_users import (
    UnseenUsersOptions,
    choose_users,
    without_users,
)
from collaborative_autoencoders.models import default_models, models_for, networks
from collaborative_autoencoders.models.bytes import model_from_bytes

pytestmark = pytest.mark.slow

PARTS = ("train", "validation")
REPORTS = "data/08_reporting/test"
FRACTION = {"unseen_users": {"fraction": 0.3}}


# which users are held out


def ids(*raw):
    return pd.DataFrame({"user_index": np.arange(len(raw)), "user_id": raw})


def options(fraction=0.1, seed=42):
    return UnseenUsersOptions(fraction=fraction, seed=seed)


def test_the_choice_is_a_tenth_of_the_users_and_depends_only_on_seed_and_raw_ids():
    many = ids(*range(1000))
    chosen = choose_users(many, options())
    assert len(chosen) == 100
    assert chosen["user_index"].is_monotonic_increasing
    backwards = ids(*reversed(range(1000)))
    again = choose_users(backwards, options())
    assert set(again["user_id"]) == set(chosen["user_id"])
    assert set(choose_users(many, options(seed=1))["user_id"]) != set(chosen["user_id"])


def test_the_chosen_users_are_spread_evenly_over_the_ids():
    chosen = choose_users(ids(*range(10_000)), options())["user_id"]
    assert 4700 < chosen.mean() < 5300


def test_a_fraction_of_less_than_one_user_is_refused_with_the_fix():
    with pytest.raises(ValueError, match=r"0.1 of 9 users rounds down to 0. Increase the fraction"):
        choose_users(ids(*range(9)), options())


def test_rows_of_held_out_users_are_removed_and_a_rating_of_zero_is_not():
    ratings_UI = csr_array((np.array([3.0, 0.0, 5.0]), [0, 1, 1], [0, 1, 2, 3]), shape=(3, 2))
    remaining = without_users(Interactions.of(ratings_UI, 4), np.array([0]))
    assert remaining.shape == (2, 2)
    assert remaining.ratings.indptr.tolist() == [0, 1, 2]
    assert remaining.ratings.data.tolist() == [0.0, 5.0]
    assert remaining.likes.toarray().tolist() == [[0, 0], [0, 1]]


# the fit has not seen them


@pytest.fixture(scope="module")
def ran(finished_world):
    """A folder with a project that ran `unseen_users` after a finished run, and what it printed.

    One for all workers.
    """

    def make(folder):
        project = projects.copy_of(finished_world, folder / "world")
        with redirect_stdout(io.StringIO()) as printed:
            projects.run(project, pipelines=["unseen_users"], params=FRACTION)
        (folder / "printed.txt").write_text(printed.getvalue(), encoding="utf-8")

    return projects.once("unseen_users", make)


@pytest.fixture(scope="module")
def project(ran):
    return ran / "world"


def dataset(project, name):
    return InteractionsDataset(filepath=str(project / f"data/05_model_input/test/{name}.npz"))


def part(project, name):
    return dataset(project, name).load()


def held_out(project):
    folder = project / "data/05_model_input/test/without_unseen"
    return pd.read_parquet(folder / "unseen_users.parquet")["user_index"].to_numpy()


def model_file(project, name):
    return project / f"data/06_models/test/without_unseen/{name}.safetensors"


def model(project, name):
    return model_from_bytes(model_file(project, name).read_bytes()).model


def scores(project, name, answered_as="unseen"):
    both = pd.read_parquet(project / REPORTS / name / "unseen_user_scores.parquet")
    return both[both["answered_as"] == answered_as].reset_index(drop=True)


def comparison(project):
    return pd.read_csv(project / REPORTS / "unseen_comparison.csv")


@pytest.mark.parametrize("name", PARTS)
def test_the_remaining_users_have_all_their_ratings_and_no_other_user_has_any(project, name):
    remaining = np.setdiff1d(np.arange(60), held_out(project))
    whole, without = part(project, name), part(project, f"without_unseen/{name}")
    assert len(remaining) == 60 - 18
    assert without.shape[0] == 60 - 18
    for view in ("ratings", "likes", "times"):
        difference = getattr(without, view) != getattr(whole, view)[remaining]
        assert difference.nnz == 0


def test_the_fit_does_not_depend_on_the_ratings_of_unseen_users(project, tmp_path):
    other = projects.copy_of(project, tmp_path / "other")
    users = held_out(project)
    rows = np.arange(60)
    rows[users] = np.setdiff1d(rows, users)[: len(users)]  # they now rate as other users do
    for name in PARTS:
        dataset(other, name).save(part(project, name).of_users(rows))
    projects.forget_records(other)
    fitted = ("autorec", "cdae", "popularity")
    fits = [f"{name}.fit_model_without_unseen" for name in fitted]
    projects.run(other, pipelines=["unseen_users"], params=FRACTION, to_nodes=fits)
    for name in fitted:
        before, after = (model_file(folder, name).read_bytes() for folder in (project, other))
        assert before == after, name


def test_a_model_that_was_fitted_on_the_unseen_users_is_refused(project, tmp_path):
    other = projects.copy_of(project, tmp_path / "other")
    with_all_users = other / "data/06_models/test/cdae.safetensors"
    model_file(other, "cdae").write_bytes(with_all_users.read_bytes())
    projects.forget_records(other)
    with pytest.raises(ValueError, match="cdae was fitted on another split"):
        projects.run(other, pipelines=["unseen_users"], node_names=["cdae.evaluate_unseen_users"])


# the figures


@pytest.mark.parametrize("name", ["popularity", "ease"])
def test_the_list_of_an_unseen_user_is_scored_as_by_hand(project, name):
    users, train, validation = held_out(project), *(part(project, name) for name in PARTS)
    history = (train.likes + validation.likes)[users]
    seen = (train.ratings + validation.ratings).toarray() > 0
    scores_UI = model(project, name).score(history, np.full(len(users), -1))
    relevant = part(project, "test").likes.toarray() > 0
    expected = []
    for user, score_I in zip(users, scores_UI, strict=True):
        score_I = np.where(seen[user], -np.inf, score_I)
        best = np.argsort(-score_I, kind="stable")[:5]
        gain = relevant[user, best] / np.log2(np.arange(2, 7))
        ideal = (1 / np.log2(np.arange(2, 7)))[: relevant[user].sum()].sum()
        expected.append(gain.sum() / ideal if ideal else np.nan)
    found = scores(project, name)
    assert found["user_index"].tolist() == users.tolist()
    np.testing.assert_allclose(found["ndcg_at_5"], expected)


@pytest.mark.parametrize("name", models_for("rating"))
def test_a_rating_of_an_unseen_user_is_predicted_from_the_history_alone(project, name):
    users, known = held_out(project), part(project, "train").joined(part(project, "validation"))
    predicted = model(project, name).predict(known.ratings[users], np.full(len(users), -1))
    actual = part(project, "test").ratings[users].toarray()
    squared = np.where(actual > 0, (predicted - actual) ** 2, 0).sum(axis=1)
    np.testing.assert_allclose(scores(project, name)["rmse_sum"], squared, rtol=1e-4)


@pytest.mark.parametrize("name", default_models())
def test_the_same_users_as_known_users_have_the_scores_of_the_evaluation(project, name):
    evaluated = pd.read_parquet(project / REPORTS / name / "user_scores.parquet")
    expected = evaluated.iloc[held_out(project)].reset_index(drop=True)
    known = scores(project, name, "known")
    pd.testing.assert_frame_equal(known[expected.columns], expected, check_exact=False)


def test_the_comparison_has_the_means_and_paired_differences_of_every_model(project):
    table = comparison(project).set_index(["model", "metric"])
    for name in default_models():
        row = table.loc[(name, "ndcg_at_10")]
        unseen, known = (scores(project, name, kind)["ndcg_at_10"] for kind in ("unseen", "known"))
        assert row["unseen"] == pytest.approx(unseen.mean())
        assert row["known"] == pytest.approx(known.mean())
        assert row["less_known"] == pytest.approx((unseen - known).mean())
        assert row["less_known_low"] <= row["less_known"] <= row["less_known_high"]
    popularity = table.loc[("popularity", "ndcg_at_10"), "unseen"]
    assert table.loc[("cdae", "ndcg_at_10"), "popularity"] == popularity
    assert [name for name, metric in table.index if metric == "rmse"] == models_for("rating")


def test_in_a_world_with_two_tastes_cdae_is_better_than_popularity_for_unseen_users(project):
    row = comparison(project).set_index(["model", "metric"]).loc[("cdae", "ndcg_at_10")]
    assert row["than_popularity"] == "better"


def test_the_figures_are_metrics_of_one_run_per_model(project):
    parent, children = tracked.last_run(project)
    assert parent.info.run_name == "test: unseen_users"
    assert sorted(children) == sorted(default_models())
    for name in default_models():
        metrics = children[name].data.metrics
        kept = json.loads((project / REPORTS / name / "unseen_metrics.json").read_text())
        assert metrics["unseen/unseen_ndcg_at_10"] == pytest.approx(kept["unseen_ndcg_at_10"])
        assert {"known_ndcg_at_10", "unseen_ndcg_at_10_low", "unseen_ndcg_at_10_high"} < set(kept)
        assert ("unseen_rmse" in kept) == (name in models_for("rating"))
    written = pd.read_csv(project / REPORTS / "unseen_comparison.csv")
    logged = pd.read_csv(tracked.artifacts(parent) / "unseen_comparison.csv")
    pd.testing.assert_frame_equal(logged, rounded(written))


def test_the_table_on_the_terminal_has_at_most_80_characters_a_line(ran):
    printed = (ran / "printed.txt").read_text(encoding="utf-8")
    lines = [line.rstrip() for line in printed.splitlines()]
    table = lines[lines.index("18 users that the fit has not seen") :]
    assert max(map(len, table)) <= 80
    assert set(default_models()) < {line.split()[0] for line in table if line}


def test_in_data_without_ratings_rating_models_are_left_out(project, tmp_path):
    other = projects.new_project(tmp_path / "likes")
    columns = {"columns": {"rating": None, "timestamp": None}, "rating_scale": None}
    pipelines = ["data_engineering", "training", "unseen_users"]
    quick = {network: {"fitting": {"epochs": 1}} for network in networks()}
    projects.run(other, pipelines=pipelines, params=FRACTION | {"cleaning": columns} | quick)
    assert set(comparison(other)["model"]) == set(models_for("ranking"))
    kept = json.loads((other / REPORTS / "mf" / "unseen_metrics.json").read_text())
    assert kept == {}
