"""Biased matrix factorisation (Koren et al. 2009), fitted by alternating least squares.

Dimension key: U users, I items, R rows (users or items), C columns, B rows of a block, N their
ratings, M the most ratings of a row of the block, H factors, Z = H + 1 with the bias.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Ge, Gt
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.sparse import user_of_cells
from collaborative_autoencoders.memory import TooLarge, machine_memory
from collaborative_autoencoders.options import Count, Options

from .batch import Rows
from .fold_in import LEAST_PENALTY
from .model import Catalogue, check_state
from .network import Units
from .penalty import Penalty

INITIAL_SCALE = 0.1
"""Standard deviation of the initial values, for ratings with standard deviation 1."""

AUTO = 1.2
"""Constant of the penalty `auto`."""

CELLS_AT_ONCE = 2**22
"""Maximum number of cells of the vectors that are gathered for a block of rows."""

Floats = NDArray[np.float64]


class MFOptions(Options):
    """Options of matrix factorisation."""

    factors: Units
    """Length of the vector of each user and item."""
    penalty: Penalty
    """λ of vectors and biases, for ratings with standard deviation 1. `auto` fits the data: a user
    or an item with n ratings has the penalty 1.2 √n."""
    penalty_factor: Annotated[float, Gt(0)]
    """Factor of a penalty that is `auto`."""
    iterations: Count
    """Number of times that all users and then all items are solved for."""
    seed: Annotated[int, Ge(0)]
    """Seed of the initial values."""


class MF:
    """MF: r̂ = μ + σ (b_u + b_i + p_u · q_i), fitted on observed ratings only (equation 4).

    With the items fixed, a user's vector and bias are a ridge regression, and the other way round
    (alternating least squares, Zhou et al. 2008). Of the n ratings of a user, what the items cannot
    explain adds up to a gradient with standard deviation √n; a penalty of c √n keeps in proportion
    to it, so one c is right for short and long histories. Ratings are standardised (μ, σ).
    """

    learns_from: ClassVar[View] = "ratings"
    options_class: ClassVar = MFOptions
    reads_histories: ClassVar[bool] = False

    def __init__(self, options: MFOptions, catalogue: Catalogue) -> None:
        """Create an unfitted model."""
        self.options = options
        self.catalogue = catalogue
        self.mean, self.spread = np.float32(0), np.float32(1)
        self.user_UZ = self.item_IZ = np.zeros((0, 0), dtype=np.float32)

    def fit(self, train_UI: csr_array) -> None:
        """Solve for users and items in turn.

        Raises TooLarge if the vectors and one system of equations do not fit into the memory.
        """
        self._refuse_too_large()
        options, (users, items) = self.options, train_UI.shape
        self.mean = np.float32(train_UI.data.mean(dtype=np.float64))
        self.spread = np.float32(train_UI.data.std(dtype=np.float64) or 1.0)
        ratings_UI = self._standardised(train_UI)
        ratings_IU = ratings_UI.T.tocsr()
        random = np.random.default_rng(options.seed)
        user_UZ, item_IZ = (np.zeros((size, options.factors + 1)) for size in (users, items))
        item_IZ[:, :-1] = random.normal(0, INITIAL_SCALE, (items, options.factors))
        for _ in range(options.iterations):
            user_UZ = self._solved(ratings_UI, item_IZ)
            item_IZ = self._solved(ratings_IU, user_UZ)
        self.user_UZ, self.item_IZ = user_UZ.astype(np.float32), item_IZ.astype(np.float32)

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the predicted ratings before they are clipped to the scale, shape (U, I).

        Vector and bias of an unseen user are solved for from the history, with the items fixed.
        Without a history they are 0, and the prediction is the mean plus the item's bias.
        """
        user_UZ = self._users(histories_UI, users_U)
        standard_UI = user_UZ[:, :-1] @ self.item_IZ[:, :-1].T
        standard_UI += user_UZ[:, -1:] + self.item_IZ[:, -1]
        return self.mean + self.spread * standard_UI

    def predict(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the predicted ratings, clipped to the scale, shape (U, I)."""
        return self.catalogue.on_scale(self.score(histories_UI, users_U))

    def predict_at(
        self, histories_UI: csr_array, users_U: NDArray[np.int64], wanted_UI: csr_array
    ) -> NDArray[np.float32]:
        """Return what `predict` returns at the cells that `wanted_UI` stores, shape (N,)."""
        user_UZ, item_N = self._users(histories_UI, users_U), wanted_UI.indices
        factors = (np.ascontiguousarray(of_all[:, :-1]) for of_all in (user_UZ, self.item_IZ))
        cells = Rows(wanted_UI, torch.device("cpu")).all()
        standard_N = cells.products_at(*map(torch.from_numpy, factors)).numpy()
        standard_N += user_UZ[user_of_cells(wanted_UI), -1] + self.item_IZ[item_N, -1]
        return self.catalogue.on_scale(self.mean + self.spread * standard_N)

    def item_vectors(self) -> NDArray[np.float32]:
        """Return q of each item, shape (I, H)."""
        return self.item_IZ[:, :-1]

    def state(self) -> dict[str, NDArray[Any]]:
        """Return vectors with the bias as their last number, mean and standard deviation."""
        scale = {"mean": np.asarray(self.mean), "spread": np.asarray(self.spread)}
        return {"user_UZ": self.user_UZ, "item_IZ": self.item_IZ, **scale}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load what `state` returned."""
        (users, items), numbers = self.catalogue[:2], self.options.factors + 1
        shapes = {"user_UZ": (users, numbers), "item_IZ": (items, numbers)}
        check_state(state, **shapes, mean=(), spread=())
        if not state["spread"] > 0:
            raise ValueError("the standard deviation of its ratings is not above 0")
        self.user_UZ, self.item_IZ = state["user_UZ"], state["item_IZ"]
        self.mean, self.spread = np.float32(state["mean"]), np.float32(state["spread"])

    def _users(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return vector and bias of each user; those of unseen users are solved for."""
        user_UZ = self.user_UZ[users_U]
        unseen_U = (users_U < 0) | ~user_UZ.any(axis=1)  # zeros: without ratings in the fit
        if unseen_U.any():
            unseen_UI = self._standardised(histories_UI[np.flatnonzero(unseen_U)])
            user_UZ[unseen_U] = self._solved(unseen_UI, self.item_IZ.astype(np.float64))
        return user_UZ

    def _refuse_too_large(self) -> None:
        size, (users, items) = self.options.factors + 1, self.catalogue[:2]
        needed, there = 8 * size * (2 * size + users + items), machine_memory()
        if there is not None and needed > there:
            raise TooLarge(
                f"mf.model.factors: {self.options.factors:,} factors of {users:,} users and "
                f"{items:,} items need {needed / 2**30:,.1f} GiB, more than the "
                f"{there / 2**30:.1f} GiB of this machine: set fewer"
            )

    def _standardised(self, ratings_UI: csr_array) -> csr_array:
        standard_N = (ratings_UI.data.astype(np.float64) - self.mean) / self.spread
        return csr_array((standard_N, ratings_UI.indices, ratings_UI.indptr), ratings_UI.shape)

    def _solved(self, ratings_RC: csr_array, column_CZ: Floats) -> Floats:
        """Return the vector and bias of each row with those of the columns fixed, shape (R, Z).

        A row without ratings has zeros. Rows with similar numbers of ratings share a block, so that
        little is padded.
        """
        count_R, size = np.diff(ratings_RC.indptr), column_CZ.shape[1]
        row_RZ = np.zeros((len(count_R), size))
        order = np.argsort(count_R, kind="stable")
        start = int(np.searchsorted(count_R[order], 1))
        while start < len(order):
            most = CELLS_AT_ONCE // size
            ends = np.arange(1, len(order) - start + 1) * count_R[order[start:]]
            stop = start + max(1, int(np.searchsorted(ends, most, side="right")))
            block_B = order[start:stop]
            row_RZ[block_B] = self._ridge(ratings_RC[block_B], column_CZ)
            start = stop
        return row_RZ

    def _ridge(self, ratings_BC: csr_array, column_CZ: Floats) -> Floats:
        """Return argmin Σ (r − b_column − x · [q, 1])² + λ ‖x‖² of each row, shape (B, Z)."""
        count_B = np.diff(ratings_BC.indptr)
        place_N = np.arange(ratings_BC.nnz) - np.repeat(ratings_BC.indptr[:-1], count_B)
        row_N = np.repeat(np.arange(len(count_B)), count_B)
        vector_NZ = column_CZ[ratings_BC.indices]
        target_BM = np.zeros((len(count_B), count_B.max()))
        target_BM[row_N, place_N] = ratings_BC.data - vector_NZ[:, -1]
        vector_NZ[:, -1] = 1
        vector_BMZ = np.zeros((*target_BM.shape, column_CZ.shape[1]))
        vector_BMZ[row_N, place_N] = vector_NZ
        return solve(vector_BMZ, target_BM, self._penalties(count_B))

    def _penalties(self, count_B: NDArray[np.integer]) -> Floats:
        """Return λ of rows with so many ratings."""
        if self.options.penalty == "auto":
            return self.options.penalty_factor * AUTO * np.sqrt(count_B)
        return np.full(len(count_B), max(self.options.penalty, LEAST_PENALTY))


def solve(vector_BMZ: Floats, target_BM: Floats, penalty_B: Floats) -> Floats:
    """Return the ridge regression of each target on its vectors, shape (B, Z).

    torch shares the block's systems among its threads; a BLAS would split each small product.
    """
    vectors, targets = torch.from_numpy(vector_BMZ), torch.from_numpy(target_BM)
    gram_BZZ = torch.bmm(vectors.mT, vectors)
    gram_BZZ.diagonal(dim1=1, dim2=2).add_(torch.from_numpy(penalty_B)[:, None])
    sums_BZ1 = torch.bmm(vectors.mT, targets[:, :, None])
    return torch.cholesky_solve(sums_BZ1, torch.linalg.cholesky(gram_BZZ))[:, :, 0].numpy()
