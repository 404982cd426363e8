"""The models: definition, scoring and serialisation."""

from .registry import MODELS, model_class, models_for, networks

__all__ = ["MODELS", "model_class", "models_for", "networks"]
