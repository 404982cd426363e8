"""Ladders: penalties of a formula of which the validation part chooses one."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import log
from typing import Any, cast

import numpy as np
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.table import measure_of_users
from collaborative_autoencoders.models.model import Catalogue, ClosedFormModel
from collaborative_autoencoders.models.registry import model_class
from collaborative_autoencoders.models.sums import FittedBySums, RatingSums

from .choosing import choose
from .options import TrainingOptions
from .validation import list_values, why_not_computed

PENALTY, FACTOR, METRIC = "penalty", "penalty_factor", "validation_metric"

logger = logging.getLogger(__name__)
models_logger = logging.getLogger("collaborative_autoencoders.models")


def fit_formula(
    options: TrainingOptions,
    catalogue: Catalogue,
    rows: csr_array | RatingSums,
    *,
    train: Interactions,
    validation: Interactions,
) -> ClosedFormModel:
    """Return the model that the options describe, fitted by its formula on a view of a part.

    A model that is `FittedBySums` may be given the sums of its rows.
    Of a ladder, the factor is chosen first, by fits on train, and is among what the fit has chosen.
    If nothing can choose, it is the factor nearest to 1.
    """
    ladder = ladder_of(options)
    if not ladder:
        return fitted_on(rows, options, catalogue)
    chosen = chosen_of(ladder, options, catalogue, train=train, validation=validation)
    factor = min(ladder, key=distance) if chosen is None else chosen
    formula: Any = fitted_on(rows, with_factor(options, factor), catalogue)
    if chosen is not None:
        formula.chosen[FACTOR] = chosen
    return cast(ClosedFormModel, formula)


def ladder_of(options: TrainingOptions) -> list[float]:
    """Return the factors that a fit chooses from; empty without a choice."""
    ladder: Any = getattr(options.model, FACTOR, None)
    is_ladder = isinstance(ladder, list) and getattr(options.model, PENALTY) == "auto"
    return ladder if is_ladder else []


def chosen_of(
    ladder: list[float],
    options: TrainingOptions,
    catalogue: Catalogue,
    *,
    train: Interactions,
    validation: Interactions,
) -> float | None:
    """Return the factor nearest to 1 that is not worse than the best of the ladder on validation.

    None if there is one factor only, or, with a warning, without a validation part.
    """
    if len(ladder) == 1:
        return None
    metric = str(getattr(options.model, METRIC))
    if reason := why_not_computed(metric, validation, f"{options.name}.model.{METRIC}"):
        message = "%s: %s %g of %s, without validation: %s"
        factor = min(ladder, key=distance)
        logger.warning(message, options.name, FACTOR, factor, ladder, reason)
        return None
    measure = measure_of_users(metric)
    with quiet_models():
        train_UI = train.view(model_class(options.name).learns_from)
        fits = fits_on(train_UI, [with_factor(options, factor) for factor in ladder], catalogue)
        values_CV = [list_values(fit, measure, train=train, validation=validation) for fit in fits]
    distance_C = np.array([distance(factor) for factor in ladder])
    factor = ladder[choose(np.array(values_CV), distance_C)]
    logger.info("%s: %s %g of %s, by validation", options.name, FACTOR, factor, ladder)
    return factor


def distance(factor: float) -> float:
    """Return how far a factor is from 1, where 2 is as far as 1/2."""
    return abs(log(factor))


@contextmanager
def quiet_models() -> Iterator[None]:
    """Let models log no information: a line for each of many fits would be too much.

    If blocks overlap, as in threads, models log again when the block that began first has ended.
    """
    level = models_logger.level
    models_logger.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        if level < logging.WARNING:
            models_logger.setLevel(level)


def with_factor(options: TrainingOptions, factor: float) -> TrainingOptions:
    """Return the options with this factor."""
    return options.model_copy(update={"model": options.model.model_copy(update={FACTOR: factor})})


def fits_on(
    part_UI: csr_array, each: Sequence[TrainingOptions], catalogue: Catalogue
) -> Iterator[ClosedFormModel]:
    """Yield a model for each of these options, which differ in their factors only.

    A class with `fit_each` decides what its fits share. Otherwise each is fitted when it is asked
    for, so that one at a time is in memory.
    """
    of_class = model_class(each[0].name)
    if hasattr(of_class, "fit_each"):
        yield from of_class.fit_each([options.model for options in each], catalogue, part_UI)
        return
    for options in each:
        yield fitted_on(part_UI, options, catalogue)


def fitted_on(
    rows: csr_array | RatingSums, options: TrainingOptions, catalogue: Catalogue
) -> ClosedFormModel:
    """Return the model, fitted on its view of a part, or by the sums of its rows."""
    formula: ClosedFormModel = model_class(options.name)(options.model, catalogue)
    if isinstance(rows, csr_array):
        formula.fit(rows)
    else:
        assert isinstance(formula, FittedBySums)
        formula.fit_sums(rows)
    return formula
