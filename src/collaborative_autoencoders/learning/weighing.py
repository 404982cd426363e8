"""Weights of a stack: the candidates, and the value of each on the validation part.

Dimension key: I items, M members, W candidate weights, B users of one batch, K places of a list,
V values, one per user or rating.
"""

from itertools import product
from math import comb
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from collaborative_autoencoders.evaluation.best import take_best
from collaborative_autoencoders.evaluation.known import count_likes, count_owners
from collaborative_autoencoders.evaluation.prediction import predict_ratings
from collaborative_autoencoders.evaluation.ranking import exclude_seen, refuse_unrankable
from collaborative_autoencoders.evaluation.rows_at_once import rows_at_once
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.table import Lists, Measure
from collaborative_autoencoders.models.model import RatingModel
from collaborative_autoencoders.models.stack import Stack
from collaborative_autoencoders.threads import map_in_threads

from .choosing import choose

STEPS = 20
"""Candidate weights are multiples of 1 / STEPS, or of a larger step with more than two members."""

MOST_CANDIDATES = 70
"""Largest number of candidates."""

Floats = NDArray[np.float32]


class Weighing(NamedTuple):
    """What the weights of a stack are chosen with."""

    stack: Stack
    """The stack of the members as fitted on train alone."""
    measure: Measure
    train: Interactions
    validation: Interactions

    @property
    def shown(self) -> Interactions:
        """The histories: train, and the fold-in ratings of validation if there are any."""
        return self.train.with_fold_in_of(self.validation)


def choose_weights(weighing: Weighing) -> Floats:
    """Return the most equal weights that are not worse than the best on validation, shape (M,)."""
    weights_WM = candidates_of(len(weighing.stack.members))
    values = values_of_ratings if weighing.measure.k is None else values_of_lists
    values_WV = values(weighing, weights_WM.astype(np.float32))
    sign = 1 if weighing.measure.metric.higher_is_better else -1
    unequal_W = weights_WM.var(axis=1).round(6)
    return cast(Floats, weights_WM[choose(sign * values_WV, unequal_W)].astype(np.float32))


def candidates_of(members: int) -> NDArray[np.float64]:
    """Return all ways to share out the steps among so many members, shape (W, M)."""
    steps = steps_for(members)
    first_members = product(range(steps + 1), repeat=members - 1)
    shares = [[*first, steps - sum(first)] for first in first_members if sum(first) <= steps]
    return np.array(shares) / steps


def steps_for(members: int) -> int:
    """Return the most steps with which so many members have no more than the most candidates.

    members     2   3   4   5   6
    steps      20  10   5   4   3
    candidates 21  66  56  70  56
    """
    few = (n for n in range(1, STEPS + 1) if comb(n + members - 1, n) <= MOST_CANDIDATES)
    return max(few, default=1)


def values_of_lists(weighing: Weighing, weights_WM: Floats) -> NDArray[np.float64]:
    """Return the metric of each user with held-out likes under each candidate, shape (W, V)."""
    stack, measure, train, validation = weighing
    users_V = np.flatnonzero(np.diff(validation.likes.indptr))
    shown, owners, k = weighing.shown, count_owners(train), measure.k or 1
    likes_I = count_likes(train, stack.learns_from)
    values_WV = np.empty((len(weights_WM), len(users_V)))
    seen_UI = shown.ratings_for(stack.learns_from)
    _, n_listed = shown.core_shape
    # half of a batch of lists: a thread holds the scores of all members and a sum of them
    size = max(1, rows_at_once(seen_UI.shape[1]) // 2)

    def weigh(start: int) -> None:
        rows = slice(start, start + size)
        users_B = users_V[rows]
        histories_BI = shown.view(stack.learns_from)[users_B]
        by_popularity_B = np.diff(histories_BI.indptr) == 0  # as in the evaluation
        arrays = stack.comparable_scores(histories_BI, users_B)
        seen_BI, held_out_BI = seen_UI[users_B], validation.likes[users_B]
        n_relevant_B = count_relevant(held_out_BI)
        for candidate, weights_M in enumerate(weights_WM):
            scores_BI = stack.add(arrays, weights_M)
            scores_BI[by_popularity_B] = likes_I
            refuse_unrankable(scores_BI, users_B)
            exclude_seen(scores_BI, seen_BI)
            scores_BI[:, n_listed:] = -np.inf
            item_BK, _ = take_best(scores_BI, k)
            hits_BK = find_hits(item_BK, held_out_BI)
            lists = Lists(item_BK, hits_BK, n_relevant_B, owners)
            values_WV[candidate, rows] = measure.metric.function(lists)

    for _ in map_in_threads(weigh, range(0, len(users_V), size)):
        pass
    return values_WV


def values_of_ratings(weighing: Weighing, weights_WM: Floats) -> NDArray[np.float64]:
    """Return the error of each held-out rating under each candidate, shape (W, V)."""
    stack, measure, _, validation = weighing
    predicted_MV = np.stack(
        [
            predict_ratings(
                cast(RatingModel, member),
                histories_UI=weighing.shown.view(stack.learns_from),
                wanted_UI=validation.ratings,
            ).data
            for member in stack.members.values()
        ]
    )
    error_WV = weights_WM @ predicted_MV - validation.ratings.data
    values: Any = measure.metric.function(error_WV.astype(np.float64))
    return cast(NDArray[np.float64], values)
