"""How similar items are to each other, from what a model has learned of them.

A model with weights between items has them as similarities. A model with item vectors has their
cosines. The vector of an item is the one whose product with a user's makes the score, so two items
with the same vector have the same scores for every user, up to a bias.

Dimension key: I items, B items of a block, D dimensions of a vector.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .ensemble import members_of
from .model import ItemVectors, ItemWeights, Model

Floats = NDArray[np.float32]
Similarities = Callable[[NDArray[np.integer]], Floats]
"""Returns the similarity of every item to each of some items, shape (B, I)."""


def similarities_of(model: Model) -> Similarities | None:
    """Return the similarities of a model; None if it has neither weights nor item vectors."""
    if isinstance(model, ItemWeights):
        return model.item_weights
    vectors_ID = unit_vectors(model)
    if vectors_ID is None:
        return None
    return lambda items_B: vectors_ID[items_B] @ vectors_ID.T


def unit_vectors(model: Model) -> Floats | None:
    """Return the item vectors with length 1, shape (I, D); None if the model has none.

    Zeros stay zeros. Those of an ensemble stand side by side, so that the cosine of two items is
    the mean of their cosines in the members.
    """
    members = [member for member in members_of(model) if isinstance(member, ItemVectors)]
    if not members:
        return None
    return to_unit(np.hstack([to_unit(member.item_vectors()) for member in members]))


def to_unit(vectors_ID: Floats) -> Floats:
    """Return the vectors divided by their lengths; zeros stay zeros."""
    length_I1 = np.linalg.norm(vectors_ID, axis=1, keepdims=True)
    return np.divide(vectors_ID, length_I1, out=np.zeros_like(vectors_ID), where=length_I1 > 0)
