"""Which users are held out, and the parts without them.

Dimension key: U users, H users who are held out, O others.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import USER
from collaborative_autoencoders.interactions.matrices import Interactions
from collaborative_autoencoders.interactions.row_hash import digests_of, hash_ids
from collaborative_autoencoders.interactions.splitting import floor_share

from .options import UnseenUsersOptions


def choose_users(user_ids: pd.DataFrame, options: UnseenUsersOptions) -> pd.DataFrame:
    """The floor(fraction · U) users with the lowest hash of seed and raw id, by their index.

    Raises ValueError where that is nobody.
    """
    n_users = int(floor_share(np.array([len(user_ids)]), options.fraction)[0])
    if n_users == 0:
        raise ValueError(
            f"unseen_users.fraction: {options.fraction} of {len(user_ids)} users is nobody: "
            "raise it"
        )
    hash_U = hash_ids(digests_of(user_ids[USER]), options.seed)
    held_out_H = np.sort(np.argsort(hash_U, kind="stable")[:n_users])
    return user_ids.iloc[held_out_H].reset_index(drop=True)


def without(part: Interactions, held_out_H: NDArray[np.integer]) -> Interactions:
    """The part without the rows of these users: others x items."""
    others_O = np.setdiff1d(np.arange(part.ratings.shape[0]), held_out_H)
    return Interactions(part.ratings[others_O], part.likes[others_O])


def only_rows(part_UI: csr_array, users_H: NDArray[np.integer]) -> csr_array:
    """The matrix, shape as before, with nothing in the rows of anybody else; zeros are kept."""
    kept_U = np.zeros(part_UI.shape[0], dtype=np.bool_)
    kept_U[users_H] = True
    count_U = np.where(kept_U, np.diff(part_UI.indptr), 0)
    indptr_U = np.concatenate([[0], np.cumsum(count_U)]).astype(part_UI.indptr.dtype)
    kept_UI = part_UI[np.flatnonzero(kept_U)]
    return csr_array((kept_UI.data, kept_UI.indices, indptr_U), shape=part_UI.shape)
