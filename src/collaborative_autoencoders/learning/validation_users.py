"""The users on whose held-out ratings a fit is validated: all, or a sample where there are many.

Dimension key: U users.
"""

import logging
import zlib

import numpy as np
from numpy.typing import NDArray

from collaborative_autoencoders.interactions import Interactions

logger = logging.getLogger(__name__)


def sample_of(validation: Interactions, most: int | None) -> Interactions:
    """Return the part with the held-out ratings of at most so many users; None means all.

    The users are drawn by the cells of the part: every fit on the same split is validated on the
    same users, and a split with another seed on others. The fold-in ratings stay.
    """
    if most is None or size_of_sample(validation, most) is None:
        return validation
    seed = zlib.crc32(np.ascontiguousarray(validation.ratings.indices, dtype=np.int32).data)
    is_left_out_U = np.ones(validation.shape[0], dtype=np.bool_)
    sample = np.random.default_rng(seed).choice(users_of(validation), most, replace=False)
    is_left_out_U[sample] = False
    return validation.without_users(is_left_out_U)


def users_of(validation: Interactions) -> NDArray[np.intp]:
    """Return the users with held-out ratings."""
    return np.flatnonzero(np.diff(validation.ratings.indptr))


def size_of_sample(validation: Interactions, most: int | None) -> int | None:
    """Return the number of users in the sample of so many; None if there is no sample."""
    return most if most is not None and len(users_of(validation)) > most else None


def log_sample(name: str, validation: Interactions, most: int | None) -> None:
    """Log how many users the sample of a model's validation has, if there is one."""
    if size_of_sample(validation, most):
        logger.info(
            "%s: validated on a sample of %s of the %s users with held-out ratings "
            "(running.validation_users)",
            *(name, f"{most:,}", f"{len(users_of(validation)):,}"),
        )
