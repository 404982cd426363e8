"""Challenger against champion, model by model."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
