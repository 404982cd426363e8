"""Nodes of the evaluation pipeline. The work is done in `evaluation` and `serving`."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import CONTENT, MODEL, NOT_REGISTERED, VERSION
from collaborative_autoencoders.evaluation import averages, breakdown, claims, figures
from collaborative_autoencoders.evaluation.choice import (
    Compared,
    RegistrationOptions,
    reason_against,
)
from collaborative_autoencoders.evaluation.differences import compare_pairs
from collaborative_autoencoders.evaluation.evaluate import to_evaluate
from collaborative_autoencoders.evaluation.known import count_owners, known_of, refuse_leak
from collaborative_autoencoders.evaluation.leaderboard import (
    best_models,
    compare_with_above,
    make_leaderboard,
)
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.evaluation.table_claims import (
    check_held_out,
    check_sizes,
)
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.interactions.sample import log_sample
from collaborative_autoencoders.learning.options import RunningOptions
from collaborative_autoencoders.models.model import Fitted

from .engine import Table, evaluate_all, evaluate_nothing, reading_by

FACTS_TO_REPORT = ("fit_seconds", "best_epoch")
DIGITS = 12
"""How many digits of its content the list of registered models shows of a version."""


def evaluate_model(
    fitted: Fitted,
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    evaluation: EvaluationOptions,
    running: RunningOptions,
) -> dict[str, Table]:
    """Rank items for every user, predict the held-out ratings, and score both per user.

    With more users than `evaluation.test_users`, both are of a sample of them.

    Items in train or validation are excluded from the lists. The tables are empty for a model that
    was left out.

    Raises ValueError if train or validation holds a test rating (in a split by users, any rating of
    a test user), or if the model was fitted on other parts.
    """
    from collaborative_autoencoders.learning.running import running_on

    refuse_leak(test, train=train, validation=validation)
    if fitted.model is None:
        return evaluate_nothing(evaluation)
    parts = {"train": train, "validation": validation}
    fitted.model.catalogue.check(fitted.model.learns_from, **parts, test=test)
    known = known_of(fitted, **parts, fold_in=test.fold_in)
    log_sample(fitted.name, "evaluated", test, evaluation.test_users)
    with running_on(running):
        return evaluate_all(fitted, known, {**parts, "test": test}, evaluation)


def average_scores(
    user_scores: pd.DataFrame,
    ranked_items: Table,
    train: Interactions,
    test: Interactions,
    fit_facts: Mapping[str, Any],
    evaluation: EvaluationOptions,
) -> averages.Figures:
    """Average the scores: each mean with `_low` and `_high` of its 95 % interval.

    `users_judged` is the number of users with held-out likes, over whom list metrics are averaged.
    `users_listed` is the number of users with a list, over whom novelty is averaged.
    `ratings_judged` is the number of ratings behind RMSE and MAE. Of a sample of users there are
    `users_sampled`, its size, and `users_held_out`, the users it was drawn from. A figure that
    cannot be computed is missing. The result is empty for a model that was left out.

    Raises ValueError if the scores are of another split or of another sample.
    """
    if user_scores.empty:
        return {}
    check_sizes(user_scores, train.shape[0], evaluation.k)
    check_held_out(user_scores, to_evaluate(test, evaluation)[0])
    recommended = reading_by(evaluation).recommended_at(
        ranked_items, train.core_shape, evaluation.k
    )
    facts = {name: fit_facts.get(name) for name in FACTS_TO_REPORT}
    found = {
        **averages.average_users(user_scores, evaluation),
        **averages.describe_lists(recommended, count_owners(train).of_item_I, evaluation.k),
        **averages.describe_sample(test, evaluation),
        **{name: float(value) for name, value in facts.items() if value is not None},
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def break_down(
    user_scores: pd.DataFrame,
    ranked_items: Table,
    predicted_ratings: Table,
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    evaluation: EvaluationOptions,
) -> dict[str, Any]:
    """Break the figures down by activity, popularity, concentration and length of list.

    The metrics of groups include the diversity and the calibration of the lists. Both results are
    empty for a model that was left out.
    """
    if not user_scores.empty:
        check_sizes(user_scores, test.shape[0], evaluation.k)
    sample, options = to_evaluate(test, evaluation)
    by_kind, group_metrics = breakdown.break_down(
        user_scores,
        ranked_items,
        predicted_ratings,
        train=train,
        validation=validation,
        test=sample,
        options=options,
        reading=reading_by(evaluation),
    )
    return {"breakdown": by_kind, "group_metrics": group_metrics}


def draw_curves(history: figures.History) -> Any:
    """Draw training loss and validation metric by epoch, as a plotly figure."""
    return figures.draw_history(history)


def compare_models(evaluation: EvaluationOptions, **results: Any) -> dict[str, pd.DataFrame]:
    """Make the leaderboard, one row per model, and the differences, one row per pair of models.

    The leaderboard is sorted by the primary metric, best first. There are differences in two
    metrics: the primary metric, and the metric that sorts the models of the other task.
    `results` holds `<model>.metrics`, `<model>.fit_facts` and `<model>.user_scores` of every model.

    Raises ValueError if the metrics of a model are not the means of its scores, or if two models
    were not evaluated on the same users.
    """
    models = [name.removesuffix(".metrics") for name in results if name.endswith(".metrics")]
    for model in models:
        figures_of, scores = results[f"{model}.metrics"], results[f"{model}.user_scores"]
        claims.check_means(model, figures_of, scores, evaluation)
    board = make_leaderboard(
        figures={model: results[f"{model}.metrics"] for model in models},
        left_out={model: results[f"{model}.fit_facts"]["left_out"] for model in models},
        primary_metric=evaluation.primary_metric,
    )
    user_scores = {model: results[f"{model}.user_scores"] for model in models}
    claims.check_same_users(user_scores)
    measures = [each for each in evaluation.leaderboard_measures if each.name in board]
    differences = pd.concat(
        [compare_pairs(user_scores, each, evaluation) for each in measures], ignore_index=True
    )
    return {"leaderboard": compare_with_above(board, differences), "differences": differences}


def compare_groups(**results: Mapping[str, float]) -> pd.DataFrame:
    """Make a table with a row per metric of a group of users or items, and a column per model.

    The diversity and the calibration of lists have rows too. `results` holds
    `<model>.group_metrics` of every model. A cell is empty if the model has no such metric, as RMSE
    of a model of lists; so is the column of a model that was left out.
    """
    by_model = {name.removesuffix(".group_metrics"): found for name, found in results.items()}
    metrics = dict.fromkeys(name for found in by_model.values() for name in found)
    rows = [
        {"metric": name} | {model: found.get(name) for model, found in by_model.items()}
        for name in metrics
    ]
    return pd.DataFrame(rows, columns=["metric", *by_model])


def draw_comparison(**breakdowns: Mapping[str, Any]) -> dict[str, Any]:
    """Draw four plotly figures that compare all models.

    `breakdowns` holds `<model>.breakdown` of every model. A model that was left out is not drawn.
    """
    by_model = {name.removesuffix(".breakdown"): value for name, value in breakdowns.items()}
    evaluated = {model: value for model, value in by_model.items() if value}
    styles = figures.styles_of(by_model)
    return {
        "by_activity": figures.draw_by_activity(evaluated, styles),
        "by_popularity": figures.draw_by_popularity(evaluated, styles),
        "lorenz": figures.draw_lorenz(evaluated, styles),
        "metric_by_k": figures.draw_by_length(evaluated, styles),
    }


def join_curves(**curves: Any) -> Any:
    """Put the learning curves of all networks side by side, as one plotly figure.

    `curves` holds `<model>.curves` of every model. A model without epochs is not drawn.
    """
    drawn = {name.removesuffix(".curves"): figure for name, figure in curves.items()}
    return figures.side_by_side({model: figure for model, figure in drawn.items() if figure.data})


def find_best(
    evaluation: EvaluationOptions, **metrics: Mapping[str, float]
) -> dict[str, list[str]]:
    """Return the best model of lists and the best of ratings, and which figures were compared.

    They are the first of the leaderboard. `metrics` holds `<model>.metrics` of every model.
    """
    by_model = {name.removesuffix(".metrics"): found for name, found in metrics.items()}
    board = make_leaderboard(by_model, {}, evaluation.primary_metric)
    best = best_models(board, evaluation.leaderboard_measures)
    return Compared.of(best, by_model)._asdict()


def order_registration(
    metrics: dict[str, float], best: Mapping[str, Any], options: RegistrationOptions
) -> dict[str, Any]:
    """Return what the registration of a model depends on: figures, best models and options.

    `best` is empty if no models were compared yet.
    """
    return {"metrics": metrics, "compared": dict(best), "options": options.model_dump()}


def register_model(
    fitted: Fitted,
    order: Mapping[str, Any],
    lookup: Lookup,
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    fit_facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Log the model with everything it needs to answer for raw ids, and register it.

    Of the test part, it gets the fold-in ratings of a split by users, as histories. The others only
    exclude items from the lists of their users.
    Returns name, version, address and content, or only the reason if it is not registered: it was
    left out, is neither one of the best models nor named, or the code has changed.
    """
    from collaborative_autoencoders.serving.recommender import Recommender
    from collaborative_autoencoders.serving.registration import register

    against = fitted.left_out or reason_against(fitted.name, **order)
    if fitted.model is None or against is not None:
        return {NOT_REGISTERED: against}
    known = known_of(fitted, train=train, validation=validation, fold_in=test.fold_in)
    view = fitted.model.learns_from
    recommender = Recommender.of(fitted, lookup.seen_by(view), known, test.ratings_for(view))
    return register(recommender, order["metrics"], fit_facts.get("started_from"))


def list_registered(**registrations: dict[str, Any]) -> pd.DataFrame:
    """List the models of this run: model, version, uri and content, or why it is not registered.

    The content is the beginning of a digest of model, data and code.
    """
    rows = [
        {MODEL: name.removesuffix(".registration"), **registration}
        | {CONTENT: (registration.get(CONTENT) or "")[:DIGITS] or None}
        for name, registration in registrations.items()
    ]
    return pd.DataFrame(rows, columns=[MODEL, VERSION, "uri", CONTENT, NOT_REGISTERED])
