"""METRICS: the table of all metrics, one entry per metric.

To add a metric, add an entry. The metric is then included in the CSV files, MLflow, the intervals
and the terminal output, and can be used as the primary metric, for promotion, and as the validation
metric of early stopping and tuning.

Dimension key: U users, I items of the catalogue, K positions of a list, N held-out ratings.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from . import beyond_accuracy, ranking, rating
from .intervals import Bounds

Values = NDArray[np.float64]


class Owners(NamedTuple):
    """Who has the items in training."""

    of_item_I: NDArray[np.int64]
    """Number of users who have each item."""

    users: int
    """Number of users who have any."""


class Lists(NamedTuple):
    """The lists of some users, and the data from which metrics of lists are computed."""

    item_UK: NDArray[np.integer]
    """Item indices, best first; −1 pads a short list."""

    hits_UK: NDArray[np.bool_]
    """Whether each item is held out for the user."""

    n_relevant_U: NDArray[np.integer]
    """Number of held-out items of each user."""

    owners: Owners

    def first(self, k: int) -> "Lists":
        """Return the lists cut to their first k positions."""
        return self._replace(item_UK=self.item_UK[:, :k], hits_UK=self.hits_UK[:, :k])


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One entry of the table."""

    name: str
    """Name without length. Metrics of lists are reported with the length: `ndcg_at_10`."""

    of: Literal["list", "all lists", "ratings"]
    """Input of the metric: one user's list, the lists of all users together, or ratings."""

    function: Callable[..., Any]
    """list: `Lists` → one value per user (U,), NaN for a user without a value; the metric is the
    mean. all lists: (number of recommendations (I,), number of users in training (I,)) of each item
    → one number. ratings: errors (N,) → one value per rating (N,)."""

    of_mean: Callable[[Any], Any] = np.positive
    """ratings: increasing function from the mean value over ratings to the metric, such as √."""

    higher_is_better: bool = True

    has_best: bool = True
    """Whether one direction is better. A metric without a best value sorts no leaderboard."""

    bounds: Bounds | None = None
    """Lowest and highest possible value, of a user if the metric has one per user. With bounds,
    intervals over users hold for any number of users and any distribution of the values
    (`metrics/bootstrap.py`); without, they are those of `metrics/jackknife.py`, and values must not
    be negative."""

    heading: str
    """Column heading on the terminal and axis title in figures."""

    on_terminal: bool = True
    """Whether the leaderboard on the terminal shows the metric even if it is not sorted by it."""

    is_headline: bool = True
    """Whether MLflow shows the metric outside a group, at the length of list that tables show."""


SHARE = Bounds(0.0, 1.0)


def of_hits(
    name: str, function: Callable[..., Values], heading: str, *, is_main: bool = True
) -> Metric:
    """Return the metric of a user's list, a share, that `function(hits_UK, n_relevant_U)` gives."""
    return Metric(
        name=name,
        of="list",
        function=lambda lists: function(lists.hits_UK, lists.n_relevant_U),
        bounds=SHARE,
        heading=heading,
        on_terminal=is_main,
        is_headline=is_main,
    )


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        of_hits("ndcg", ranking.ndcg, "NDCG"),
        of_hits("recall", ranking.recall, "Recall"),
        of_hits("capped_recall", ranking.capped_recall, "Capped", is_main=False),
        of_hits("precision", ranking.precision, "Prec"),
        of_hits("map", ranking.average_precision, "MAP"),
        of_hits("mrr", ranking.reciprocal_rank, "MRR"),
        of_hits("hit_rate", ranking.hit_rate, "Hit"),
        Metric(
            name="novelty",
            of="list",
            function=lambda lists: beyond_accuracy.novelty(lists.item_UK, *lists.owners),
            heading="Novelty",
            on_terminal=False,
        ),
        Metric(
            name="gini",
            of="all lists",
            function=lambda recommended_I, owners_I: beyond_accuracy.gini(recommended_I),
            higher_is_better=False,
            bounds=SHARE,
            heading="Gini",
            on_terminal=False,
        ),
        Metric(
            name="coverage",
            of="all lists",
            function=beyond_accuracy.coverage,
            bounds=SHARE,
            heading="Cover",
        ),
        Metric(
            name="average_popularity",
            of="all lists",
            function=beyond_accuracy.average_popularity,
            has_best=False,
            heading="Popularity",
            on_terminal=False,
            is_headline=False,
        ),
        Metric(
            name="long_tail_share",
            of="all lists",
            function=beyond_accuracy.long_tail_share,
            has_best=False,
            bounds=SHARE,
            heading="Long tail",
            on_terminal=False,
            is_headline=False,
        ),
        Metric(
            name="rmse",
            of="ratings",
            function=rating.squared_error,
            of_mean=np.sqrt,
            higher_is_better=False,
            heading="RMSE",
        ),
        Metric(
            name="mae",
            of="ratings",
            function=rating.absolute_error,
            higher_is_better=False,
            heading="MAE",
        ),
    )
}


class Measure(NamedTuple):
    """A metric as it is reported. Metrics of lists have a length k; metrics of ratings do not."""

    metric: Metric
    k: int | None = None

    @property
    def name(self) -> str:
        """Reported name, such as `ndcg_at_10` or `rmse`."""
        return self.metric.name if self.k is None else at(self.metric.name, self.k)

    @property
    def heading(self) -> str:
        """Heading with the length, such as `NDCG@10` or `RMSE`."""
        return self.metric.heading if self.k is None else f"{self.metric.heading}@{self.k}"


def at(name: str, k: int) -> str:
    """Return the reported name of a metric at length `k`, such as `ndcg_at_10`."""
    return f"{name}_at_{k}"


def length_shown(lengths: Iterable[int]) -> int:
    """Return the length of list that tables and figures show: the one closest to 10."""
    return min(sorted(lengths), key=lambda length: abs(length - 10), default=10)


def metrics_of(of: str) -> list[Metric]:
    """Return the metrics of one kind, in the order of the table."""
    return [metric for metric in METRICS.values() if metric.of == of]


def measure(name: str) -> Measure:
    """Return the metric and the list length of a reported name.

    Raises ValueError, with the closest known name, if the name is unknown.
    """
    found = measure_if_known(name)
    if found is not None:
        return found
    base, k = base_and_length(name)
    metric = METRICS.get(base)
    known = {
        m.name: m.name if m.of == "ratings" else at(m.name, int(k or 10)) for m in METRICS.values()
    }
    closest = [known[base]] if metric else get_close_matches(name, known.values(), n=1)
    hint = f" did you mean {closest[0]!r}?" if closest else ""
    raise ValueError(f"unknown metric {name!r};{hint} known metrics: {', '.join(known.values())}")


def measure_if_known(name: str) -> Measure | None:
    """Return the metric and the list length of a reported name; None if the name is unknown.

    No closest name is looked for, which takes a millisecond: stored tables have other columns too.
    """
    base, k = base_and_length(name)
    metric = METRICS.get(base)
    if metric is None or (k is None) != (metric.of == "ratings"):
        return None
    return Measure(metric, None if k is None else int(k))


def base_and_length(name: str) -> tuple[str, str | None]:
    """Return `ndcg` and `10` of `ndcg_at_10`; the name and None if it has no length."""
    found = re.fullmatch(r"(.+?)(?:_at_([1-9]\d*))?", name)
    return (found[1], found[2]) if found else (name, None)


def measure_with_best(name: str) -> Measure:
    """Return the metric and the list length of the reported name of a metric that has a best value.

    Raises ValueError if the name is unknown or belongs to a metric of which no direction is better.
    """
    found = measure(name)
    if not found.metric.has_best:
        raise ValueError(
            f"{name} has no best value: neither more nor less is better. Use another metric, such "
            "as ndcg_at_10 or coverage_at_10"
        )
    return found


def measure_of_users(name: str) -> Measure:
    """Return the metric and the list length of the reported name of a metric with values per user.

    Raises ValueError if the name is unknown or belongs to a metric of all lists together.
    """
    found = measure(name)
    if found.metric.of == "all lists":
        raise ValueError(
            f"{name} is a metric of all lists together and has no value per user. Use a metric of "
            "lists or ratings, such as ndcg_at_10 or rmse"
        )
    return found


def measure_of_lists(name: str) -> Measure:
    """Return the metric and the list length of the reported name of a metric of a user's list.

    Raises ValueError if the name is unknown or belongs to a metric of another kind.
    """
    found = measure_of_users(name)
    if found.k is None:
        raise ValueError(
            f"{name} is a metric of ratings. Use a metric of lists, such as ndcg_at_10"
        )
    return found


AnyMetric = Annotated[str, AfterValidator(lambda name: measure_with_best(name).name)]
"""An option that names any metric of which one direction is better."""

UserMetric = Annotated[str, AfterValidator(lambda name: measure_of_users(name).name)]
"""An option that names a metric which can be compared user by user."""

ListMetric = Annotated[str, AfterValidator(lambda name: measure_of_lists(name).name)]
"""An option that names such a metric of lists."""
