"""The doors of the evaluation pipeline: each node is a sentence about values."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.matrices import Interactions
from collaborative_autoencoders.judging.averages import (
    Metrics,
    average_errors,
    average_lists,
    describe_catalogue,
)
from collaborative_autoencoders.judging.differences import compare_with_above, tell_apart
from collaborative_autoencoders.judging.known import known_of, refuse_leak
from collaborative_autoencoders.judging.leaderboard import make_leaderboard
from collaborative_autoencoders.judging.lists import (
    check_lists,
    lists_to_table,
    no_lists,
    table_to_lists,
)
from collaborative_autoencoders.judging.options import EvaluationOptions
from collaborative_autoencoders.judging.scores import (
    count_owners,
    errors_of_ratings,
    no_predictions,
    predictions_to_table,
    score_of_lists,
)
from collaborative_autoencoders.metrics.hits import count_relevant
from collaborative_autoencoders.models.model import Fitted, RatingModel
from collaborative_autoencoders.recommending import ranking, rating

from . import comparison
from .breakdown import (
    by_activity,
    by_concentration,
    by_length,
    by_popularity,
    name_of_groups,
    shown_length,
)
from .curves import History, draw_history

FACTS_TO_REPORT = ("fit_seconds", "best_epoch")


def rank_items(
    fitted: Fitted,
    train_ratings: csr_array,
    train_likes: csr_array,
    validation_ratings: csr_array,
    validation_likes: csr_array,
    evaluation: EvaluationOptions,
) -> pd.DataFrame:
    """The longest list asked for, of every user: user_index, rank from 1, item_index, score.

    What the user has in train or validation is left out. No row where the model was left out.
    """
    if fitted.model is None:
        return no_lists()
    known = known_of(
        fitted,
        Interactions(train_ratings, train_likes),
        Interactions(validation_ratings, validation_likes),
    )
    lists = ranking.rank_items(
        fitted.model, *known, k=max(evaluation.k), batch_size=evaluation.batch_size
    )
    return lists_to_table(*lists)


def predict_ratings(
    fitted: Fitted,
    train_ratings: csr_array,
    train_likes: csr_array,
    validation_ratings: csr_array,
    validation_likes: csr_array,
    test_ratings: csr_array,
    evaluation: EvaluationOptions,
) -> pd.DataFrame:
    """Every held-out rating beside its prediction: user_index, item_index, rating, predicted.

    Of the test part the model is told which ratings to predict, never their values. No row where
    the model tells no ratings or was left out. Raises ValueError where train or validation holds
    one of the test ratings.
    """
    refuse_leak(test_ratings, train_ratings, validation_ratings)
    model = fitted.model
    if model is None or not isinstance(model, RatingModel):
        return no_predictions()
    known = known_of(
        fitted,
        Interactions(train_ratings, train_likes),
        Interactions(validation_ratings, validation_likes),
    )
    predicted_UI = rating.predict_ratings(
        model, known.histories_UI, test_ratings, evaluation.batch_size
    )
    return predictions_to_table(predicted_UI, test_ratings)


def score_lists(
    ranked_items: pd.DataFrame,
    predicted_ratings: pd.DataFrame,
    test_likes: csr_array,
    train_ratings: csr_array,
    validation_ratings: csr_array,
    evaluation: EvaluationOptions,
) -> pd.DataFrame:
    """One row per user: user_index, n_relevant, every metric at every k, sums of rating errors.

    NaN for a user with nothing held out. The rating columns are there where ratings were
    predicted; no row at all where there is neither a list nor a prediction.
    Raises ValueError where a list is not best first, repeats an item or holds a seen one.
    """
    n_users = test_likes.shape[0]
    item_UK, score_UK = table_to_lists(ranked_items, n_users, max(evaluation.k))
    check_lists(item_UK, score_UK, train_ratings, validation_ratings)
    scores = score_of_lists(item_UK, test_likes, count_owners(train_ratings), evaluation.k)
    if len(predicted_ratings):
        return scores.join(errors_of_ratings(predicted_ratings, n_users))
    return scores if len(ranked_items) else scores.head(0)


def average_scores(
    user_scores: pd.DataFrame,
    ranked_items: pd.DataFrame,
    train_ratings: csr_array,
    fit_facts: Mapping[str, Any],
    evaluation: EvaluationOptions,
) -> Metrics:
    """The figures of a model by name, each mean with `_low` and `_high` of its 95 % interval.

    `users_judged` have something held out and stand behind the ranking metrics, `users_listed`
    have a list and stand behind novelty, `ratings_judged` stand behind RMSE and MAE. A figure
    that cannot be told is not there; a model that was left out has none.
    """
    if user_scores.empty:
        return {}
    facts = {name: fit_facts.get(name) for name in FACTS_TO_REPORT}
    figures = {
        **average_lists(user_scores, evaluation),
        **describe_catalogue(ranked_items, count_owners(train_ratings), evaluation.k),
        **average_errors(user_scores, evaluation),
        **{name: float(value) for name, value in facts.items() if value is not None},
    }
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def break_down(
    user_scores: pd.DataFrame,
    ranked_items: pd.DataFrame,
    predicted_ratings: pd.DataFrame,
    test_likes: csr_array,
    train_ratings: csr_array,
    validation_ratings: csr_array,
    evaluation: EvaluationOptions,
) -> dict[str, Any]:
    """The model's figures by activity, popularity, concentration and length of list, for drawing.

    `group_metrics` are those of the groups under flat names. Both are empty for a model that was
    left out. Lists are judged at the one of the lengths that is nearest to 10.
    """
    if user_scores.empty:
        return {"breakdown": {}, "group_metrics": {}}
    k, n_items = shown_length(evaluation.k), test_likes.shape[1]
    item_UK, _ = table_to_lists(ranked_items, test_likes.shape[0], max(evaluation.k))
    shown_UK, owners_I = item_UK[:, :k], count_owners(train_ratings)
    n_ratings_U = count_relevant(train_ratings) + count_relevant(validation_ratings)
    activity = by_activity(user_scores, n_ratings_U, k)
    popularity = by_popularity(shown_UK, test_likes, predicted_ratings, owners_I)
    breakdown = {
        "k": k,
        "activity": activity,
        "popularity": popularity,
        "lorenz": by_concentration(shown_UK, n_items),
        "by_length": by_length(item_UK, test_likes),
    }
    return {
        "breakdown": breakdown,
        "group_metrics": name_of_groups(activity, k) | name_of_groups(popularity, k),
    }


def draw_curves(history: History) -> Any:
    """The learning curves as a plotly figure: loss and validation by epoch."""
    return draw_history(history, title="Learning curves")


def compare_models(evaluation: EvaluationOptions, **results: Any) -> dict[str, pd.DataFrame]:
    """The leaderboard, one row per model, and the differences, one row per pair of models.

    The leaderboard is sorted by the primary metric, best first, and says of each row whether it is
    better, worse or not told apart from the row above by the paired difference over users.
    `results` holds `<model>.metrics`, `<model>.fit_facts` and `<model>.user_scores` of every model
    by these names.
    """
    models = [name.removesuffix(".metrics") for name in results if name.endswith(".metrics")]
    board = make_leaderboard(
        metrics={model: results[f"{model}.metrics"] for model in models},
        left_out={model: results[f"{model}.fit_facts"]["left_out"] for model in models},
        primary_metric=evaluation.primary_metric,
    )
    user_scores = {model: results[f"{model}.user_scores"] for model in models}
    differences = tell_apart(user_scores, evaluation)
    return {
        "leaderboard": compare_with_above(board, differences),
        "differences": differences,
    }


def draw_comparison(**breakdowns: Mapping[str, Any]) -> dict[str, Any]:
    """Four plotly figures of all models, each model in one colour; `breakdowns` by their names.

    A model that was left out is not drawn, and takes its colour from no other.
    """
    by_model = {name.removesuffix(".breakdown"): value for name, value in breakdowns.items()}
    judged = {model: value for model, value in by_model.items() if value}
    styles = comparison.styles_of(by_model)
    return {
        "by_activity": comparison.draw_by_activity(judged, styles),
        "by_popularity": comparison.draw_by_popularity(judged, styles),
        "lorenz": comparison.draw_lorenz(judged, styles),
        "metric_by_k": comparison.draw_by_length(judged, styles),
    }
