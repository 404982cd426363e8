"""Validation of a network during fitting, on the held-out ratings of the validation part.

Dimension key: U users with held-out likes, K places of a list.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from collaborative_autoencoders.evaluation.known import Known, count_likes, count_owners
from collaborative_autoencoders.evaluation.prediction import predict_ratings
from collaborative_autoencoders.evaluation.ranking import rank_items
from collaborative_autoencoders.evaluation.rows_at_once import rows_at_once
from collaborative_autoencoders.interactions import Interactions, View
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.table import Lists, Measure, Owners, measure_of_users
from collaborative_autoencoders.models.model import Model, RatingModel

METRIC_OPTION = "fitting.validation_metric"
"""Option of a network's validation metric."""

CELLS_OF_RANK = 2**22
"""Most scores that a rank of several has at once, 16 MB: of the usual 64 MB there are several such
arrays, a quarter of a GB."""

Validate = Callable[[Model], float]


class Everyone(NamedTuple):
    """What the lists of some users are compared with: counts over all users of train."""

    likes_I: NDArray[np.int64]
    """Number of users who like each item; see `count_likes`."""
    owners: Owners

    @classmethod
    def of(cls, train: Interactions, view: View) -> "Everyone":
        """Return the counts of a part, for a model of this view."""
        return cls(count_likes(train, view), count_owners(train))


@dataclass(frozen=True)
class Validation:
    """The evaluation of a model on the validation part by one metric. It is a `Validate`."""

    metric: str
    train: Interactions
    validation: Interactions
    everyone: Everyone | None = None
    """None: all users are in train."""

    def __call__(self, model: Model) -> float:
        """Return the mean of a list metric over users, or a rating metric over ratings."""
        return self.metric_of(np.nanmean(self.values(model)))

    def values(self, model: Model) -> NDArray[np.float64]:
        """Return a value per user with held-out likes, or per held-out rating; NaN for none."""
        if self.measure.k is None:
            return rating_values(model, self.measure, self.shown, self.validation)
        return list_values(
            model,
            self.measure,
            train=self.train,
            validation=self.validation,
            everyone=self.everyone,
        )

    def metric_of(self, mean: np.floating | float) -> float:
        """Return the metric of the mean value."""
        return float(self.measure.metric.of_mean(mean) if self.measure.k is None else mean)

    @property
    def measure(self) -> Measure:
        """The metric and its length of list."""
        return measure_of_users(self.metric)

    @cached_property
    def shown(self) -> Interactions:
        """Train and the fold-in ratings of validation."""
        return self.train.with_fold_in_of(self.validation)

    def of_each_rank(self, size: int, view: View, *, by_user: bool) -> Iterator["Validation"]:
        """Yield the validation on the users of each rank: every n-th. The model is of this view.

        `by_user`: its parts have no rows for other users. Ratings of users without held-out ratings
        are left out: nothing reads them.
        """
        everyone = Everyone.of(self.train, view)
        every_user = np.arange(self.train.shape[0])
        for rank in range(size):
            train, validation = self.train, self.validation
            if by_user:
                users = every_user[rank::size]
                train, validation = train.of_users(users), validation.of_users(users)
            else:
                validation = validation.without_users(every_user % size != rank)
            is_unread_U = np.diff(validation.ratings.indptr) == 0
            yield Validation(self.metric, train.without_users(is_unread_U), validation, everyone)


def validation_of(
    name: str, *, train: Interactions, validation: Interactions, option: str = METRIC_OPTION
) -> Validation:
    """Return a function that evaluates a model on the validation part by this metric.

    Raises ValueError, with the option that set the metric, if the validation part is empty or a
    list is longer than the catalogue.
    """
    if reason := why_not_computed(name, validation, option):
        raise ValueError(reason)
    return Validation(name, train, validation)


def why_not_computed(
    name: str, validation: Interactions, option: str = METRIC_OPTION, or_else: str | None = None
) -> str | None:
    """Return why a metric cannot be computed on the validation part, with fixes; None if it can.

    `or_else` is a fix that needs no validation part.
    """
    measure = measure_of_users(name)
    kind = "ratings" if measure.k is None else "likes"
    held_out = validation.ratings if measure.k is None else validation.likes
    if held_out.nnz == 0:
        # here, as the rules of splits need pandas, and a rank of several has no room for it
        from collaborative_autoencoders.interactions.split_advice import MORE_VALIDATION_ROWS

        return (
            f"the validation part has no {kind}, so {name} cannot be computed: "
            f"{MORE_VALIDATION_ROWS}{f'. Or {or_else}' if or_else else ''}"
        )
    n_items = validation.core_shape[1]
    if measure.k is not None and measure.k > n_items:
        return (
            f"{option}: {name} needs {measure.k} items, and the catalogue has "
            f"{n_items} items: choose a smaller k"
        )
    return None


def list_values(
    model: Model,
    measure: Measure,
    *,
    train: Interactions,
    validation: Interactions,
    everyone: Everyone | None = None,
) -> NDArray[np.float64]:
    """Return a list metric of each user with held-out likes, shape (U,); NaN without a value.

    The histories are train, and the fold-in ratings of validation if there are any. As in the
    evaluation, the list of a user without a history is by popularity. `everyone` is given on a rank
    of several: the counts over the users of all ranks, of whom train has a part.
    """
    users_U = np.flatnonzero(np.diff(validation.likes.indptr))
    view, shown = model.learns_from, train.with_fold_in_of(validation)
    cells = None if everyone is None else CELLS_OF_RANK
    everyone = everyone or Everyone.of(train, view)
    known = Known(shown.view(view), shown.ratings_for(view), everyone.likes_I)
    _, n_listed = shown.core_shape
    batch_size = rows_at_once(known.seen_UI.shape[1], cells)
    item_UK, _ = rank_items(model, known, measure.k or 1, batch_size, users_U, n_listed)
    held_out_UI = validation.likes[users_U]
    hits_UK, n_relevant_U = find_hits(item_UK, held_out_UI), count_relevant(held_out_UI)
    lists = Lists(item_UK, hits_UK, n_relevant_U, everyone.owners)
    return cast(NDArray[np.float64], measure.metric.function(lists))


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
