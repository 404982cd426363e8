"""The nodes that fit models. The work is done in `learning`."""

import logging
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.interactions.sample import size_of_sample
from collaborative_autoencoders.learning.options import (
    RefitOptions,
    RunningOptions,
    TrainingOptions,
)
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.registry import model_class

from .engine import computed_by, ranks_for, rows_on_workers

if TYPE_CHECKING:
    from collaborative_autoencoders.learning.warm_start import WarmStart

logger = logging.getLogger(__name__)


def fit_model(
    options: TrainingOptions,
    training: RefitOptions,
    running: RunningOptions,
    train: Interactions,
    validation: Interactions,
    data_facts: dict[str, Any],
) -> dict[str, Any]:
    """Fit one model, and return it with its history and the facts of its fit.

    A network is also returned as it was fitted on train alone, from which a stack chooses weights.
    A model that cannot be fitted on these data is left out; `fit_facts` holds the reason.
    Raises ValueError if a part has another size or scale than `data_facts` say.
    """
    parts = {"train": train, "validation": validation}
    return _fit(options, training, running, data_facts, parts)


def continue_model(
    options: TrainingOptions,
    training: RefitOptions,
    running: RunningOptions,
    train: Interactions,
    validation: Interactions,
    data_facts: dict[str, Any],
    lookup: Lookup,
) -> dict[str, Any]:
    """Fit one network as `fit_model` does, beginning with the weights of its champion.

    The champion comes from the MLflow registry. Users and items that it does not know begin with
    new weights, and so does the whole network if the champion cannot be continued; the reason is
    then a remark of the fit.
    """
    from collaborative_autoencoders.serving.continuing import find_warm_start

    found = find_warm_start(options, lookup, train)
    warm, cold = (None, [found]) if isinstance(found, str) else (found, [])
    parts = {"train": train, "validation": validation}
    results = _fit(options, training, running, data_facts, parts, warm, cold)
    results["fit_facts"]["started_from"] = None if warm is None else warm.version
    return results


def _fit(
    options: TrainingOptions,
    training: RefitOptions,
    running: RunningOptions,
    data_facts: dict[str, Any],
    parts: Mapping[str, Interactions],
    warm: "WarmStart | None" = None,
    remarks: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the results of `fit_model`, with further remarks."""
    from collaborative_autoencoders.learning.curves import curves_of
    from collaborative_autoencoders.learning.fit_model import fit_model as fit
    from collaborative_autoencoders.learning.fit_model import is_validated

    view = model_class(options.name).learns_from
    catalogue = Catalogue.of(data_facts, view)
    catalogue.check(view, **parts)
    started = perf_counter()
    ranks = ranks_for(options, running)
    stored = rows_on_workers(options, training.refit, running, parts)
    with computed_by(running):
        outcome = fit(
            options,
            training.refit,
            running,
            catalogue,
            **parts,
            warm=warm,
            ranks=ranks,
            stored=stored,
        )
    sample = size_of_sample(parts["validation"], running.validation_users)
    is_fitted = outcome.fitted.model is not None
    said = [*remarks, *outcome.remarks]
    for remark in said:
        logger.warning("%s: %s", options.name, remark)
    print_of_parts = fingerprint(**parts)
    results = {
        "fitted": outcome.fitted._replace(parts=print_of_parts),
        "history": curves_of(outcome.history, options),
        "fit_facts": {
            "fit_seconds": perf_counter() - started,
            "epochs": len(outcome.history),
            "best_epoch": outcome.best_epoch,
            "left_out": outcome.fitted.left_out,
            "remarks": said,
            "chosen": outcome.chosen,
            "validation_users": sample if is_fitted and is_validated(options) else None,
            "matrix_products": outcome.matrix_products,
        }
        | ({} if ranks is None else {"rank_memory_gb": ranks.peak_gb}),
    }
    if outcome.on_train is not None:
        results["fitted_on_train"] = outcome.on_train._replace(parts=print_of_parts)
    return results


def add_models(
    options: TrainingOptions,
    running: RunningOptions,
    train: Interactions,
    validation: Interactions,
    **results: Any,
) -> dict[str, Any]:
    """Add the scores of models that are fitted already, as one model, in the form of `fit_model`.

    `results` holds `<model>.fitted` and `<model>.fit_facts` of each model, and
    `<model>.fitted_on_train` of each network. The seconds of the fit include those of the models
    it adds.
    """
    from collaborative_autoencoders.learning.stacking import Member, fit_stack

    members = {
        name.removesuffix(".fitted"): Member(
            fitted, results.get(f"{name.removesuffix('.fitted')}.fitted_on_train")
        )
        for name, fitted in results.items()
        if name.endswith(".fitted")
    }
    parts = {"train": train, "validation": validation}
    started = perf_counter()
    with computed_by(running):
        fitted = fit_stack(options, running, members, **parts)
    stack: Any = options.model
    chosen = dict(getattr(fitted.model, "chosen", {}))
    sample = size_of_sample(validation, running.validation_users)
    added = [results[f"{name}.fit_facts"] for name in members if stack.adds(name)]
    seconds = sum(facts["fit_seconds"] for facts in added)
    return {
        "fitted": fitted._replace(parts=fingerprint(**parts)),
        "history": {},
        "fit_facts": {
            "fit_seconds": seconds + perf_counter() - started,
            "epochs": 0,
            "best_epoch": None,
            "left_out": fitted.left_out,
            "remarks": [],
            "chosen": chosen,
            "validation_users": sample if chosen else None,
        },
    }
