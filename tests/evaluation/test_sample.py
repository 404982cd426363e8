"""Evaluation of a sample of users: the same for every model, with the figures of their own."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest
from evaluation.small_world import (
    LARGE_TEST,
    LARGE_TRAIN,
    LARGE_VALIDATION,
    Noisy,
    NoisyRatings,
    all_results,
    options_with,
)
from model_options import RUNNING
from rich.console import Console

from collaborative_autoencoders.evaluation import beyond_accuracy
from collaborative_autoencoders.evaluation.leaderboard import about_sample
from collaborative_autoencoders.evaluation.table_claims import check_user_scores
from collaborative_autoencoders.hooks.leaderboard import show_leaderboard
from collaborative_autoencoders.hooks.run_description import about_models
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.interactions.sample import log_sample, sample_of, users_of
from collaborative_autoencoders.models.model import Fitted
from collaborative_autoencoders.pipelines.evaluation.nodes import (
    average_scores,
    break_down,
    compare_models,
    evaluate_model,
)

PARTS = {"train": LARGE_TRAIN, "validation": LARGE_VALIDATION, "test": LARGE_TEST}
KNOWN = {name: PARTS[name] for name in ("train", "validation")}
ALL, TEN = options_with(), options_with(test_users=10)
DRAWN = users_of(sample_of(LARGE_TEST, 10))


def fitted_by(model):
    return Fitted("model", model, parts=fingerprint(**KNOWN))


def evaluation_of(options, model=None):
    fitted = fitted_by(model or NoisyRatings(0.5))
    return evaluate_model(fitted, **PARTS, evaluation=options, running=RUNNING)


def test_lists_predictions_and_scores_are_those_of_the_drawn_users_among_all():
    whole, sample = evaluation_of(ALL), evaluation_of(TEN)
    for name in ("ranked_items", "predicted_ratings"):
        of_drawn = whole[name][whole[name]["user_index"].isin(DRAWN)].reset_index(drop=True)
        pd.testing.assert_frame_equal(sample[name], of_drawn)
    scores, expected = (each["user_scores"] for each in (sample, whole))
    pd.testing.assert_frame_equal(scores.loc[DRAWN], expected.loc[DRAWN])
    others = scores.drop(index=DRAWN)
    assert len(others) == 20
    assert not others[["n_relevant", "n_ratings", "rmse_sum", "list_by_popularity"]].any(axis=None)
    assert others.filter(regex="_at_").isna().all(axis=None)
    check_user_scores(scores)


def test_figures_are_means_over_the_drawn_users():
    whole, sample = evaluation_of(ALL), evaluation_of(TEN)
    made = (sample["user_scores"], sample["ranked_items"])
    figures = average_scores(*made, LARGE_TRAIN, LARGE_TEST, {}, TEN)
    of_drawn = whole["user_scores"].loc[DRAWN]
    assert figures["ndcg_at_2"] == pytest.approx(of_drawn["ndcg_at_2"].mean())
    squared, ratings = of_drawn[["rmse_sum", "n_ratings"]].sum()
    assert figures["rmse"] == pytest.approx(np.sqrt(squared / ratings))
    assert (figures["users_judged"], figures["users_listed"]) == (10, 10)
    assert figures["ratings_judged"] == ratings
    assert (figures["users_sampled"], figures["users_held_out"]) == (10, 30)


def test_groups_are_of_all_users_and_their_figures_of_the_drawn_ones():
    whole, sample = evaluation_of(ALL), evaluation_of(TEN)
    broken = break_down(**sample, **PARTS, evaluation=TEN)["breakdown"]["activity"]
    of_all = break_down(**whole, **PARTS, evaluation=ALL)["breakdown"]["activity"]
    assert [row["users"] for row in broken] == [row["users"] for row in of_all]
    assert sum(row["evaluated"] for row in broken) == 10


def test_the_diversity_is_of_every_second_list_of_the_drawn_users(monkeypatch):
    monkeypatch.setattr(beyond_accuracy, "DIVERSE_LISTS", 5)
    compared, diversities = [], []

    def remember(item_UK, _):
        compared.extend(item_UK.tolist())
        diversity_U = np.arange(len(item_UK)) / 10  # one value would not show a list left out
        diversities.extend(diversity_U)
        return diversity_U

    monkeypatch.setattr(beyond_accuracy, "intra_list_diversity", remember)
    sample = evaluation_of(TEN)
    values = break_down(**sample, **PARTS, evaluation=TEN)["group_metrics"]
    lists = sample["ranked_items"].groupby("user_index")["item_index"].agg(list)
    assert [items[:2] for items in lists.loc[DRAWN[::2]]] == compared
    assert values["intra_list_diversity_at_2"] == pytest.approx(np.mean(diversities))


def test_scores_of_another_sample_are_refused():
    sample = evaluation_of(TEN)
    with pytest.raises(ValueError, match="other numbers of held-out likes than the test part"):
        break_down(**sample, **PARTS, evaluation=options_with(test_users=11))


def test_all_models_are_compared_on_the_same_users_and_a_run_says_on_how_many(caplog):
    caplog.set_level("INFO")
    results = all_results({"good": NoisyRatings(0.1), "bad": Noisy(5.0)}, TEN)
    judged = [
        set(results[f"{name}.user_scores"].query("n_relevant > 0").index)
        for name in ("good", "bad")
    ]
    assert judged[0] == judged[1] == set(DRAWN)
    of_lists = results["differences"].query("metric == 'ndcg_at_2'")
    assert of_lists["users"].tolist() == [10, 10]
    said = [text for text in caplog.messages if "sample" in text]
    assert said == [
        f"{name}: evaluated on a sample of 10 of the 30 users with held-out ratings, 10 of them "
        "with likes among these (evaluation.test_users)"
        for name in ("good", "bad")
    ]


def test_with_as_many_users_as_have_ratings_nothing_is_drawn():
    whole, sample = evaluation_of(ALL), evaluation_of(options_with(test_users=30))
    for name, table in whole.items():
        pd.testing.assert_frame_equal(sample[name], table)


def test_where_nothing_is_drawn_users_without_held_out_ratings_keep_their_lists():
    is_left_out_U = np.arange(30) < 12
    parts = PARTS | {"test": LARGE_TEST.without_users(is_left_out_U)}
    whole, sample = (
        evaluate_model(fitted_by(Noisy(0.5)), **parts, evaluation=options, running=RUNNING)
        for options in (ALL, options_with(test_users=18))
    )
    for name, table in whole.items():
        pd.testing.assert_frame_equal(sample[name], table)
    assert whole["ranked_items"]["user_index"].nunique() == 30
    made = [
        break_down(**whole, **parts, evaluation=options)
        for options in (ALL, options_with(test_users=18))
    ]
    assert made[0] == made[1]


def test_the_split_with_the_other_order_of_ties_has_the_same_sample():
    held_out = LARGE_TEST.ratings
    other = held_out.copy()
    other.indices = (other.indices + 1) % held_out.shape[1]  # other items of the same users
    tied = Interactions.of(other, 4)
    np.testing.assert_array_equal(users_of(sample_of(tied, 10)), DRAWN)


def test_a_sample_without_held_out_likes_is_a_warning(caplog):
    disliked = LARGE_TEST.ratings.copy()
    disliked.data[:] = 1
    log_sample("ease", "evaluated", Interactions.of(disliked, 4), 10)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "0 of them with likes among these" in record.getMessage()


def test_models_that_were_evaluated_on_other_samples_are_not_compared():
    results = all_results({"good": NoisyRatings(0.1), "bad": NoisyRatings(5.0)}, TEN)
    other = all_results({"bad": NoisyRatings(5.0)}, options_with(test_users=11))
    mixed = {
        name: other.get(name, table)
        for name, table in results.items()
        if name.partition(".")[2] in ("metrics", "fit_facts", "user_scores")
    }
    with pytest.raises(
        ValueError,
        match="bad and good were not .* Evaluate bad again: kedro run .*bad.evaluate_model",
    ):
        compare_models(TEN, **mixed)


def test_the_leaderboard_says_of_which_sample_its_figures_are():
    models = {"good": NoisyRatings(0.1), "bad": NoisyRatings(5.0)}
    board = all_results(models, TEN)["leaderboard"]
    assert about_sample(board) == (
        "All figures are of a sample of 10 of the 30 users with held-out ratings "
        "(evaluation.test_users)."
    )
    assert about_sample(all_results(models, ALL)["leaderboard"]) == ""


def test_the_terminal_and_the_page_of_the_run_say_of_which_sample_the_figures_are():
    made = all_results({"good": NoisyRatings(0.1), "bad": NoisyRatings(5.0)}, TEN)
    console = Console(file=StringIO(), width=200)
    show_leaderboard(made["leaderboard"], made["differences"], console)
    said = "a sample of 10 of the 30 users with held-out ratings"
    assert said in console.file.getvalue()
    assert said in about_models(made["leaderboard"], TEN.headline)


def test_scores_of_another_sample_have_no_averages():
    sample = evaluation_of(TEN)
    tables = sample["user_scores"], sample["ranked_items"], LARGE_TRAIN, LARGE_TEST
    with pytest.raises(ValueError, match="other numbers of held-out likes than the test part"):
        average_scores(*tables, {}, ALL)
