"""The users whose held-out ratings say how good a fit is: all, or a sample where there are many.

Dimension key: U users.
"""

import logging
import zlib

import numpy as np
from numpy.typing import NDArray

from .part import Interactions

logger = logging.getLogger(__name__)

OPTION_OF = {"validated": "running.validation_users", "evaluated": "evaluation.test_users"}
"""The option with the size of a sample, by what is done on it."""


def sample_of(held_out: Interactions, most: int | None) -> Interactions:
    """Return the part with the held-out ratings of at most so many users; None means all.

    The users are drawn by the cells of the part: every model of the same split has the same users,
    and a split with another seed has others. The fold-in ratings stay.
    """
    if most is None or size_of_sample(held_out, most) is None:
        return held_out
    seed = zlib.crc32(np.ascontiguousarray(held_out.ratings.indices, dtype=np.int32).data)
    is_left_out_U = np.ones(held_out.shape[0], dtype=np.bool_)
    sample = np.random.default_rng(seed).choice(users_of(held_out), most, replace=False)
    is_left_out_U[sample] = False
    return held_out.without_users(is_left_out_U)


def users_of(held_out: Interactions) -> NDArray[np.intp]:
    """Return the users with held-out ratings."""
    return np.flatnonzero(np.diff(held_out.ratings.indptr))


def size_of_sample(held_out: Interactions, most: int | None) -> int | None:
    """Return the number of users in the sample of so many; None if there is no sample."""
    return most if most is not None and len(users_of(held_out)) > most else None


def log_sample(model: str, done: str, held_out: Interactions, most: int | None) -> None:
    """Log how many users are in the sample on which a model is validated or evaluated, if any."""
    if size_of_sample(held_out, most):
        logger.info(
            "%s: %s on a sample of %s of the %s users with held-out ratings (%s)",
            *(model, done, f"{most:,}", f"{len(users_of(held_out)):,}", OPTION_OF[done]),
        )
