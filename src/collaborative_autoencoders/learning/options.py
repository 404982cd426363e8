"""Options of fitting, refitting and running, and the block of parameters of a model."""

import math
from collections.abc import Callable
from functools import cache, update_wrapper
from typing import Annotated, Any, ClassVar, Literal, Self, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SerializeAsAny, field_validator, model_validator

from collaborative_autoencoders.metrics.table import UserMetric, measure_of_users
from collaborative_autoencoders.models.registry import MODELS, model_class
from collaborative_autoencoders.options import Count, Options

STEPS = 8
"""Steps in each pass over the rows with `batch_size: auto`."""


class FittingOptions(Options):
    """How a network is fitted.

    The `fitting` block of parameters has the values for all networks. A network's own `fitting`
    block overrides them key by key.
    """

    optimizer: Literal["adam", "sgd"]
    learning_rate: Annotated[float, Gt(0)]
    """Highest learning rate of the schedule."""
    schedule: Literal["constant", "cosine"]
    warmup_fraction: Annotated[float, Ge(0), Lt(1)]
    """Share of the schedule during which the learning rate rises from 0."""
    final_rate: Annotated[float, Ge(0), Le(1)]
    """Learning rate at the end of the cosine schedule, as a share of `learning_rate`."""
    average_last: Annotated[float, Ge(0), Lt(1)]
    """Share of the epochs, at the end, whose weights are averaged (SWA, Izmailov et al. 2018). The
    schedule ends where they begin, and the learning rate then stays constant. 0: no average."""
    batch_size: Count | Literal["auto"]
    """Rows per step. `auto`: eight steps in each pass over the rows, of at most 4,096 rows where a
    step computes all outputs of its rows. Batches of a pass are equally large: 130 rows with
    batch_size: 128 are two batches of 65."""
    epochs: Annotated[int, Gt(0), Le(1_000_000)]
    """Maximum number of passes over the rows."""
    validation_metric: UserMetric | None
    """Metric of early stopping and tuning: any per-user metric, such as `ndcg_at_10` or `rmse`. A
    metric of lists is averaged over the users with held-out likes.
    null: no validation, and the weights of the last epoch are kept."""
    patience: Count | None
    """Epochs without improvement after which fitting stops; null: no early stopping."""
    seed: Annotated[int, Ge(0), Lt(2**63)]
    """Seed of the random numbers of a fit: initial weights, order of rows, dropout."""
    ensemble: Annotated[int, Gt(0), Le(1000)]
    """Number of networks whose scores are averaged, with the seeds `seed`, `seed` + 1, …"""

    @model_validator(mode="after")
    def _validation_where_it_is_needed(self) -> Self:
        if self.validation_metric is None and self.patience is not None:
            raise ValueError("patience needs a validation_metric: set one, or patience: null")
        return self

    @model_validator(mode="after")
    def _final_rate_where_the_rate_falls(self) -> Self:
        if self.schedule == "constant" and self.final_rate:
            raise ValueError("final_rate needs schedule: cosine: set it to 0, or change schedule")
        return self

    @property
    def seeds(self) -> range:
        """Seeds of the members of the ensemble."""
        return range(self.seed, self.seed + self.ensemble)

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value of the validation metric is better. True without a metric."""
        name = self.validation_metric
        return name is None or measure_of_users(name).metric.higher_is_better

    def n_batches(self, n_rows: int, most_rows: int | None = None) -> int:
        """Return the number of steps in a pass over so many rows.

        `most_rows` limits an automatic batch.
        """
        if self.batch_size != "auto":
            return max(1, math.ceil(n_rows / self.batch_size))
        return max(1, min(STEPS, n_rows), math.ceil(n_rows / (most_rows or n_rows or 1)))

    @property
    def horizon(self) -> float:
        """Length of the schedule in epochs. The weights of later epochs are averaged."""
        return self.epochs * (1 - self.average_last)


class RefitOptions(Options):
    """Which parts the final fit is on. The same for every model."""

    refit: bool
    """true: on train + validation, where a network is fitted up to its best epoch on train alone.
    false: on train."""


Library = Literal["torch", "onednn"]
Products = Literal["auto", Library]


class RunningOptions(Options):
    """Where networks run, how many users validate them, and how often their fits are kept.

    A repeated fit gives the same weights on the same device, versions and threads.
    """

    device: Literal["auto", "cpu", "cuda"]
    """`auto`: a GPU if there is one, else the CPU."""
    threads: Annotated[int, Gt(0), Le(1024)]
    """CPU threads of a fit and of an evaluation: of torch, NumPy and SciPy."""
    validation_users: Count | None
    """Most users on whose held-out ratings fits, weights and trials are validated. Where more have
    some, it is a sample of so many: the same for every model, epoch and trial on one split. The
    evaluation on the test part has all users. null: no limit."""
    matrix_products: Products
    """What computes the products of torch on a CPU: the library that torch takes (MKL, if it was
    built with it) or oneDNN. `auto`: oneDNN where it is a quarter faster on this processor at the
    error of float32, which is measured when a process begins its first fit. The last digits of a
    fit depend on it, so MLflow has it with each network."""
    ranks: Count
    """Processes that share the fit of a network: workers of Spark, each with some of the rows
    (docs/cluster.md). 1: this process. More change the last digits of a fit, as threads do."""
    engine: Literal["one_machine", "spark"]
    """What adds up popularities and biases, and finds neighbours and solves for columns of
    `itemknn` and of EASE over neighbours: this process, or the workers of a Spark session. It
    changes no result."""
    checkpoint_seconds: Annotated[float, Ge(0)] | None
    """Seconds from which on a fit keeps its state after an epoch, so that a run that was killed can
    go on with `--only-missing-outputs`. It changes no result. null: never."""


class TrainingOptions(Options):
    """The block of parameters of one model. `TrainingOptions.of(name)` is the class for a model."""

    name: ClassVar[str] = ""
    """Key of the model in `MODELS` and of the block in parameters."""

    model: SerializeAsAny[Options]
    """Options of the model itself, validated by the model's own options class."""

    fitting: FittingOptions | None = None
    """Options of fitting a network; None for a model fitted by a formula."""

    @classmethod
    @cache
    def of(cls, model_name: str) -> type[Self]:
        """Return the options class of this model. The model's module is imported at validation."""

        class OfModel(cls):  # type: ignore[valid-type,misc]
            name = model_name

        OfModel.__name__ = OfModel.__qualname__ = f"{cls.__name__}Of_{model_name}"
        OfModel.__doc__ = f"The block `{model_name}` of parameters."
        return OfModel

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes the same options in another process."""
        return options_of_block, (self.name, self.model_dump(mode="json"))

    @field_validator("model", mode="plain")
    @classmethod
    def _of_the_models_class(cls, raw: Any) -> Options:
        options_class: type[Options] = model_class(cls.name).options_class
        return options_class.model_validate(raw)

    @model_validator(mode="after")
    def _fitting_where_there_is_a_network(self) -> Self:
        is_network = MODELS[self.name].is_network
        if is_network and self.fitting is None:
            raise ValueError(f"{self.name} is a network and needs a `fitting` block")
        if not is_network and self.fitting is not None:
            raise ValueError(f"{self.name} is fitted by a formula: remove its `fitting` block")
        metric = None if self.fitting is None else self.fitting.validation_metric
        predicts = hasattr(model_class(self.name), "predict")
        if metric is not None and measure_of_users(metric).k is None and not predicts:
            raise ValueError(
                f"fitting.validation_metric: {self.name} does not predict ratings, so it has no "
                f"{metric}: set a list metric, such as ndcg_at_10"
            )
        return self


class NodeOfModel:
    """A node function with `options` annotated as the options class of one model.

    Kedro validates a parameter by the annotation, before any node runs. Unlike a closure it can be
    sent to another process.
    """

    def __init__(self, node_function: Callable[..., Any], model_name: str) -> None:
        """Wrap the function."""
        update_wrapper(self, node_function)
        self.function, self.model_name = node_function, model_name
        hints = get_type_hints(node_function)
        self.__annotations__ = hints | {"options": TrainingOptions.of(model_name)}

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function."""
        return self.function(*arguments, **named)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes the same node in another process."""
        return NodeOfModel, (self.function, self.model_name)


def options_of_block(model_name: str, block: dict[str, Any]) -> TrainingOptions:
    """Return the options of a model's block."""
    return TrainingOptions.of(model_name).model_validate(block)
