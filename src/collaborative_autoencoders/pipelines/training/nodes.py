"""The door to learning: matrices and options in, a fitted model and its history out."""

from time import perf_counter
from typing import Any

from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.matrices import Interactions, fingerprint
from collaborative_autoencoders.learning.options import (
    RefitOptions,
    RunningOptions,
    TrainingOptions,
)
from collaborative_autoencoders.models.model import Catalogue


def fit_model(
    options: TrainingOptions,
    training: RefitOptions,
    running: RunningOptions,
    train_likes: csr_array,
    train_ratings: csr_array,
    validation_likes: csr_array,
    validation_ratings: csr_array,
    data_facts: dict[str, Any],
) -> dict[str, Any]:
    """Fit one model, or say why it is left out; with its history by epoch and its seconds."""
    from collaborative_autoencoders.learning.fit_model import fit_model as fit

    train = Interactions(train_ratings, train_likes)
    validation = Interactions(validation_ratings, validation_likes)
    catalogue = Catalogue(*(data_facts[name] for name in Catalogue._fields))
    started = perf_counter()
    outcome = fit(options, training.refit, running, train, validation, catalogue)
    return {
        "fitted": outcome.fitted._replace(parts=fingerprint(train, validation)),
        "history": curves_of(outcome.history, options),
        "fit_facts": {
            "fit_seconds": perf_counter() - started,
            "epochs": len(outcome.history),
            "best_epoch": outcome.best_epoch,
            "left_out": outcome.fitted.left_out,
        },
    }


def curves_of(history: list[Any], options: TrainingOptions) -> dict[str, list[dict[str, float]]]:
    """What each epoch recorded, a curve per name, as MLflow takes it: value and step."""
    if not history:
        return {}
    curves = {name: name for name in ("train_loss", "learning_rate", "epoch_seconds")}
    if options.fitting is not None and options.fitting.validation_metric is not None:
        curves["validation"] = f"validation_{options.fitting.validation_metric}"
    return {
        curve: [{"value": getattr(epoch, field), "step": epoch.epoch} for epoch in history]
        for field, curve in curves.items()
    }
