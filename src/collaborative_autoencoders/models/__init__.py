"""The models: what each is, what it scores, how it is kept."""

from .registry import MODELS, model_class, models_for, networks

__all__ = ["MODELS", "model_class", "models_for", "networks"]
