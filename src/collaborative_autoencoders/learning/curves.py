"""Learning curves of a fit."""

from .fit import Epoch
from .options import TrainingOptions


def curves_of(history: list[Epoch], options: TrainingOptions) -> dict[str, list[dict[str, float]]]:
    """Return the history as curves by name, in MLflow's form.

        [Epoch(epoch=1, train_loss=0.5, …)]  →  {"train_loss": [{"value": 0.5, "step": 1}], …}

    Empty for a model without epochs.
    """
    if not history:
        return {}
    curves = {name: name for name in ("train_loss", "learning_rate", "epoch_seconds")}
    if options.fitting is not None and options.fitting.validation_metric is not None:
        curves["validation"] = f"validation_{options.fitting.validation_metric}"
    return {
        curve: [{"value": getattr(epoch, field), "step": epoch.epoch} for epoch in history]
        for field, curve in curves.items()
    }
