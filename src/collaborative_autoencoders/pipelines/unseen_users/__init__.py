"""Evaluation of recommendations for users that a model has never seen."""

from .pipeline import SUFFIX, create_pipeline

__all__ = ["SUFFIX", "create_pipeline"]
