"""Penalties that fit the data: one constant for every number of users, items and ratings.

Let a network decode an item by ŷ_ui = w_i · h_u, from codes h_u of about unit length per unit. The
gradient of the summed loss with respect to w_i is Σ_u (ŷ_ui − y_ui) h_u. What an item's n_i likes
leave unexplained is close to independent from user to user, so this sum has a random part with
standard deviation ∝ √n_i, and weights follow it wherever the penalty's own gradient λ w_i is
smaller. λ = c √n̄ keeps the two in the same proportion, whatever the size and density of the table.
In the same way, the largest singular value of random counts is about √n̄, and λ/2 (‖W‖² + ‖W'‖²)
removes the singular values of W W' that are below λ (Srebro et al. 2004).
CDAE's decoder has the same argument for each item: `item_noise`.
Measured: docs/other-data.md.
"""

from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, MaxLen, MinLen
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.sparse import count_each

Auto = Literal["auto"]
Penalty = Annotated[float, Ge(0)] | Auto
"""A number, or `auto`: a constant of the model times `noise_of` the train part."""
Factor = Annotated[float, Gt(0)]
"""Factor of a penalty that is `auto`."""
Ladder = Annotated[list[Factor], MinLen(1), MaxLen(20)]
"""Factors, of which the validation part chooses one before the fit."""


def noise_of(train_UI: csr_array) -> float:
    """Return √n̄, where n̄ is the mean number of ratings of the items that have any."""
    items = int(np.count_nonzero(count_each(train_UI.indices, train_UI.shape[1])))
    return float(np.sqrt(train_UI.nnz / max(1, items)))


def formula_penalty(formula: Any, constant: float, train_UI: csr_array) -> float:
    """Return λ of a formula with a ladder: `constant` times `noise_of` and the factor if `auto`.

    It is then among what the fit has chosen. The factor is one number: a fit chooses it first.
    """
    penalty, factor = formula.options.penalty, formula.options.penalty_factor
    if penalty == "auto":
        assert not isinstance(factor, list), "the fit chooses a factor first"
        formula.chosen["penalty"] = penalty = constant * (factor * noise_of(train_UI))
    return float(penalty)


def item_noise(likes_I: NDArray[np.integer], users: int) -> NDArray[np.float64]:
    """Return √(n (1 − p)) of each item, over √n̄ of `noise_of`.

    It is the standard deviation of the number of likes n if each of the users likes the item with
    the probability p = n / users. An item without likes counts as one with half a like.
    """
    share_I = np.maximum(likes_I, 0.5) / (users + 1)  # never 0 or 1
    mean = likes_I.sum() / max(1, np.count_nonzero(likes_I))
    return np.sqrt(users * share_I * (1 - share_I) / max(1.0, mean))
