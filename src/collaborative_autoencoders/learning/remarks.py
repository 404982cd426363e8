"""What the validation of a fit says about its options: one line for each sign of a poor fit."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.table import measure_of_users
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.network import Network
from collaborative_autoencoders.models.popularity import Popularity, PopularityOptions

from .fit import Fit
from .options import TrainingOptions
from .validation import validation_of

LEAST_GAIN = 0.005
"""Relative gain over the reference below which a network has learned nothing of its own."""


def remarks_of(
    options: TrainingOptions,
    found: Fit,
    catalogue: Catalogue,
    silent: float | None,
    *,
    train: Interactions,
    validation: Interactions,
    is_warm: bool = False,
) -> list[str]:
    """Return remarks on a validated fit, each with what to try; empty for a healthy one.

    `silent` is the validation of the fitted network without its penalised weights, None if it has
    none. A fit that is warm, which continues a champion, may well be best early.
    """
    fitting, best = options.fitting, found.history[(found.best_epoch or 1) - 1].validation
    assert fitting is not None and fitting.validation_metric is not None and best is not None
    metric, sign = fitting.validation_metric, 1 if fitting.higher_is_better else -1
    references = {} if silent is None else {"its own biases": silent}
    if measure_of_users(metric).k is not None:
        users, items = train.core_shape
        of_core = catalogue._replace(users=users, items=items)
        popularity: Any = Popularity(PopularityOptions(), of_core)
        popularity.fit(train.view(popularity.learns_from))
        validate = validation_of(metric, train=train, validation=validation)
        references["popularity"] = validate(popularity)
    remarks = [
        f"it is no better than {name}: validation {metric} is {best:.4f} against {value:.4f}. Try "
        f"other options: kedro run --pipelines tuning --namespaces {options.name}"
        for name, value in references.items()
        if sign * best <= sign * value * (1 + sign * LEAST_GAIN)
    ]
    return [*remarks[:1], *_best_epoch(options, found, is_warm)]


def silent_copy(network: Network) -> Network | None:
    """Return a copy whose penalised weights are 0, so that only its biases are left.

    None if no weight is penalised: nothing then says which of them are weights.
    """
    silent = deepcopy(network)
    penalised = [group for group in silent.penalties(1) if group.strength > 0]
    for group in penalised:
        for weights in group.parameters:
            weights.detach().zero_()
    return silent if penalised else None


def _best_epoch(options: TrainingOptions, found: Fit, is_warm: bool) -> Iterator[str]:
    """Yield a remark if the best epoch is the first or the last, or comes before the average."""
    fitting, best = options.fitting, found.best_epoch
    assert fitting is not None
    key = f"{options.name}.fitting"
    if best == fitting.epochs:
        yield f"its best epoch, {best}, is the last: try --params {key}.epochs={2 * fitting.epochs}"
    elif is_warm:
        return
    elif best == 1:
        rate = fitting.learning_rate / 3
        yield f"its best epoch is the first: try --params {key}.learning_rate={rate:.2g}"
    elif best is not None and fitting.average_last and best <= fitting.horizon:
        yield (
            f"its best epoch, {best}, comes before the weights are averaged, from epoch "
            f"{int(fitting.horizon) + 1} on: try --params {key}.epochs={best}"
        )
