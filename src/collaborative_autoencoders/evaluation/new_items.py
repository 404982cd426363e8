"""Evaluation of items that a fit has not seen: ranked by their features, and by baselines.

Only held-out items are ranked, for every user who likes one of them in any part of the split.
Dimension key: U users, I items, K known items, N held-out items, F features, L places of a list.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import FEATURES, ITEM_INDEX, USER_INDEX
from collaborative_autoencoders.interactions.item_features import feature_matrix, is_category
from collaborative_autoencoders.interactions.new_items import (
    CHOOSING,
    HELD_OUT_FOR,
    TEST,
    NewItemsOptions,
)
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.ranking import ndcg, recall
from collaborative_autoencoders.metrics.table import at
from collaborative_autoencoders.models.item_features import FeaturePopularity, FeatureRidge

from .best import take_best
from .evaluate import N_RELEVANT
from .known import Known
from .ranking import Scorer, score_batch
from .rows_at_once import rows_at_once

METHOD = "method"
ITEM_FEATURES, RANDOM = "item_features", "random"
IN_FEATURES, IN_CATEGORY = "popular_in_features", "popular_in_category"

Score = Callable[[NDArray[np.float32], csr_array, csr_array], NDArray[np.float32]]
"""Scores new items, (U, N), by the known items' scores (U, K), likes (U, K) and features (N, F)."""


class Fit(NamedTuple):
    """A fitted model, and the features of the items that it knows."""

    model: Scorer
    known: Known
    known_K: NDArray[np.int64]
    """Indices of the items that the model knows and the table of items describes."""

    features_KF: csr_array

    @classmethod
    def of(
        cls, model: Scorer, known: Known, features_IF: csr_array, index_I: NDArray[np.int64]
    ) -> Self:
        """Return the fit, given the features and indices of all items in the table.

        −1 stands for an item that the fit has not seen; an index outside the core is another.
        """
        rows = np.flatnonzero((index_I >= 0) & (index_I < known.histories_UI.shape[1]))
        return cls(model, known, index_I[rows], features_IF[rows])

    def score(self, users_B: NDArray[np.int64]) -> tuple[NDArray[np.float32], csr_array]:
        """Return the scores of all items for these users, (B, I), and the users' likes, (B, K)."""
        known = self.known.of_users(users_B)
        return score_batch(self.model, known, users_B), known.histories_UI[:, self.known_K]


class HeldOut(NamedTuple):
    """Some held-out items and who likes them."""

    features_NF: csr_array
    likes_UN: csr_array


def describe_parts(
    model: Scorer,
    known: Known,
    item_features: pd.DataFrame,
    held_out: pd.DataFrame,
    likes_UI: Mapping[str, csr_array],
) -> tuple[Fit, dict[str, HeldOut], list[str]]:
    """Return the fit, the held-out items of each part, and the names of the features.

    `likes_UI` has the likes that count for CHOOSING and for TEST.
    """
    features_IF, names = feature_matrix(item_features[FEATURES])
    index_I = item_features[ITEM_INDEX].to_numpy()
    rows = pd.Index(index_I)
    parts = {
        name: HeldOut(features_IF[rows.get_indexer_for(index_N)], likes_UI[name][:, index_N])
        for name in (CHOOSING, TEST)
        for index_N in [held_out.loc[held_out[HELD_OUT_FOR] == name, ITEM_INDEX].to_numpy()]
    }
    is_new_I = np.isin(index_I, held_out[ITEM_INDEX])
    return Fit.of(model, known, features_IF, np.where(is_new_I, -1, index_I)), parts, names


def evaluate_new_items(
    fit: Fit, parts: Mapping[str, HeldOut], names: list[str], options: NewItemsOptions
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the facts with the chosen options, and the scores of each user with each method.

    The option of a method is the one with the highest NDCG on the items of CHOOSING; the scores are
    those on the items of TEST. Their columns are user_index, n_relevant, NDCG and recall, method.
    """
    n, methods = options.n, methods_of(fit, names, options)
    tried = score_users(fit, parts[CHOOSING], methods, n)
    reached = {key: scores[at("ndcg", n)].mean() for key, scores in tried.items()}
    # the last entry of a name counts, which is the best one
    best_of = dict(sorted(reached, key=reached.__getitem__))
    chosen = {name: best_of[name] for name, _ in methods}
    best = {name: methods[name, value] for name, value in chosen.items()}
    scored = score_users(fit, parts[TEST], best, n)
    scored[RANDOM] = scores_of_random(parts[TEST].likes_UN, n)
    facts = {
        "held_out_items": parts[TEST].likes_UN.shape[1],
        "known_items": len(fit.known_K),
        "features": len(names),
        "chosen": chosen,
    }
    tables = [scores.assign(**{METHOD: name}) for name, scores in scored.items()]
    return facts, pd.concat(tables, ignore_index=True)


def methods_of(
    fit: Fit, names: list[str], options: NewItemsOptions
) -> dict[tuple[str, float], Score]:
    """Return what ranks new items, by name and option. Of each name, one option is chosen."""
    likes_K = np.asarray(fit.known.likes_I)[fit.known_K]
    in_category = [place for place, name in enumerate(names) if is_category(name, options.features)]
    columns_of = {IN_FEATURES: np.arange(len(names)), IN_CATEGORY: np.array(in_category, np.intp)}
    methods: dict[tuple[str, float], Score] = {
        (ITEM_FEATURES, penalty): partial(by_ridge, FeatureRidge.of(fit.features_KF, penalty))
        for penalty in options.penalties
    }
    for name, columns in columns_of.items():
        popularity = FeaturePopularity.of(fit.features_KF[:, columns], likes_K)
        for exponent in options.exponents if len(columns) else ():
            methods[name, exponent] = partial(by_popularity, popularity, columns, exponent)
    return methods


def by_ridge(
    ridge: FeatureRidge,
    scores_UK: NDArray[np.float32],
    likes_UK: csr_array,
    features_NF: csr_array,
) -> NDArray[np.float32]:
    """Return the scores of new items by their features, shape (U, N)."""
    return ridge.score(scores_UK, features_NF)


def by_popularity(
    popularity: FeaturePopularity,
    columns: NDArray[np.intp],
    exponent: float,
    scores_UK: NDArray[np.float32],
    likes_UK: csr_array,
    features_NF: csr_array,
) -> NDArray[np.float32]:
    """Return the scores of new items by the popularity of these of their features, (U, N)."""
    return popularity.score(likes_UK, features_NF[:, columns], exponent)


Key = TypeVar("Key", bound=Hashable)


def score_users(
    fit: Fit, part: HeldOut, methods: Mapping[Key, Score], n: int
) -> dict[Key, pd.DataFrame]:
    """Return the NDCG and recall of each user who likes a held-out item, by method.

    Raises ValueError if there is no such user.
    """
    users_U = np.flatnonzero(np.diff(part.likes_UN.indptr))
    if not len(users_U):
        raise ValueError(
            "No user likes one of the held-out items, so nothing can be evaluated. Increase "
            "new_items.fraction, or set another new_items.seed."
        )
    length = min(n, part.likes_UN.shape[1])
    item_UL = {key: np.empty((len(users_U), length), dtype=np.int32) for key in methods}
    size = rows_at_once(fit.known.histories_UI.shape[1])
    for start in range(0, len(users_U), size):
        rows = slice(start, start + size)
        scores_BI, likes_BK = fit.score(users_U[rows])
        for key, score in methods.items():
            scores_BN = score(scores_BI[:, fit.known_K], likes_BK, part.features_NF)
            item_UL[key][rows], _ = take_best(scores_BN, length)
    relevant_UN = part.likes_UN[users_U]
    n_relevant_U = count_relevant(relevant_UN)
    hits = {key: find_hits(items, relevant_UN) for key, items in item_UL.items()}
    return {
        key: _table(
            users_U, n_relevant_U, n, ndcg(hits_UL, n_relevant_U), recall(hits_UL, n_relevant_U)
        )
        for key, hits_UL in hits.items()
    }


def scores_of_random(likes_UN: csr_array, n: int) -> pd.DataFrame:
    """Return the expected NDCG and recall of a random order, of each user who likes an item.

    Each of N items is in each of L places with the same probability: E[DCG] = r / N Σ_p 1 / log2(p
    + 1) for r relevant items, and E[recall] = L / N.
    """
    users_U, n_items = np.flatnonzero(np.diff(likes_UN.indptr)), likes_UN.shape[1]
    n_relevant_U = count_relevant(likes_UN)[users_U]
    gain_L = np.cumsum(1 / np.log2(np.arange(min(n, n_items)) + 2))
    best_U = gain_L[np.minimum(n_relevant_U, len(gain_L)) - 1]
    ndcg_U = n_relevant_U / n_items * gain_L[-1] / best_U
    return _table(users_U, n_relevant_U, n, ndcg_U, np.full(len(users_U), len(gain_L) / n_items))


def _table(
    users_U: NDArray[np.intp],
    n_relevant_U: NDArray[np.int64],
    n: int,
    ndcg_U: NDArray[np.float64],
    recall_U: NDArray[np.float64],
) -> pd.DataFrame:
    columns = {USER_INDEX: users_U, N_RELEVANT: n_relevant_U}
    return pd.DataFrame(columns | {at("ndcg", n): ndcg_U, at("recall", n): recall_U})
