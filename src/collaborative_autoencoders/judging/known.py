"""What a model may know of the users when it is judged on the test part."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.matrices import Interactions, fingerprint, together
from collaborative_autoencoders.models.model import Fitted


class Known(NamedTuple):
    """What is known of all users, each users x items."""

    histories_UI: csr_array
    """What the model reads: the view it learns from, of the parts that it was fitted on."""

    seen_UI: csr_array
    """What it must not recommend: every rating in train or validation, liked or not."""


def known_of(fitted: Fitted, train: Interactions, validation: Interactions) -> Known:
    """What the model may know: the test part is not asked for, so nothing of it gets in.

    Raises ValueError where the model was fitted on other parts: what is test now may have been
    train then.
    """
    model = fitted.model
    assert model is not None, "a model that was left out knows nothing"
    if fitted.parts != fingerprint(train, validation):
        name = model.options.name
        raise ValueError(
            f"{name} was fitted on another split than the one in data/, so test rows may be known "
            f"to it: fit it anew, kedro run --from-nodes {name}.fit_model"
        )
    return told_of(fitted, train, validation)


def told_of(fitted: Fitted, train: Interactions, validation: Interactions) -> Known:
    """What a model is told of users with these parts, whoever it was fitted on."""
    model = fitted.model
    assert model is not None, "a model that was left out is told nothing"
    both = together(train, validation)
    histories = both if fitted.refitted else train
    view_UI = histories.likes if model.learns_from == "likes" else histories.ratings
    return Known(view_UI, both.ratings)


def refuse_leak(test_UI: csr_array, *known_UI: csr_array) -> None:
    """Raises ValueError, naming a user and an item, where a known part holds a test rating."""
    for part_UI in known_UI:
        shared = (_cells_of(test_UI) * _cells_of(part_UI)).tocoo()
        if shared.nnz:
            raise ValueError(
                f"user_index {shared.row[0]} has item_index {shared.col[0]} in the test part and "
                f"in what models know, and {shared.nnz - 1} more pairs are in both: scores would "
                "be worth nothing. Make the parts anew with "
                "`kedro run --from-nodes data_engineering.split_ratings`."
            )


def _cells_of(part_UI: csr_array) -> csr_array:
    """True at every stored cell, an explicit zero too."""
    stored_N = np.ones(part_UI.nnz, dtype=np.bool_)
    return csr_array((stored_N, part_UI.indices, part_UI.indptr), shape=part_UI.shape)
