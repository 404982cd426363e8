"""EASE, a linear autoencoder in closed form (Steck, WWW 2019).

Dimension key: U users, I items.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.options import Options

from .model import Catalogue, check_state

BYTES_PER_PAIR = 8 * 3
"""Bytes per pair of items: the Gram matrix, its factor and its inverse are float64."""


class EASEOptions(Options):
    """Options of EASE."""

    penalty: Annotated[float, Gt(0)]
    """λ, added to the diagonal of the Gram matrix."""
    memory_limit_gb: Annotated[float, Gt(0)]
    """Memory limit of the fit in GiB (2^30 bytes). Larger catalogues raise ValueError."""


class EASE:
    """EASE: scores X B with B = I − P / diag(P), P = (XᵀX + λI)⁻¹ (equation 8); diag(B) = 0."""

    learns_from: ClassVar[View] = "likes"
    options_class: ClassVar = EASEOptions
    reads_histories: ClassVar[bool] = True

    def __init__(self, options: EASEOptions, catalogue: Catalogue) -> None:
        """Create an unfitted model."""
        self.options = options
        self.catalogue = catalogue
        self.weight_II = np.zeros((0, 0), dtype=np.float32)

    def fit(self, train_UI: csr_array) -> None:
        """Solve for B.

        Raises ValueError if the fit would exceed the memory limit or the penalty is too small.
        """
        self._check_memory()
        gram_II = (train_UI.T @ train_UI).toarray().astype(np.float64)
        gram_II[np.diag_indices_from(gram_II)] += self.options.penalty
        try:
            factor = cho_factor(gram_II, overwrite_a=True, check_finite=False)
        except LinAlgError:
            raise ValueError(
                f"ease.model.penalty: {self.options.penalty:g} is too small for these data: the "
                "Gram matrix cannot be inverted. Raise it, to 1 or more"
            ) from None
        inverse_II = cho_solve(factor, np.eye(len(gram_II)), overwrite_b=True, check_finite=False)
        weight_II = -inverse_II / np.diag(inverse_II)
        np.fill_diagonal(weight_II, 0)
        self.weight_II = np.ascontiguousarray(weight_II, dtype=np.float32)

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the histories times B, shape (U, I)."""
        return np.asarray(histories_UI @ self.weight_II, dtype=np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return B, the weight from each item (row) to each item (column)."""
        return {"weight_II": self.weight_II}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the weights."""
        check_state(state, weight_II=(self.catalogue.items,) * 2)
        self.weight_II = state["weight_II"]

    def _check_memory(self) -> None:
        items, limit = self.catalogue.items, self.options.memory_limit_gb
        needed = items**2 * BYTES_PER_PAIR / 2**30
        if needed > limit:
            raise ValueError(
                f"ease.model.memory_limit_gb: {items:,} items need {needed:.1f} GiB, more than the "
                f"limit of {limit:g}. Increase the limit, or raise core.k to keep fewer items"
            )
