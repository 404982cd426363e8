"""The evaluation of a model by shards of users, each of which is evaluated when it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.table import Owners

from .evaluate import Evaluation, evaluate, have_lists
from .known import Known
from .options import EvaluationOptions
from .ranking import Scorer
from .rows_at_once import rows_at_once

USERS_PER_SHARD = 4096


@dataclass(frozen=True)
class Shards(Sequence[Evaluation]):
    """What `evaluate` returns, for one shard of users after the other.

    A shard is of whole batches of lists, so that the model scores the same users at once as without
    shards: users of the core without a list are in it, and do not count.
    """

    model: Scorer
    known: Known
    test: Interactions
    owners: Owners
    options: EvaluationOptions
    users: int = USERS_PER_SHARD
    """Most users of a shard with a list, or outside the core; at least one batch."""

    @property
    def size(self) -> int:
        """The number of these users in each shard but the last one."""
        batch = min(self.options.batch_size, rows_at_once(self.known.histories_UI.shape[1]))
        return batch * max(1, self.users // batch)

    @cached_property
    def bounds(self) -> NDArray[np.intp]:
        """The first user of each shard, and the number of users."""
        counted_U = have_lists(self.test, self.options)
        counted_U[self.test.core_shape[0] :] = True
        first_P = np.flatnonzero(counted_U)[:: self.size]
        return np.concatenate([[0], first_P[1:], [len(counted_U)]])

    def to_send(self) -> "Shards":
        """Return shards with the same evaluations, without what they do not read.

        The rows of users without a list and without a held-out rating are empty.
        """
        is_read_U = have_lists(self.test, self.options) | (np.diff(self.test.ratings.indptr) > 0)
        test = Interactions(self.test.ratings, self.test.likes)
        return replace(self, known=self.known.of_these(is_read_U), test=test)

    def __len__(self) -> int:
        """Return the number of shards."""
        return len(self.bounds) - 1

    def __getitem__(self, number: int) -> Evaluation:  # type: ignore[override]
        """Return the evaluation of one shard. Raises IndexError if there is none of this number."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        users_U = np.arange(*self.bounds[number : number + 2])
        return evaluate(self.model, self.known, self.test, self.owners, self.options, users_U)
