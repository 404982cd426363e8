"""The ratings that a model may read when it is evaluated.

Dimension key: U users, I items, B users of one batch.
"""

from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import Interactions, View
from collaborative_autoencoders.interactions.part import fingerprint, join_views
from collaborative_autoencoders.interactions.sparse import count_each, join
from collaborative_autoencoders.metrics.table import Owners
from collaborative_autoencoders.models.model import Fitted, Model
from collaborative_autoencoders.models.registry import run_of

BY_MODEL, BY_POPULARITY = "model", "popularity"
"""What ranks a user's list."""


class Known(NamedTuple):
    """The known ratings of some users. Always passed as one value.

    Users and items are those that the model knows of: the core for a model of likes, else all.
    """

    histories_UI: csr_array
    """What the model reads, (U, I): its view of the parts it was fitted on. Of a model that learns
    from order, of train and validation: without its latest items it would be another history."""

    seen_UI: csr_array
    """Items that are not recommended, (U, I): every rating in train or validation, and every
    fold-in rating, liked or not."""

    likes_I: NDArray[np.number] | None = None
    """Number of likes of each item in train and validation; −inf for an item that is in no list. It
    ranks the lists of users without a history. With None, the model ranks them too."""

    def of_users(self, users_B: NDArray[np.integer]) -> "Known":
        """Return these users' rows."""
        return self._replace(histories_UI=self.histories_UI[users_B], seen_UI=self.seen_UI[users_B])

    @property
    def by_model_U(self) -> NDArray[np.bool_]:
        """Whether the model ranks each user's list; otherwise popularity does, shape (U,).

        A user whose history in the model's view is empty, such as a known user who has only
        disliked items and a model of likes, gives the model nothing to rank by.
        """
        start_U = self.histories_UI.indptr
        has_history_U = start_U[1:] > start_U[:-1]
        return has_history_U | (self.likes_I is None)


def known_of(
    fitted: Fitted,
    *,
    train: Interactions,
    validation: Interactions,
    fold_in: Interactions | None = None,
) -> Known:
    """Return the ratings that the model may read. None of them is a held-out rating.

    `fold_in` is the history of users whom no fit has seen: `test.fold_in` of a split by users.

    Raises ValueError if the model was fitted on other parts, because its train part may contain
    test ratings of this split.
    """
    if fitted.parts != fingerprint(train=train, validation=validation):
        raise ValueError(
            f"{fitted.name} was fitted on another split than the one in data/ and may have seen "
            "test ratings. Fit it again: "
            f"{run_of(fitted.name)} --from-nodes {fitted.name}.fit_model"
        )
    return histories_for(fitted, train=train, validation=validation, fold_in=fold_in)


def histories_for(
    fitted: Fitted,
    *,
    train: Interactions,
    validation: Interactions,
    fold_in: Interactions | None = None,
) -> Known:
    """Return the histories a model may read, given these parts.

    The parts may contain other users than those the model was fitted on.
    """
    view = fitted_model(fitted).learns_from
    known = (train, train.fold_in, validation, validation.fold_in)
    reads_both = fitted.refitted or view == "order"
    histories = known if reads_both else (train, train.fold_in, validation.fold_in)
    # only the views that are read are joined
    histories_UI = join_views((*histories, fold_in), view)
    seen_UI = histories_UI
    if view != "ratings" or not reads_both:
        seen_UI = reduce(join, (part.ratings_for(view) for part in (*known, fold_in) if part))
    likes_KI = [count_likes(part, view) for part in known if part]
    return Known(histories_UI, seen_UI, np.sum(likes_KI, axis=0))


def count_likes(part: Interactions, view: View) -> NDArray[np.int64]:
    """Return the number of users who like each item that a model of this view knows, shape (I,)."""
    return count_each(part.likes.indices, part.shape_for(view)[1])


def count_owners(train: Interactions) -> Owners:
    """Return how many users of the core rated each of its items in training, and how many rated.

    In a split by users, those of the other parts have no ratings in training.
    """
    (n_users, n_items), ratings_UI = train.core_shape, train.ratings
    start_U = ratings_UI.indptr[: n_users + 1]  # users of the core are the first rows
    owners_I = count_each(ratings_UI.indices[: start_U[-1]], train.shape[1])[:n_items]
    return Owners(owners_I, int(np.count_nonzero(np.diff(start_U))))


def fitted_model(fitted: Fitted) -> Model:
    """Return the model. Raises ValueError if it was left out."""
    if fitted.model is None:
        raise ValueError(f"{fitted.name} was left out: {fitted.left_out}")
    return fitted.model


def refuse_leak(test: Interactions, **known: Interactions) -> None:
    """Raise ValueError, with user and item, if a known part contains a rating of the test part.

    `known` holds the parts by name. In a split by users, they have no rating of a test user.
    """
    for name, given in known.items():
        part = given.whole
        if part.shape != test.shape:
            raise ValueError(
                f"{name} has the shape {part.shape} and test {test.shape}: the files are not of "
                "one run. Make them again: kedro run --pipelines data_engineering"
            )
        shared = (_stored(test.ratings) * _stored(part.ratings)).tocoo()
        if shared.nnz:
            raise ValueError(
                f"user_index {shared.row[0]} has item_index {shared.col[0]} in test and in {name}; "
                f"{shared.nnz - 1} more pairs are in both. Scores would not be valid. Make the "
                "parts again: kedro run --from-nodes data_engineering.split_ratings"
            )
        of_test_U, of_part_U = (np.diff(each.ratings.indptr) > 0 for each in (test.whole, part))
        of_both_U = of_test_U & of_part_U
        if test.fold_in is not None and of_both_U.any():
            raise ValueError(
                f"user_index {np.argmax(of_both_U)} is a test user and has ratings in {name}; "
                f"{of_both_U.sum() - 1} more users are in both. In a split by users no fit may see "
                "a test user. Make the parts again: kedro run --from-nodes "
                "data_engineering.split_ratings"
            )


def _stored(part_UI: csr_array) -> csr_array:
    """Return True at every stored cell, including explicit zeros."""
    stored_N = np.ones(part_UI.nnz, dtype=np.bool_)
    return csr_array((stored_N, part_UI.indices, part_UI.indptr), shape=part_UI.shape)
