"""How good the answers are for users whom a model has never seen."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
