"""Matrices → fitted model and its history, the same shape for every model."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
