"""EASE, a linear autoencoder in closed form (Steck, WWW 2019): what a network has to beat.

Dimension key: U users, I items.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from collaborative_autoencoders.models.model import Catalogue, View
from collaborative_autoencoders.models.options import ModelOptions

BYTES_PER_PAIR = 8 * 3
"""The Gram matrix, its factor and its inverse, in float64, are there at once."""


class EASEOptions(ModelOptions):
    """What an EASE is."""

    penalty: Annotated[float, Gt(0)]
    """λ, added to the diagonal of the Gram matrix."""
    memory_limit_gb: Annotated[float, Gt(0)]
    """What fitting may take; a catalogue of too many items is refused."""


class EASE:
    """Scores X B with B = I − P / diag(P), P = (XᵀX + λI)⁻¹ (equation 8); B has a zero diagonal."""

    learns_from: ClassVar[View] = "likes"
    options_class: ClassVar = EASEOptions
    reads_histories: ClassVar[bool] = True

    def __init__(self, options: EASEOptions, catalogue: Catalogue) -> None:
        """No item says anything of another yet."""
        self.options = options
        self.catalogue = catalogue
        self.weight_II = np.zeros((0, 0), dtype=np.float32)

    def fit(self, train_UI: csr_array) -> None:
        """Solve for B. Raises ValueError where items × items would not fit the memory limit."""
        self._refuse_a_catalogue_too_large()
        gram_II = (train_UI.T @ train_UI).toarray().astype(np.float64)
        gram_II[np.diag_indices_from(gram_II)] += self.options.penalty
        factor = cho_factor(gram_II, overwrite_a=True, check_finite=False)
        inverse_II = cho_solve(factor, np.eye(len(gram_II)), overwrite_b=True, check_finite=False)
        weight_II = -inverse_II / np.diag(inverse_II)
        np.fill_diagonal(weight_II, 0)
        self.weight_II = np.ascontiguousarray(weight_II, dtype=np.float32)

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the liked items say of every item, shape (U, I)."""
        return np.asarray(histories_UI @ self.weight_II, dtype=np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """What each item (row) says of each other one (column)."""
        return {"weight_II": self.weight_II}

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Take over the weights."""
        self.weight_II = state["weight_II"]

    def _refuse_a_catalogue_too_large(self) -> None:
        items, limit = self.catalogue.items, self.options.memory_limit_gb
        needed = items**2 * BYTES_PER_PAIR / 2**30
        if needed > limit:
            raise ValueError(
                f"ease.model.memory_limit_gb: {items:,} items need {needed:.1f} GB, which is more "
                f"than {limit:g}: raise it, let fewer items in (core.k), or leave ease out"
            )
