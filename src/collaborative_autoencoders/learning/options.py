"""How a network is fitted, and where it runs."""

from typing import Annotated, Literal, Self

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SerializeAsAny, StringConstraints, model_validator

from collaborative_autoencoders.models.options import ModelOptions
from collaborative_autoencoders.options import Options

ValidationMetric = Annotated[str, StringConstraints(pattern=r"^(ndcg_at_[1-9]\d*|rmse)$")]


class FittingOptions(Options):
    """How a network learns."""

    optimizer: Literal["adam", "adamw", "sgd", "adagrad"]
    learning_rate: Annotated[float, Gt(0)]
    """The highest of the schedule."""
    schedule: Literal["constant", "cosine"]
    warmup_fraction: Annotated[float, Ge(0), Lt(1)]
    """Share of the schedule in which the learning rate rises from 0."""
    final_rate: Annotated[float, Ge(0), Le(1)]
    """Share of the highest learning rate that the cosine falls to."""
    average_last: Annotated[float, Ge(0), Lt(1)]
    """Share of the epochs, the last ones, whose weights are averaged (SWA, Izmailov et al. 2018);
    the schedule is through when they begin, and its rate stays. 0: the last weights are taken."""
    batch_size: Annotated[int, Gt(0)]
    """Rows per step."""
    epochs: Annotated[int, Gt(0)]
    """Passes over the rows, at the most."""
    clip_norm: Annotated[float, Gt(0)] | None
    """The gradient is scaled down to this L2 norm where it is longer; null: never."""
    validation_metric: ValidationMetric | None
    """What tells the best epoch: `ndcg_at_<k>` (higher is better) or `rmse` (lower is better);
    null: no validation, the last epoch is kept."""
    patience: Annotated[int, Gt(0)] | None
    """Epochs without a better validation after which fitting stops; null: never."""
    seed: Annotated[int, Ge(0)]
    ensemble: Annotated[int, Gt(0)]
    """Networks that are fitted, from `seed` on, and whose scores are averaged; 1: a single one."""

    @model_validator(mode="after")
    def _validation_where_it_is_needed(self) -> Self:
        if self.validation_metric is None and self.patience is not None:
            raise ValueError("patience needs a validation_metric")
        return self

    @model_validator(mode="after")
    def _final_rate_where_the_rate_falls(self) -> Self:
        if self.schedule == "constant" and self.final_rate:
            raise ValueError("final_rate is the cosine's: set it to 0, or schedule: cosine")
        return self

    @property
    def seeds(self) -> range:
        """Of the members of an ensemble, or the one of a single network."""
        return range(self.seed, self.seed + self.ensemble)

    @property
    def horizon(self) -> float:
        """Epochs in which the schedule runs; after them the weights are averaged."""
        return self.epochs * (1 - self.average_last)


class RefitOptions(Options):
    """What models are fitted on in the end: the same for all, as part of the protocol."""

    refit: bool
    """Whether on train + validation: a formula at once, a network up to the best epoch that it
    had on train alone. Else on train."""


class RunningOptions(Options):
    """Where networks run. Repeats are exact on the same device, versions and threads."""

    device: Literal["auto", "cpu", "cuda"]
    """`auto`: a GPU where there is one, else the CPU."""
    threads: Annotated[int, Gt(0)]


class TrainingOptions(Options):
    """One model's block of YAML."""

    model: SerializeAsAny[ModelOptions]
    fitting: FittingOptions | None
    """null for a model that is fitted by a formula."""

    @model_validator(mode="after")
    def _fitting_where_there_is_a_network(self) -> Self:
        from collaborative_autoencoders.models.network import Network
        from collaborative_autoencoders.models.registry import model_class

        kind = model_class(self.model.name)
        learns = issubclass(kind, Network)
        if learns and self.fitting is None:
            raise ValueError(
                f"fitting is null, but {self.model.name} is a network: say how it learns"
            )
        if not learns and self.fitting is not None:
            raise ValueError(
                f"fitting: {self.model.name} is fitted by a formula: set fitting: null"
            )
        rated = self.fitting is not None and self.fitting.validation_metric == "rmse"
        if rated and not hasattr(kind, "predict"):
            raise ValueError(f"validation_metric: {self.model.name} tells no ratings: not rmse")
        return self
