"""Training: train and validation parts → fitted model and its history."""

from .pipeline import create_pipeline, create_update

__all__ = ["create_pipeline", "create_update"]
