"""When a challenger takes the champion's place."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt
from pydantic import StringConstraints, field_validator

from collaborative_autoencoders.metrics.ranking import RANKING_METRICS
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.options import Options

Metric = Annotated[
    str,
    StringConstraints(pattern=rf"^(({'|'.join(RANKING_METRICS)})_at_[1-9]\d*|rmse|mae)$"),
]
"""A metric of which every user has a value: Gini and coverage are of all lists together."""


class PromotionOptions(Options):
    """What is asked of a challenger."""

    policy: Literal["always", "better", "significant"]
    """always: it takes the place; better: if it gains `min_gain`; significant: if besides the
    95 % interval of the paired difference over users lies above 0."""

    metric: Metric
    """What models for lists are compared by."""

    rating_metric: Metric
    """What models for ratings are compared by."""

    min_gain: Annotated[float, Ge(0)]
    """How much better at the least, in units of the metric."""

    other_data: Literal["refuse", "allow"]
    """Whether models of other data or another catalogue may be compared, on what they share."""

    roll_back: dict[str, Annotated[int, Gt(0)]]
    """Versions that become champion again, by model: nothing is compared then."""

    @field_validator("roll_back")
    @classmethod
    def _models_have_a_line(cls, roll_back: dict[str, int]) -> dict[str, int]:
        unknown = roll_back.keys() - MODELS.keys()
        if unknown:
            raise ValueError(f"{sorted(unknown)} are none of {', '.join(MODELS)}")
        return roll_back
