"""Comparison of two versions of a model on test ratings that neither has seen.

Dimension key: U users, I items, both of the current data.
"""

from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.interactions import Interactions, View
from collaborative_autoencoders.interactions.sparse import update
from collaborative_autoencoders.metrics.table import Measure

from .averages import mean_of_users
from .differences import DIFFERENCE, HIGH, LOW, OTHER, USERS, compare_pairs
from .evaluate import count_owners, evaluate
from .known import Known
from .options import EvaluationOptions

CHAMPION, CHALLENGER = "champion", "challenger"


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
    rows_left_out: int
    """Test ratings excluded: one of the versions has seen them or does not know the item."""


def compare_versions(
    *,
    champion: Version,
    challenger: Version,
    known: Interactions,
    test: Interactions,
    measure: Measure,
    options: EvaluationOptions,
) -> Comparison:
    """Compare two versions on the test ratings that neither has seen.

    `known` is train and validation, joined. Ratings that either version has seen are removed from
    the test ratings, and their items are excluded from the lists of both versions.
    """
    seen_UI = update(champion.seen_UI, newer_UI=challenger.seen_UI)
    rows = test.without_cells(seen_UI).without_items(~(champion.knows_I & challenger.knows_I))
    excluded_UI = update(known.ratings, newer_UI=seen_UI)
    one_length = options.model_copy(update={"k": [measure.k or options.shown_k]})
    scores: dict[str, pd.DataFrame] = {}
    for name, version in ((CHALLENGER, challenger), (CHAMPION, champion)):
        knows = Known(known.view(version.learns_from), excluded_UI)
        scores[name] = evaluate(version, knows, rows, count_owners(known), one_length).user_scores
    better, worse = CHALLENGER, CHAMPION
    if not measure.metric.higher_is_better:  # the gain is champion − challenger
        better, worse = worse, better
    table = compare_pairs(scores, measure, options)
    pair = table[(table[MODEL] == better) & (table[OTHER] == worse)].iloc[0]
    return Comparison(
        measure.name,
        mean_of_users(scores[CHAMPION], measure),
        mean_of_users(scores[CHALLENGER], measure),
        float(pair[DIFFERENCE]),
        float(pair[LOW]),
        float(pair[HIGH]),
        users=int(pair[USERS]),
        rows_left_out=test.ratings.nnz - rows.ratings.nnz,
    )
