"""Unseen users: users who are excluded from fitting and used only for evaluation.

Dimension key: U users, H held-out users.
"""

from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from collaborative_autoencoders.columns import USER
from collaborative_autoencoders.options import Options

from .part import Interactions
from .row_hash import digests_of, hash_ids
from .split_options import floor_share


class UnseenUsersOptions(Options):
    """Options for choosing the held-out users."""

    fraction: Annotated[float, Gt(0), Lt(1)]
    """Fraction of the users to hold out."""

    seed: Annotated[int, Ge(0), Lt(2**32)]
    """Random seed. The choice depends only on the seed and the raw ids."""


def choose_users(user_ids: pd.DataFrame, options: UnseenUsersOptions) -> pd.DataFrame:
    """Return floor(fraction · U) users, sorted by index: those with the lowest hash.

    The hash is taken over the seed and the raw id. Raises ValueError if no user is chosen.
    """
    n_users = int(floor_share(np.array([len(user_ids)]), options.fraction)[0])
    if n_users == 0:
        raise ValueError(
            f"unseen_users.fraction: {options.fraction} of {len(user_ids)} users rounds down to 0. "
            "Increase the fraction"
        )
    hash_U = hash_ids(digests_of(user_ids[USER]), options.seed)
    held_out_H = np.sort(np.argsort(hash_U, kind="stable")[:n_users])
    return user_ids.iloc[held_out_H].reset_index(drop=True)


def without_users(part: Interactions, held_out_H: NDArray[np.integer]) -> Interactions:
    """Return the part without the rows of these users, shape (U − H, I)."""
    remaining = np.setdiff1d(np.arange(part.shape[0]), held_out_H)
    return part.of_users(remaining)


def refuse_split_by_users(validation: Interactions) -> None:
    """Raise ValueError if the split has already held out the users that it evaluates on."""
    if validation.fold_in is not None:
        raise ValueError(
            "split.kind: users evaluates every model on unseen users already, and its test part "
            "has no known users to compare them with: see the leaderboard of `kedro run`. For "
            "unseen beside known users, set split.kind: hash and split.fold_in: null."
        )
