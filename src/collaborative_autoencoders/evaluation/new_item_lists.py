"""Lists of items without ratings, by their features.

Dimension key: U users and I items of the core, B users of one batch, N items outside it, L places
of a list.
"""

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import (
    FEATURES,
    ITEM,
    ITEM_INDEX,
    RANK,
    SCORE,
    TITLE,
    USER,
)
from collaborative_autoencoders.interactions.item_features import NO_INDEX, feature_matrix
from collaborative_autoencoders.interactions.sparse import first_cells, ones_in
from collaborative_autoencoders.models.item_features import FeatureRidge

from .best import take_best
from .known import Known
from .new_items import Fit
from .ranking import Scorer, exclude_seen
from .rows_at_once import rows_at_once

PLACE = "place"


def list_new_items(
    model: Scorer,
    known: Known,
    item_features: pd.DataFrame,
    users: pd.DataFrame,
    rated_UI: csr_array,
    penalty: float,
    n: int,
) -> pd.DataFrame:
    """Return the `n` best items outside the core for each user of the core, best first.

    Columns: user_id, rank, item_id, title, score, place. `place` is the one that the item would
    have in the user's list of all unseen items of the core and the items before it. `rated_UI` has
    the ratings of all items in all parts; rated items are not listed.
    """
    features_IF, _ = feature_matrix(item_features[FEATURES])
    index_I = item_features[ITEM_INDEX].to_numpy()
    fit = Fit.of(model, known, features_IF, index_I)
    rows = np.flatnonzero(~np.isin(index_I, fit.known_K))
    if not len(rows):
        return pd.DataFrame(columns=[USER, RANK, ITEM, TITLE, SCORE, PLACE])
    new, features_NF = item_features.iloc[rows], features_IF[rows]
    ridge, rated_UN = FeatureRidge.of(fit.features_KF, penalty), _rated(rated_UI, index_I[rows])
    seen_UI = first_cells(rated_UI, known.seen_UI.shape)
    size, tables = rows_at_once(known.histories_UI.shape[1]), []
    for start in range(0, len(users), size):
        users_B = np.arange(start, min(start + size, len(users)))
        scores_BI, _ = fit.score(users_B)
        scores_BN = ridge.score(scores_BI[:, fit.known_K], features_NF)
        hide = partial(_hide, rated_UN[users_B])
        item_BL, score_BL = take_best(scores_BN, min(n, len(rows)), hide)
        place_BL = places(score_BL, scores_BI, seen_UI[users_B])
        tables.append(_lines(users[USER].iloc[users_B], new, item_BL, score_BL, place_BL))
    return pd.concat(tables, ignore_index=True)


def _lines(
    users: pd.Series,
    new: pd.DataFrame,
    item_BL: NDArray[np.int32],
    score_BL: NDArray[np.float32],
    place_BL: NDArray[np.int64],
) -> pd.DataFrame:
    """Return a line for each place of a list that has an item."""
    row_N, rank_N = np.nonzero(item_BL >= 0)
    cells = (row_N, rank_N)
    lines = new[[ITEM, TITLE]].iloc[item_BL[cells]].reset_index(drop=True)
    lines.insert(0, USER, users.iloc[row_N].to_numpy())
    lines.insert(1, RANK, rank_N + 1)
    lines[SCORE], lines[PLACE] = score_BL[cells], place_BL[cells]
    return lines


def places(
    score_BL: NDArray[np.float32], scores_BI: NDArray[np.float32], seen_BI: csr_array
) -> NDArray[np.int64]:
    """Return the place of each new item among the unseen items and the new items before it."""
    unseen_BI = np.array(scores_BI)
    exclude_seen(unseen_BI, seen_BI)
    above_BL = [(unseen_BI > score_B[:, None]).sum(axis=1) for score_B in score_BL.T]
    return np.stack(above_BL, axis=1) + np.arange(1, score_BL.shape[1] + 1)


def _rated(rated_UI: csr_array, index_N: NDArray[np.int64]) -> csr_array:
    """Return a one where a user has rated a new item, shape (U, N)."""
    item_N = np.flatnonzero(index_N != NO_INDEX)
    cells = (np.ones(len(item_N)), (index_N[item_N], item_N))
    rated_UN: csr_array = ones_in(rated_UI) @ csr_array(
        cells, shape=(rated_UI.shape[1], len(index_N))
    )
    return rated_UN


def _hide(rated_BN: csr_array, scores_CN: NDArray[np.float32], first: int) -> None:
    exclude_seen(scores_CN, rated_BN, first)
