"""What a model may know of the users when it is judged on the test part."""

from typing import NamedTuple

from scipy.sparse import csr_array

from ...interactions.matrices import Interactions, together
from ...models.model import Model


class Known(NamedTuple):
    """What is known of all users, each users x items."""

    histories_UI: csr_array
    """What the model reads: the view it learns from, of the parts that it was fitted on."""

    seen_UI: csr_array
    """What it must not recommend: every rating in train or validation, liked or not."""


def known_of(model: Model, refitted: bool, train: Interactions, validation: Interactions) -> Known:
    """What the model may know: the test part is not asked for, so nothing of it gets in."""
    both = together(train, validation)
    histories = both if refitted else train
    view_UI = histories.likes if model.learns_from == "likes" else histories.ratings
    return Known(view_UI, both.ratings)
