"""Sequential EASE: ridge regression of each next item on the items before it, in closed form.

Dimension key: U users, I items, N likes of all users, W windows.
"""

import logging
from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Annotated, Any, ClassVar, NamedTuple, cast

import numpy as np
from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from numpy.typing import NDArray
from pydantic import field_validator
from scipy.linalg import LinAlgError, cho_solve
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import View
from collaborative_autoencoders.interactions.sparse import one_of_each, ones_in, take_cells
from collaborative_autoencoders.memory import TooLarge, memory_limit
from collaborative_autoencoders.metrics.table import ListMetric
from collaborative_autoencoders.options import Count, Options

from .ease import EASE, EASEOptions, too_small
from .ensemble import states_of, within
from .inverse import factor_of, threads_for
from .model import Catalogue, Model, check_state
from .penalty import Factor, Ladder, Penalty, formula_penalty
from .sequences import Sequences, ages_of, sequences_of

logger = logging.getLogger(__name__)

AUTO = 12.0
"""Constant of the penalty `auto`."""

KEY = "sequential_ease.model"

HISTORY = "history"
"""Name of EASE in the state."""


class Window(Options):
    """The latest items of a history. The item `lag` items ago has the value weight · decay^lag."""

    lags: Count
    """Number of items; the latest has the lag 0."""
    decay: Annotated[float, Gt(0), Le(1)]
    weight: Annotated[float, Gt(0)]
    """A higher weight is a lower penalty of the window's weights."""

    def values(self) -> NDArray[np.float64]:
        """Return the value of the item at each lag, shape (lags,)."""
        return self.weight * np.power(self.decay, np.arange(self.lags), dtype=np.float64)


class SequentialEASEOptions(Options):
    """Options of sequential EASE."""

    windows: Annotated[list[Window], MinLen(1), MaxLen(10)]
    """Windows of a history, side by side. Each item has weights of its own in each window."""
    penalty: Penalty
    """λ, added to the diagonal of the Gram matrix. `auto` fits the data: 12 √n̄ of `noise_of`."""
    penalty_factor: Factor | Ladder
    """Factor of a penalty that is `auto`. Of a list of factors, validation chooses one, after a fit
    on train with each."""
    validation_metric: ListMetric
    """Metric that chooses the factor."""
    history_weight: Annotated[float, Ge(0)]
    """Weight of the scores of EASE on the whole history, without its order. 0: none."""
    history: EASEOptions
    """Options of that EASE. Its factor is a number."""
    memory_limit_gb: Annotated[float, Gt(0)]
    """Memory limit of the fit in GiB (2^30 bytes), at most the memory of the machine. Where it is
    passed, the model is left out."""

    @field_validator("history")
    @classmethod
    def _one_factor_for_the_history(cls, history: EASEOptions) -> EASEOptions:
        if isinstance(history.penalty_factor, list):
            raise ValueError(
                f"penalty_factor {history.penalty_factor}: validation chooses no factor here. Set "
                "a number, such as 1"
            )
        return history


class Pairs(NamedTuple):
    """Pairs of likes of one user, `lag` likes apart."""

    lag: int
    earlier_P: NDArray[np.integer]
    """Item of the earlier like."""
    later_P: NDArray[np.integer]
    left_P: NDArray[np.integer]
    """Number of likes after the later one: the targets that both are before."""


class SequentialEASE:
    """Sequential EASE: scores x B + ε · EASE(history).

    Before the like at place t of a user, window w of the history is x_t[w, i] = value of the lag at
    which item i lies, and x_t has all windows side by side. With one row x_t for every like and
    y_t, a one at the item liked, B = (Σ x_tᵀ x_t + λI)⁻¹ Σ x_tᵀ y_t is a ridge regression of the
    next item on the history. Both sums are over pairs of likes at most one window apart, so their
    cost grows with the number of likes and the longest window. It is EASE (Steck, WWW 2019) for the
    next item; with one window of one item it is a Markov chain of first order, with a penalty.
    """

    learns_from: ClassVar[View] = "order"
    options_class: ClassVar = SequentialEASEOptions
    reads_histories: ClassVar[bool] = True

    def __init__(self, options: SequentialEASEOptions, catalogue: Catalogue) -> None:
        """Create an unfitted model."""
        self.options = options
        self.catalogue = catalogue
        self.weight_WII = np.zeros((0, 0, 0), dtype=np.float32)
        self.history = EASE(options.history, catalogue, f"{KEY}.history")
        self.chosen: dict[str, float] = {}

    @property
    def remarks(self) -> list[str]:
        """What a reader of its figures has to know about the fit of the history."""
        return self.history.remarks

    def fit(self, train_UI: csr_array) -> None:
        """Solve for the weights.

        Raises TooLarge if the fit would exceed the memory limit, and ValueError if the penalty is
        too small.
        """
        self._refuse_too_large()
        sequences = sequences_of(train_UI)
        gram, target = self._moments(sequences)
        penalty = formula_penalty(self, AUTO, train_UI)
        gram[np.diag_indices_from(gram)] += penalty
        with threads_for(len(gram)):
            try:
                factor = factor_of(gram)
            except LinAlgError:
                raise too_small(KEY, penalty) from None
            weight = cho_solve(factor, target, overwrite_b=True, check_finite=False)
        del gram, factor  # before EASE takes memory of its own
        items = self.catalogue.items
        self.weight_WII = weight.astype(np.float32, order="C").reshape(-1, items, items)
        if self.options.history_weight:
            self.history.fit(ones_in(train_UI))

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of every item for these histories, shape (U, I)."""
        age_N = ages_of(histories_UI)
        scores_UI = np.zeros((histories_UI.shape[0], self.catalogue.items), dtype=np.float32)
        for window, weight_II in zip(self.options.windows, self.weight_WII, strict=True):
            within_N = age_N < window.lags
            latest_UI = take_cells(histories_UI, within_N)
            latest_UI.data = window.values()[age_N[within_N]].astype(np.float32)
            scores_UI += latest_UI @ weight_II
        if self.options.history_weight:
            of_history_UI = self.history.score(ones_in(histories_UI), users_U)
            scores_UI += np.float32(self.options.history_weight) * of_history_UI
        return scores_UI

    def item_weights(self, items_B: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the scores of a history of each item alone, shape (B, I): what comes after it."""
        return self.score(one_of_each(items_B, self.catalogue.items), np.full(len(items_B), -1))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the weight from each item of a window (row) to each item, and those of EASE."""
        state: dict[str, NDArray[Any]] = {"weight_WII": self.weight_WII}
        if self.options.history_weight:
            state |= states_of({HISTORY: cast(Model, self.history)})
        return state

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Load the weights."""
        of_history = within(state, HISTORY)
        own = {name: values for name, values in state.items() if "." not in name}
        items = self.catalogue.items
        check_state(own, weight_WII=(len(self.options.windows), items, items))
        self.weight_WII = own["weight_WII"]
        if self.options.history_weight:
            self.history.load_state(of_history)
        elif of_history:
            raise ValueError(f"history_weight is 0, and there are tensors {sorted(of_history)}")

    def _moments(self, sequences: Sequences) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return Σ xᵀx, of which the upper triangle is filled, and Σ xᵀy: (W·I, W·I) and (W·I, I).

        The item p likes before the first of M common targets and the item q before it, p ≥ q, have
        Σ_{m<M} v(p + m) v'(q + m) in common, where v and v' are the values of their windows.
        """
        items, windows = self.catalogue.items, [each.values() for each in self.options.windows]
        size = len(windows) * items
        gram, target = np.zeros((size, size)), np.zeros((size, items))
        for pairs in pairs_of(sequences, max(map(len, windows))):
            for number, values in enumerate(windows):
                if 0 < pairs.lag <= len(values):
                    cells_P = (number * items + pairs.earlier_P) * items + pairs.later_P
                    np.add.at(target.reshape(-1), cells_P, values[pairs.lag - 1])
            for one, other in combinations_with_replacement(range(len(windows)), 2):
                row_P, column_P = one * items + pairs.earlier_P, other * items + pairs.later_P
                shared = common_values(windows[one], windows[other], pairs.lag)
                add_at(gram, row_P, column_P, shared, pairs.left_P)
                if pairs.lag:
                    row_P, column_P = one * items + pairs.later_P, other * items + pairs.earlier_P
                    shared = common_values(windows[other], windows[one], pairs.lag)
                    add_at(gram, row_P, column_P, shared, pairs.left_P)
        return gram, target

    def _refuse_too_large(self) -> None:
        items, windows = self.catalogue.items, len(self.options.windows)
        limit = memory_limit(self.options.memory_limit_gb, f"{KEY}.memory_limit_gb")
        if (needed := gib_of(items, windows)) > limit.gib:
            raise TooLarge(
                f"{windows} windows of {items:,} items need {needed:.3g} GiB, more than "
                f"{limit.words}. Set fewer windows, or raise core.k to keep fewer items"
            )


def gib_of(items: int, windows: int) -> float:
    """Return the memory of a fit in GiB: the Gram matrix and the targets, and the weights."""
    return items**2 * (8 * windows**2 + (8 + 4) * windows) / 2**30


def pairs_of(sequences: Sequences, longest: int) -> Iterator[Pairs]:
    """Yield all pairs of likes of one user at most `longest` apart, lag by lag from 0."""
    items_N, left_N = sequences.items_N.astype(np.int64), sequences.left_N
    for lag in range(min(longest, int(left_N.max(initial=0))) + 1):
        earlier = np.flatnonzero(left_N >= lag)
        later = earlier + lag
        yield Pairs(lag, items_N[earlier], items_N[later], left_N[later])


def common_values(
    earlier: NDArray[np.float64], later: NDArray[np.float64], lag: int
) -> NDArray[np.float64]:
    """Return Σ_{m<M} earlier(lag + m) · later(m) for M = 0, 1, 2, … common targets.

    The last value also holds for more targets, at which one item is no longer in its window.
    """
    length = max(0, min(len(earlier) - lag, len(later)))
    return np.concatenate([[0.0], np.cumsum(earlier[lag : lag + length] * later[:length])])


def add_at(
    gram: NDArray[np.float64],
    row_P: NDArray[np.integer],
    column_P: NDArray[np.integer],
    shared: NDArray[np.float64],
    left_P: NDArray[np.integer],
) -> None:
    """Add to the cell of each pair what its likes have in common over the targets after them."""
    if len(shared) > 1:
        value_P = shared[np.minimum(left_P, len(shared) - 1)]
        np.add.at(gram.reshape(-1), row_P * gram.shape[1] + column_P, value_P)
