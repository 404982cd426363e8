"""The node that fits a model. The work is done in `learning`."""

import logging
from time import perf_counter
from typing import Any

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.learning.options import (
    RefitOptions,
    RunningOptions,
    TrainingOptions,
)
from collaborative_autoencoders.models.model import Catalogue

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

    A model that cannot be fitted on these data is left out; `fit_facts` holds the reason.
    Raises ValueError if a part has another size or scale than `data_facts` say.
    """
    from collaborative_autoencoders.learning.curves import curves_of
    from collaborative_autoencoders.learning.fit_model import fit_model as fit

    catalogue = Catalogue.of(data_facts)
    parts = {"train": train, "validation": validation}
    catalogue.check(**parts)
    started = perf_counter()
    outcome = fit(options, training.refit, running, catalogue, **parts)
    for remark in outcome.remarks:
        logger.warning("%s: %s", options.name, remark)
    return {
        "fitted": outcome.fitted._replace(parts=fingerprint(**parts)),
        "history": curves_of(outcome.history, options),
        "fit_facts": {
            "fit_seconds": perf_counter() - started,
            "epochs": len(outcome.history),
            "best_epoch": outcome.best_epoch,
            "left_out": outcome.fitted.left_out,
            "remarks": list(outcome.remarks),
            "chosen": outcome.chosen,
        },
    }
