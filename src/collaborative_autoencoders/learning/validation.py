"""Validation of a network during fitting, on the held-out ratings of the validation part.

Dimension key: U users with held-out likes, K places of a list.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from collaborative_autoencoders.evaluation.evaluate import count_owners
from collaborative_autoencoders.evaluation.known import Known, count_likes
from collaborative_autoencoders.evaluation.prediction import predict_ratings
from collaborative_autoencoders.evaluation.ranking import rank_items
from collaborative_autoencoders.evaluation.rows_at_once import rows_at_once
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.table import Lists, Measure, measure_of_users
from collaborative_autoencoders.models.model import Model, RatingModel

METRIC_OPTION = "fitting.validation_metric"
"""Option of a network's validation metric."""

Validate = Callable[[Model], float]


def validation_of(
    name: str, *, train: Interactions, validation: Interactions, option: str = METRIC_OPTION
) -> Validate:
    """Return a function that evaluates a model on the validation part by this metric.

    Raises ValueError, with the option that set the metric, if the validation part is empty or a
    list is longer than the catalogue.
    """
    if reason := why_not_computed(name, validation, option):
        raise ValueError(reason)
    measure = measure_of_users(name)
    if measure.k is None:
        shown = train.with_fold_in_of(validation)
        return lambda network: rating_metric(network, measure, shown, validation)
    return lambda network: list_metric(network, measure, train=train, validation=validation)


def why_not_computed(
    name: str, validation: Interactions, option: str = METRIC_OPTION
) -> str | None:
    """Return why a metric cannot be computed on the validation part, with fixes; None if it can."""
    measure = measure_of_users(name)
    kind = "ratings" if measure.k is None else "likes"
    held_out = validation.ratings if measure.k is None else validation.likes
    if held_out.nnz == 0:
        without = (
            ", or fit without validation (fitting.validation_metric: null and "
            "fitting.patience: null)"
        )
        return (
            f"the validation part has no {kind}, so {name} cannot be computed: raise "
            "split.validation_fraction, or set split.within: global if users have few ratings"
            f"{without if option == METRIC_OPTION else ''}"
        )
    n_items = validation.core_shape[1]
    if measure.k is not None and measure.k > n_items:
        return (
            f"{option}: {name} needs {measure.k} items, and the catalogue has "
            f"{n_items} items: choose a smaller k"
        )
    return None


def list_metric(
    model: Model, measure: Measure, *, train: Interactions, validation: Interactions
) -> float:
    """Return the mean of a list metric over the users with held-out likes."""
    return float(np.nanmean(list_values(model, measure, train=train, validation=validation)))


def list_values(
    model: Model, measure: Measure, *, train: Interactions, validation: Interactions
) -> NDArray[np.float64]:
    """Return a list metric of each user with held-out likes, shape (U,); NaN without a value.

    The histories are train, and the fold-in ratings of validation if there are any. As in the
    evaluation, the list of a user without a history is by popularity.
    """
    users_U = np.flatnonzero(np.diff(validation.likes.indptr))
    view, shown = model.learns_from, train.with_fold_in_of(validation)
    known = Known(shown.view(view), shown.ratings_for(view), count_likes(train, view))
    n_users, n_listed = shown.core_shape
    batch_size = rows_at_once(known.seen_UI.shape[1])
    item_UK, _ = rank_items(model, known, measure.k or 1, batch_size, users_U, n_listed)
    held_out_UI = validation.likes[users_U]
    hits_UK, n_relevant_U = find_hits(item_UK, held_out_UI), count_relevant(held_out_UI)
    lists = Lists(item_UK, hits_UK, n_relevant_U, count_owners(train), n_users)
    return cast(NDArray[np.float64], measure.metric.function(lists))


def rating_metric(
    network: Model, measure: Measure, shown: Interactions, validation: Interactions
) -> float:
    """Return a rating metric over all held-out ratings."""
    values_N = rating_values(network, measure, shown, validation)
    return float(measure.metric.of_mean(values_N.mean()))


def rating_values(
    model: Model, measure: Measure, shown: Interactions, validation: Interactions
) -> NDArray[np.float64]:
    """Return the value of each held-out rating, such as its squared error, shape (N,)."""
    predicted_UI = predict_ratings(
        cast(RatingModel, model),
        histories_UI=shown.view(model.learns_from),
        wanted_UI=validation.ratings,
    )
    error_N = predicted_UI.data.astype(np.float64) - validation.ratings.data
    return cast(NDArray[np.float64], measure.metric.function(error_N))
