"""The evaluation of a model by shards of users, each of which is evaluated when it is asked for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.table import Owners

from .evaluate import Evaluation, evaluate
from .known import Known
from .options import EvaluationOptions
from .ranking import Scorer
from .rows_at_once import rows_at_once

USERS_PER_SHARD = 4096


@dataclass(frozen=True)
class Shards(Sequence[Evaluation]):
    """What `evaluate` returns, for one shard of users after the other.

    A shard is of whole batches of lists, so that the model scores the same users at once as without
    shards.
    """

    model: Scorer
    known: Known
    test: Interactions
    owners: Owners
    options: EvaluationOptions
    users: int = USERS_PER_SHARD
    """Most users of a shard; at least one batch."""

    @property
    def size(self) -> int:
        """The number of users in each shard but the last one."""
        batch = min(self.options.batch_size, rows_at_once(self.known.histories_UI.shape[1]))
        return batch * max(1, self.users // batch)

    def __len__(self) -> int:
        """Return the number of shards."""
        return math.ceil(self.test.shape[0] / self.size)

    def __getitem__(self, number: int) -> Evaluation:  # type: ignore[override]
        """Return the evaluation of one shard. Raises IndexError if there is none of this number."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        first = number * self.size
        users_U = np.arange(first, min(first + self.size, self.test.shape[0]))
        return evaluate(self.model, self.known, self.test, self.owners, self.options, users_U)
