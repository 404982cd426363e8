"""What is asked of every model's lists."""

from typing import Self

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from collaborative_autoencoders.metrics.beyond_accuracy import BEYOND_ACCURACY
from collaborative_autoencoders.metrics.ranking import RANKING_METRICS
from collaborative_autoencoders.metrics.rating import RATING_METRICS
from collaborative_autoencoders.options import Options


class EvaluationOptions(Options):
    """How lists are made and judged: the same for every model."""

    k: list[PositiveInt] = Field(min_length=1)
    """Lengths of list to judge, ascending; the longest is the one that is made."""

    primary_metric: str
    """What the leaderboard is sorted by: a metric at one of these k, or `rmse`, `mae`."""

    batch_size: PositiveInt
    """Users scored at once: so many dense rows are held."""

    bootstrap_resamples: PositiveInt
    """Draws behind each 95 % interval."""

    seed: NonNegativeInt
    """Of the draws."""

    @field_validator("k")
    @classmethod
    def _ascending(cls, k: list[int]) -> list[int]:
        if k != sorted(set(k)):
            raise ValueError(f"{k} should ascend, each number once: {sorted(set(k))}")
        return k

    @model_validator(mode="after")
    def _primary_is_computed(self) -> Self:
        names = metric_names(self.k)
        if self.primary_metric not in names:
            raise ValueError(
                f"primary_metric `{self.primary_metric}` is none that is computed for k = "
                f"{self.k}; take one of {', '.join(names)}"
            )
        return self


def metric_names(k: list[int]) -> list[str]:
    """Every metric that a leaderboard can be sorted by, as it is reported."""
    lists = (*RANKING_METRICS, *BEYOND_ACCURACY)
    return [at(name, length) for length in k for name in lists] + list(RATING_METRICS)


def at(name: str, k: int) -> str:
    """The reported name of a metric of the first `k` places: `ndcg_at_10`."""
    return f"{name}_at_{k}"
