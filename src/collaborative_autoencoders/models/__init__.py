"""The models: definition, scoring and serialisation."""

from .registry import MODELS, default_models, model_class, models_for, networks

__all__ = ["MODELS", "default_models", "model_class", "models_for", "networks"]
