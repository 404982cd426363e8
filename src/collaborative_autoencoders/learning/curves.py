"""A fit over its epochs, as curves."""

from .fit import Epoch
from .options import TrainingOptions


def curves_of(history: list[Epoch], options: TrainingOptions) -> dict[str, list[dict[str, float]]]:
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
