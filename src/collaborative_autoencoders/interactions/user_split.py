"""The split by users: some users are in no fit, and a share of their rows is held out.

Dimension key: U users, N rows.
"""

import numpy as np
from numpy.typing import NDArray

from .ids import Ids
from .row_hash import hash_ids
from .split_options import SHOWN, TEST, TRAIN, VALIDATION, SplitOptions, sizes_of


def parts_by_users(part_N: NDArray[np.int8], held_out_N: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the part of each row, given that of its user, shape (N,): strong generalisation.

    Ten users with five rows each, test_fraction 0.2, validation_fraction 0.25 of the rest and
    fold_in 0.6; `held_out_N` marks 1 - 0.6 of each user's rows:

        users, sorted by hash    their rows, sorted by hash      fitted on
        0 1                      test       test       | s s s   never
        2 3                      validation validation | s s s   in the final fit (training.refit)
        4 5 6 7 8 9              train train train train train   always

    s is shown: the row is a fold-in row of its part, which a model reads as history. Source: Liang
    et al. 2018, Variational autoencoders for collaborative filtering (WWW).
    """
    return np.where((part_N != TRAIN) & ~held_out_N, part_N + SHOWN, part_N).astype(np.int8)


def parts_of_users(ids: Ids, options: SplitOptions) -> NDArray[np.int8]:
    """Return the part of each user, shape (U,), by the hash of the seed and the raw id.

    Raises ValueError if a fraction above 0 is less than one user.
    """
    n_users = len(ids.users)
    n_test, n_validation, n_train = sizes_of(np.array([n_users]), options)[0]
    for key, size in (("test_fraction", n_test), ("validation_fraction", n_validation)):
        fraction = getattr(options, key)
        if fraction > 0 and size == 0:
            raise ValueError(
                f"split.{key}: {fraction} of {n_users:,} users rounds down to 0 users. Raise the "
                "fraction, lower core.k to keep more users, or set split.kind: hash."
            )
    order = np.argsort(hash_ids(ids.user_digests, options.seed), kind="stable")
    part_U = np.empty(n_users, dtype=np.int8)
    part_U[order] = np.repeat([TEST, VALIDATION, TRAIN], [n_test, n_validation, n_train])
    return part_U
