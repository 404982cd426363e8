"""EASE, a linear autoencoder in closed form (Steck, WWW 2019), with weights and a relaxed diagonal.

Dimension key: U users, I items.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray
from scipy.linalg import LinAlgError
from scipy.sparse import csr_array, diags_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.npz import checked_csr, refuse_other_names
from collaborative_autoencoders.interactions.sparse import count_each, one_of_each
from collaborative_autoencoders.memory import TooLarge, memory_limit
from collaborative_autoencoders.metrics.table import ListMetric
from collaborative_autoencoders.options import Count, Options

from .local_ease import (
    Positions,
    gib_of_neighbours,
    gib_of_weights,
    local_weights,
    popular_within,
)
from .model import Catalogue, check_state
from .penalty import Factor, Ladder, Penalty, formula_penalty
from .ridge import Matrix, over_items, over_users

logger = logging.getLogger(__name__)

BYTES_PER_PAIR = 8 + 4 + 8
"""Bytes per pair of items (or users): the Gram matrix as a sparse product, at worst with every
cell, and as an array in float64 (`ridge`). Its factor and its inverse take its place."""

AUTO = 45.0
"""Constant of the penalty `auto`."""

USERS_AT_ONCE = 256

COMPARED_ITEMS = 8_192
"""Items of most likes, whose columns are fitted to compare penalties. Lists are mostly of them."""

ITEMS, USERS, NEIGHBOURS = "pairs of items", "pairs of users", "neighbours of each item"
"""The forms of a fit, and what takes their memory."""

FEWER = 2
"""How many times as many items as users make the dual form the cheaper one, also for scoring."""


class EASEOptions(Options):
    """Options of EASE. With exponents and relaxation 0 and score_exponent 1 it is Steck's."""

    penalty: Penalty
    """λ, added to the diagonal of the Gram matrix. `auto` fits the data: 45 √n̄ of `noise_of`."""
    penalty_factor: Factor | Ladder
    """Factor of a penalty that is `auto`. Of a list of factors, validation chooses one, after a fit
    on train with each. Where each item is fitted on its neighbours, these fits are of the columns
    of the 8,192 items of most likes alone, and so are the lists that are compared."""
    validation_metric: ListMetric
    """Metric that chooses the factor."""
    user_exponent: Annotated[float, Ge(0)]
    """β: a user with n likes has the weight (n / mean n)^−β in the square loss."""
    item_exponent: Annotated[float, Ge(0)]
    """a: the column of an item with n likes is multiplied by ((n + 1) / (mean n + 1))^−a, so that
    popular items do not decide all similarities (Park et al., SIGIR 2025)."""
    score_exponent: float
    """c: the score of an item is divided by its factor to the power c. 1 gives scores in the unit
    of the likes; a lower value favours popular items less."""
    relaxation: Annotated[float, Ge(0), Le(1)]
    """ξ: an item may explain at most this share of itself (Moon et al., SIGIR 2023). 0 is EASE,
    whose diagonal is 0; 1 is ridge regression."""
    memory_limit_gb: Annotated[float, Gt(0)]
    """Memory limit of the fit in GiB (2^30 bytes), at most the memory of the machine. If pairs of
    items and pairs of users exceed it, each item is fitted on its neighbours alone."""
    neighbours: Count
    """Items of largest cosine that such a fit of an item reads."""


class Inverse(NamedTuple):
    """P = (G + λI)⁻¹ of the dual form, over pairs of users, and what a score needs beside it."""

    weighted_UI: csr_array
    """Z = W^½ X S, the likes with their weights."""
    kernel_UU: NDArray[np.float32]
    """K = (Z Zᵀ + λI)⁻¹, so that P = (I − Zᵀ K Z) / λ."""
    penalty: np.float32


class EASE:
    """EASE: scores X S (I − P diag γ) S^−c with P = (S Xᵀ W X S + λI)⁻¹.

    W has the weights of users, S the factors of items, and γ_j = (1 − ξ) / P_jj, or λ if item j
    explains no more than the share ξ of itself even so. Without weights and relaxation it is
    equation 8 of Steck 2019, X B with B = I − P / diag(P). P is computed from pairs of users if
    they are far fewer than items, or if only that keeps the memory limit; the scores are the same.
    If neither keeps it, the column of an item is that of EASE on the item and its neighbours alone.
    """

    learns_from: ClassVar[View] = "likes"
    options_class: ClassVar = EASEOptions
    reads_histories: ClassVar[bool] = True
    items_S: Positions | None = None
    """Items whose columns a fit over neighbours has; None means all."""

    def __init__(self, options: EASEOptions, catalogue: Catalogue, key: str = "ease.model") -> None:
        """Create an unfitted model; `key` is the block of its options, for errors."""
        self.options = options
        self.key = key
        self.catalogue = catalogue
        self.weight_II: NDArray[np.float32] | csr_array = np.zeros((0, 0), dtype=np.float32)
        self.inverse: Inverse | None = None
        self.chosen: dict[str, float] = {}
        self.remarks: list[str] = []
        """What a reader of its figures has to know about the fit."""
        self.factor_I = self.gamma_I = np.zeros(0, dtype=np.float32)

    def fit(self, train_UI: csr_array) -> None:
        """Solve for the weights, over pairs of items or of users.

        Raises TooLarge if the fit would exceed the memory limit in every form, and ValueError if
        the penalty is too small.
        """
        users_UI = with_likes(train_UI)
        form, spare_gib = self._form(users_UI)
        if form == NEIGHBOURS:
            fit_local([self], users_UI, train_UI, popular_within(spare_gib), self.items_S)
            return
        penalty = formula_penalty(self, AUTO, train_UI)
        scaled_UI = self._scaled(users_UI, train_UI)
        try:
            (self._fit_primal if form == ITEMS else self._fit_dual)(scaled_UI, penalty)
        except LinAlgError:
            raise too_small(self.key, penalty) from None

    @classmethod
    def fit_each(
        cls, each: Sequence[EASEOptions], catalogue: Catalogue, train_UI: csr_array
    ) -> Iterator["EASE"]:
        """Yield a model for each of these options, which differ in their penalties only.

        They are to be compared with each other. Fits over neighbours list the items of most likes
        alone, and share most of their work if the memory limit allows it.
        """
        items_S = most_liked(train_UI, COMPARED_ITEMS)
        models = [EASEOfItems(options, catalogue, items_S) for options in each]
        users_UI = with_likes(train_UI)
        form, spare_gib = models[0]._form(users_UI)
        spare_gib -= (len(models) - 1) * gib_of_weights(len(items_S), each[0].neighbours)
        if form == NEIGHBOURS and spare_gib >= 0:
            fit_local(models, users_UI, train_UI, popular_within(spare_gib), items_S)
            yield from models
            return
        for options in each:  # a new model, so that the memory of the one before is free
            model = cls(options, catalogue)
            if form == NEIGHBOURS:
                model = EASEOfItems(options, catalogue, items_S)
            model.fit(train_UI)
            yield model

    def _scaled(self, users_UI: csr_array, train_UI: csr_array) -> csr_array:
        """Return Z = W^½ X S, and keep the factors of items."""
        factor_I = self._factors(train_UI)
        weight_U = powers(np.diff(users_UI.indptr), -self.options.user_exponent / 2)
        self.factor_I = factor_I.astype(np.float32)
        return (diags_array(weight_U) @ users_UI @ diags_array(factor_I)).tocsr()

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of every item for these histories, shape (U, I)."""
        if self.inverse is None:
            scores_UI: Any = histories_UI @ self.weight_II
            is_local = isinstance(self.weight_II, csr_array)
            return np.asarray(scores_UI.toarray() if is_local else scores_UI, dtype=np.float32)
        weighted_UI, kernel_UU, penalty = self.inverse
        scaled_UI = (histories_UI @ diags_array(self.factor_I)).tocsr()
        # two users mostly have an item in common, and a dense product is many times as fast
        common_UU = (scaled_UI @ weighted_UI.T).toarray()
        explained_UI = (common_UU @ kernel_UU) @ weighted_UI
        own_UI = scaled_UI.toarray()
        scores_UI = own_UI - (own_UI - explained_UI) / penalty * self.gamma_I
        return (scores_UI * self._divisor_I()).astype(np.float32)

    def item_weights(self, items_B: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the rows of these items in B, shape (B, I): the scores of a history of one item.

        The weight from an item, not to it, as in `EASEModel` of RecTools. B is not symmetric: rows
        name popular items more often than columns do.
        """
        return self.score(one_of_each(items_B, self.catalogue.items), np.full(len(items_B), -1))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the weight from each item (row) to each item (column), or the dual form."""
        weight = self.weight_II
        if isinstance(weight, csr_array):
            return {"indptr": weight.indptr, "indices": weight.indices, "data": weight.data}
        if self.inverse is None:
            return {"weight_II": weight}
        weighted_UI, kernel_UU, penalty = self.inverse
        return {
            "kernel_UU": kernel_UU,
            "factor_I": self.factor_I,
            "gamma_I": self.gamma_I,
            "penalty": np.asarray(penalty),
            "indptr": weighted_UI.indptr,
            "indices": weighted_UI.indices,
            "data": weighted_UI.data,
        }

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the weights of any form."""
        items = self.catalogue.items
        if state.keys() == {"indptr", "indices", "data"}:
            shape = np.array((items, items))
            self.weight_II = checked_csr(state["data"], {**state, "shape": shape})
            return
        if "kernel_UU" not in state:
            check_state(state, weight_II=(items,) * 2)
            self.weight_II = state["weight_II"]
            return
        sparse = {"indptr", "indices", "data"}
        dense = {name: value for name, value in state.items() if name not in sparse}
        users = state["kernel_UU"].shape[0] if state["kernel_UU"].ndim else 0
        shapes = {"kernel_UU": (users, users), "factor_I": (items,), "gamma_I": (items,)}
        check_state(dense, **shapes, penalty=())
        refuse_other_names(state, sparse | dense.keys())
        if min(state["penalty"], state["factor_I"].min(), state["gamma_I"].min()) <= 0:
            raise ValueError("a penalty, factor or γ is not above 0")
        shape = np.array((users, items))
        weighted_UI = checked_csr(state["data"], {**state, "shape": shape})
        self.inverse = Inverse(weighted_UI, state["kernel_UU"], np.float32(state["penalty"]))
        self.factor_I, self.gamma_I = state["factor_I"], state["gamma_I"]

    def _fit_primal(self, scaled_UI: csr_array, penalty: float) -> None:
        weight_II = over_items(scaled_UI, penalty)
        diagonal_I = np.diag(weight_II).astype(np.float64)
        gamma_I = self._gammas(diagonal_I, penalty)
        factor_I = self.factor_I.astype(np.float64)
        weight_II *= -gamma_I
        weight_II[np.diag_indices_from(weight_II)] = 1 - diagonal_I * gamma_I
        weight_II *= factor_I[:, None]
        weight_II *= self._divisor_I()
        self.weight_II = np.ascontiguousarray(weight_II, dtype=np.float32)

    def _fit_dual(self, scaled_UI: csr_array, penalty: float) -> None:
        kernel_UU = over_users(scaled_UI, penalty)
        explained_I = np.zeros(self.catalogue.items)
        np.add.at(explained_I, scaled_UI.indices, scaled_UI.data * sampled(kernel_UU, scaled_UI))
        self.gamma_I = self._gammas((1 - explained_I) / penalty, penalty).astype(np.float32)
        self.inverse = Inverse(
            scaled_UI.astype(np.float32),
            kernel_UU.astype(np.float32, copy=False),
            np.float32(penalty),
        )

    def _gammas(self, diagonal_I: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
        """Return γ of each item, given the diagonal of P."""
        share = self.options.relaxation
        is_within_I = 1 - penalty * diagonal_I <= share
        return np.where(is_within_I, penalty, (1 - share) / diagonal_I)

    def _factors(self, train_UI: csr_array) -> NDArray[np.float64]:
        likes_I = count_each(train_UI.indices, self.catalogue.items)
        rated = likes_I > 0
        return ((likes_I + 1) / (likes_I[rated].mean() + 1)) ** -self.options.item_exponent

    def _divisor_I(self) -> NDArray[np.float32]:
        return self.factor_I**-self.options.score_exponent

    def _form(self, users_UI: csr_array) -> tuple[str, float]:
        """Return the form, and the GiB that it leaves of the limit.

        Raises TooLarge if no form keeps the limit.
        """
        (users, items), k = users_UI.shape, self.options.neighbours
        limit = memory_limit(self.options.memory_limit_gb, f"{self.key}.memory_limit_gb")
        needed = {
            ITEMS: gib_of_pairs(items),
            USERS: gib_of_pairs(users),
            NEIGHBOURS: gib_of_neighbours(items, k, users_UI.nnz),
        }
        order = [USERS, ITEMS] if users * FEWER < items else [ITEMS, USERS]
        form = next((each for each in (*order, NEIGHBOURS) if needed[each] <= limit.gib), None)
        if form is None:
            raise TooLarge(
                f"{k:,} neighbours of {items:,} items need {needed[NEIGHBOURS]:.3g} GiB, more than "
                f"{limit.words}. Lower {self.key}.neighbours, or raise core.k to keep fewer items"
            )
        logger.info("ease: over %s, %.3g GiB", form, needed[form])
        if form == NEIGHBOURS:
            self.remarks = [
                f"each item is fitted on its {k:,} nearest neighbours alone, not on all {items:,} "
                f"items: their pairs need {needed[ITEMS]:.3g} GiB, more than {limit.words}"
            ]
        return form, limit.gib - needed[form]


class EASEOfItems(EASE):
    """EASE over the neighbours of some items, which alone it lists."""

    def __init__(self, options: EASEOptions, catalogue: Catalogue, items_S: Positions) -> None:
        """Create an unfitted model of these items."""
        super().__init__(options, catalogue)
        self.items_S = items_S

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores, shape (U, I); −inf for an item that is not listed."""
        scores_UI = np.full(histories_UI.shape, -np.inf, dtype=np.float32)
        scores_UI[:, self.items_S] = super().score(histories_UI, users_U)
        return scores_UI


def with_likes(train_UI: csr_array) -> csr_array:
    """Return the rows of the users with likes: the matrix itself, not a copy, if all have some."""
    has_likes_U = np.diff(train_UI.indptr) > 0
    return train_UI if has_likes_U.all() else train_UI[has_likes_U]


def most_liked(train_UI: csr_array, most: int) -> Positions:
    """Return the items of most likes, at most so many, in their order."""
    likes_I = count_each(train_UI.indices, train_UI.shape[1])
    return np.sort(np.argsort(-likes_I, kind="stable")[:most])


def fit_local(
    models: Sequence[EASE],
    users_UI: csr_array,
    train_UI: csr_array,
    popular: int,
    of_items: Positions | None = None,
) -> None:
    """Fit models that differ in their penalties only over the neighbours of each item.

    Of some items, the weights are (I, S); None means all.
    """
    penalties = [formula_penalty(model, AUTO, train_UI) for model in models]
    scaled_UI, first = models[0]._scaled(users_UI, train_UI), models[0]
    try:
        weights = local_weights(
            scaled_UI, first.options.neighbours, penalties, first._gammas, popular, of_items
        )
    except LinAlgError:
        raise too_small(first.key, min(penalties)) from None
    divisor_I = first._divisor_I() if of_items is None else first._divisor_I()[of_items]
    for model, weight_II in zip(models, weights, strict=True):
        model.factor_I = first.factor_I
        # in place: a product with a diagonal matrix would be one more matrix
        weight_II.data *= np.repeat(first.factor_I, np.diff(weight_II.indptr))
        weight_II.data *= divisor_I[weight_II.indices]
        model.weight_II = weight_II


def too_small(key: str, penalty: float) -> ValueError:
    """Return the error of a penalty with which a matrix cannot be inverted; `key` is its block."""
    return ValueError(
        f"{key}.penalty: {penalty:g} is too small for these data: the Gram matrix cannot be "
        "inverted. Raise it, to 1 or more, and use no exponent above 1"
    )


def gib_of_pairs(size: int) -> float:
    """Return the memory of a fit over pairs of so many users or items, in GiB."""
    return size**2 * BYTES_PER_PAIR / 2**30


def powers(count_U: NDArray[np.integer], exponent: float) -> NDArray[np.float64]:
    """Return (n / mean n)^exponent of each count."""
    mean = count_U.mean() if len(count_U) else 1
    return (count_U / mean) ** exponent


def sampled(kernel_UU: Matrix, weighted_UI: csr_array) -> NDArray[np.float64]:
    """Return (K Z) at the stored cells of Z, in their order, a block of users at a time."""
    pieces = []
    for start in range(0, len(kernel_UU), USERS_AT_ONCE):
        rows = slice(start, start + USERS_AT_ONCE)
        block_UI, cells = kernel_UU[rows] @ weighted_UI, weighted_UI[rows].tocoo()
        pieces.append(block_UI[cells.row, cells.col])
    return np.concatenate(pieces)
