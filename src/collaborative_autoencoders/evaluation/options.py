"""Options of evaluation."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from collaborative_autoencoders.metrics.table import (
    METRICS,
    AnyMetric,
    Measure,
    at,
    length_shown,
    measure,
    metrics_of,
)
from collaborative_autoencoders.options import Count, Options


class EvaluationOptions(Options):
    """How lists are made and scored. The same for every model."""

    k: Annotated[list[Count], Field(min_length=1, max_length=100)]
    """Lengths of list to evaluate, ascending. Lists are made with the longest."""

    primary_metric: AnyMetric
    """Metric that the leaderboard is sorted by: a list metric at one of these k, such as
    `ndcg_at_10`, or a rating metric."""

    test_users: Count | None
    """Most users that are evaluated. Where more have held-out ratings, so many of them are drawn,
    the same for every model of a split, and only they have lists and predictions; None means all
    users. Those of `unseen_users` are all evaluated."""

    batch_size: Count
    """Maximum users scored at once, as dense rows in memory. Fewer in a large catalogue."""

    bootstrap_resamples: Annotated[int, Field(gt=0, le=100_000)]
    """Bootstrap resamples of users for each 95 % interval of a metric of lists with bounds."""

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    """Seed of the resamples."""

    engine: Literal["one_machine", "spark"]
    """What ranks, predicts and scores: this process, or the workers of a Spark session. The catalog
    entries `ranked_items` and `predicted_ratings` of the models save what it returns."""

    @field_validator("k")
    @classmethod
    def _ascending(cls, k: list[int]) -> list[int]:
        if k != sorted(set(k)):
            raise ValueError(
                f"{k} is not ascending or has duplicates; did you mean {sorted(set(k))}?"
            )
        return k

    @model_validator(mode="after")
    def _primary_is_computed(self) -> Self:
        found = measure(self.primary_metric)
        if found.k is not None and found.k not in self.k:
            raise ValueError(
                f"primary_metric: {self.primary_metric} is not computed for k = {self.k}: add "
                f"{found.k} to k, or set {at(found.metric.name, self.k[0])}"
            )
        return self

    @property
    def shown_k(self) -> int:
        """The length of list that tables and figures show: the one closest to 10."""
        return length_shown(self.k)

    @property
    def headline(self) -> tuple[str, ...]:
        """The metrics that MLflow shows first: at the length that tables show, and the primary."""
        shown = [
            Measure(metric, None if metric.of == "ratings" else self.shown_k).name
            for metric in METRICS.values()
            if metric.is_headline
        ]
        return tuple(dict.fromkeys([self.primary_metric, *shown]))

    @property
    def leaderboard_measures(self) -> tuple[Measure, Measure]:
        """The list metric and the rating metric that sort and compare models.

        One of the two is the primary metric.
        """
        primary = measure(self.primary_metric)
        if primary.k is None:
            return Measure(metrics_of("list")[0], self.shown_k), primary
        return primary, Measure(metrics_of("ratings")[0], None)

    @property
    def measures_of_users(self) -> tuple[Measure, Measure]:
        """The same pair, with a metric that users have values of instead of one of all lists."""
        of_lists, of_ratings = self.leaderboard_measures
        if of_lists.metric.of == "all lists":
            of_lists = Measure(metrics_of("list")[0], self.shown_k)
        return of_lists, of_ratings
