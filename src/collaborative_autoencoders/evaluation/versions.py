"""Comparison of two versions of a model on test ratings that neither has seen.

Dimension key: U users, I items, both of the current data.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.interactions import Interactions, View
from collaborative_autoencoders.interactions.sample import users_of
from collaborative_autoencoders.interactions.sparse import update
from collaborative_autoencoders.metrics.table import Measure

from .averages import mean_of_users
from .differences import DIFFERENCE, HIGH, LOW, OTHER, USERS, compare_pairs
from .evaluate import evaluate, to_evaluate
from .fits import half_width_of_fits, mean_of_fits, widened
from .known import Known, count_likes, count_owners
from .options import EvaluationOptions

CHAMPION, CHALLENGER = "champion", "challenger"

RESAMPLES = 20_000
"""Resamples of a comparison: with 1,000, the seed would decide about gains near the level."""

LEAST_BOUNDED = 6
"""The interval of five users contains 0 even if the challenger has 1 and the champion 0 for all."""

LEAST_UNBOUNDED = 10
"""Fewer users say too little about the skew of their differences, which a t interval ignores."""


class Version(Protocol):
    """A fitted model that scores users and items by the indices of the current data."""

    @property
    def learns_from(self) -> View:
        """The view that the model reads."""

    @property
    def seen_UI(self) -> csr_array:
        """Every rating in its train and validation parts, shape (U, I)."""

    @property
    def knows_I(self) -> NDArray[np.bool_]:
        """Whether each item is in its catalogue, shape (I,)."""

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of every item, shape (U, I)."""


class Comparison(NamedTuple):
    """The metric of both versions, and the gain of the challenger with its 95 % interval."""

    metric: str
    champion_value: float
    challenger_value: float
    gain: float
    """Positive if the challenger is better, also for a metric where lower is better."""
    low: float
    high: float
    users: int
    """Users with a value of the metric."""
    rows_left_out: int = 0
    """Test ratings excluded: one of the versions has seen them or does not know the item."""
    least_users: int = 1
    """With fewer users, no gain in this metric is called significant."""
    fits: int = 1
    """Number of fits of each configuration, over which values and gain are averaged."""
    new_rows: int = 0
    """Test ratings that are new to both versions."""
    sampled: int | None = None
    """Users of the sample that is compared; None if all users are."""
    sampled_of: int | None = None
    """Users that the sample was drawn from."""


def compare_versions(
    *,
    champions: Sequence[Version],
    challengers: Sequence[Version],
    known: Interactions,
    test: Interactions,
    measure: Measure,
    options: EvaluationOptions,
) -> Comparison:
    """Compare two configurations on the test ratings that no version of them has seen.

    `known` is train and validation, joined. Both parts are what models of this view know of. In
    a split by users, the fold-in ratings of the test part are histories too. Ratings that a version
    has seen are removed from the test ratings, and their items are excluded from the lists of all
    versions. So are, for all users, the items that a version does not know: of the other version
    they would take places in which there can be no hit. Several `champions`, or `challengers`, are
    fits of one configuration with other seeds. The gain is then that of the means over fits, and
    its interval covers the luck of users and of fits. With more users than `options.test_users`
    have such ratings, a sample of them is compared.
    """
    fits = {CHALLENGER: challengers, CHAMPION: champions}
    versions = [*challengers, *champions]
    each_seen = (version.seen_UI for version in versions)
    seen_UI = reduce(lambda older, newer: update(older, newer_UI=newer), each_seen)
    knows_I = np.logical_and.reduce([version.knows_I for version in versions])
    unseen = test.without_cells(seen_UI).without_items(~knows_I)
    rows, options = to_evaluate(unseen, options)
    histories = known.with_fold_in_of(test)
    excluded_UI = update(histories.ratings, newer_UI=seen_UI)
    likes_I = np.where(knows_I, count_likes(known, "ratings"), -np.inf)
    exact = {"k": [measure.k or options.shown_k], "bootstrap_resamples": RESAMPLES}
    options = options.model_copy(update=exact)

    def scores_of(version: Version) -> pd.DataFrame:
        # an item that the version does not know is no history
        read_UI = histories.without_items(~version.knows_I).view(version.learns_from)
        knows = Known(read_UI, excluded_UI, likes_I)
        return evaluate(version, knows, rows, count_owners(known), options).user_scores

    scores = {name: [scores_of(version) for version in of_one] for name, of_one in fits.items()}
    return _comparison(scores, measure, options)._replace(
        rows_left_out=test.ratings.nnz - unseen.ratings.nnz,
        new_rows=unseen.ratings.nnz,
        sampled=options.test_users,
        sampled_of=None if options.test_users is None else len(users_of(unseen)),
    )


def _comparison(
    scores: Mapping[str, list[pd.DataFrame]], measure: Measure, options: EvaluationOptions
) -> Comparison:
    """Return the gain, given the scores of users of each fit of champion and challenger."""
    means = {name: mean_of_fits(of_one) for name, of_one in scores.items()}
    better, worse = CHALLENGER, CHAMPION
    if not measure.metric.higher_is_better:  # the gain is champion − challenger
        better, worse = worse, better
    table = compare_pairs(means, measure, options)
    pair = table[(table[MODEL] == better) & (table[OTHER] == worse)].iloc[0]
    gain, low, high = (float(pair[column]) for column in (DIFFERENCE, LOW, HIGH))
    luck = half_width_of_fits(scores[better], scores[worse], measure)
    if luck:
        low, high = widened(gain, low, high, luck)
    return Comparison(
        measure.name,
        mean_of_users(means[CHAMPION], measure),
        mean_of_users(means[CHALLENGER], measure),
        gain,
        low,
        high,
        users=int(pair[USERS]),
        least_users=LEAST_BOUNDED if measure.metric.bounds else LEAST_UNBOUNDED,
        fits=len(scores[CHAMPION]),
    )
