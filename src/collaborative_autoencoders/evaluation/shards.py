"""The evaluation of a model by shards of users, each with the rows of its users alone."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part_rows import digest_of_rows
from collaborative_autoencoders.metrics.table import Owners
from collaborative_autoencoders.models.model import Fitted

from .evaluate import Evaluation, evaluate, have_lists
from .known import Known, fitted_model, histories_for
from .options import EvaluationOptions
from .rows_at_once import rows_at_once

USERS_PER_SHARD = 4096
"""Most users of a shard with a list, or outside the core; at least one batch of lists."""


@dataclass(frozen=True)
class Shards:
    """What the evaluations of all shards have in common.

    A shard is of whole batches of lists, so that the model scores the same users at once as without
    shards: users of the core without a list are in it, and do not count.
    """

    fitted: Fitted
    likes_I: NDArray[np.number] | None
    """As `Known` has them, of all users."""
    owners: Owners
    options: EvaluationOptions
    bounds: NDArray[np.intp]
    """The first user of each shard, and the number of users."""

    @classmethod
    def of(
        cls,
        fitted: Fitted,
        known: Known,
        test: Interactions,
        owners: Owners,
        options: EvaluationOptions,
    ) -> Self:
        """Return the shards of the users of `test`. It is as `to_evaluate` returns it."""
        batch = min(options.batch_size, rows_at_once(known.histories_UI.shape[1]))
        counted_U = have_lists(test, options)
        counted_U[test.core_shape[0] :] = True
        first_P = np.flatnonzero(counted_U)[:: batch * max(1, USERS_PER_SHARD // batch)]
        bounds = np.concatenate([[0], first_P[1:], [len(counted_U)]])
        return cls(fitted, known.likes_I, owners, options, bounds)

    def __len__(self) -> int:
        """Return the number of shards."""
        return len(self.bounds) - 1

    def shard_of(self, users: NDArray[np.integer]) -> NDArray[np.int32]:
        """Return the number of the shard of each user."""
        return (np.searchsorted(self.bounds, users, side="right") - 1).astype(np.int32)

    @property
    def reads_order(self) -> bool:
        """Whether the model learns from the order of likes."""
        return fitted_model(self.fitted).learns_from == "order"

    def digests(self, part: Interactions, is_read_U: NDArray[np.bool_]) -> list[str]:
        """Return the digest of the rows of a part in each shard, those of users who are read."""
        found = []
        for first, end in pairwise(self.bounds):
            users = first + np.flatnonzero(is_read_U[first:end])
            found.append(digest_of_rows(part.of_users(users), users, with_order=self.reads_order))
        return found

    def evaluate(
        self, number: int, *, train: Interactions, validation: Interactions, test: Interactions
    ) -> Evaluation:
        """Return the evaluation of one shard, given the parts of its users.

        Users who are not read have no rating there.
        """
        known = histories_for(
            self.fitted, train=train, validation=validation, fold_in=test.fold_in
        )._replace(likes_I=self.likes_I)
        held_out, first = replace(test, fold_in=None), int(self.bounds[number])
        return evaluate(
            fitted_model(self.fitted), known, held_out, self.owners, self.options, first=first
        )


def are_read(test: Interactions, options: EvaluationOptions) -> NDArray[np.bool_]:
    """Return whether the rows of each user are read: of those with a list or held-out ratings.

    Both are as `to_evaluate` returns them.
    """
    return have_lists(test, options) | (np.diff(test.ratings.indptr) > 0)
