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
    from collaborative_autoencoders.learning.curves import curves_of
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
