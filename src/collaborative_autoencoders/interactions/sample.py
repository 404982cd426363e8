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

    The draw depends on which users have held-out ratings, and not on what they rated: every model
    of a split has the same sample, and so has the split with the other order of ties, which is
    compared with it. The fold-in ratings stay.
    """
    if most is None or size_of_sample(held_out, most) is None:
        return held_out
    users = users_of(held_out)
    seed = zlib.crc32(np.ascontiguousarray(users, dtype=np.int32).data)
    is_left_out_U = np.ones(held_out.shape[0], dtype=np.bool_)
    is_left_out_U[np.random.default_rng(seed).choice(users, most, replace=False)] = False
    return held_out.without_users(is_left_out_U)


def users_of(held_out: Interactions) -> NDArray[np.intp]:
    """Return the users with held-out ratings."""
    return np.flatnonzero(np.diff(held_out.ratings.indptr))


def size_of_sample(held_out: Interactions, most: int | None) -> int | None:
    """Return the number of users in the sample of so many; None if there is no sample."""
    return most if most is not None and len(users_of(held_out)) > most else None


def log_sample(model: str, done: str, held_out: Interactions, most: int | None) -> None:
    """Log how many users are in the sample on which a model is validated or evaluated, if any.

    It is a warning if none who are evaluated has held-out likes: no list has a metric then.
    """
    if not size_of_sample(held_out, most):
        return
    with_likes = np.count_nonzero(np.diff(sample_of(held_out, most).likes.indptr))
    logger.log(
        logging.INFO if with_likes or done != "evaluated" else logging.WARNING,
        "%s: %s on a sample of %s of the %s users with held-out ratings, %s of them with likes "
        "among these (%s)",
        *(model, done, f"{most:,}", f"{len(users_of(held_out)):,}", f"{with_likes:,}"),
        OPTION_OF[done],
    )
