"""Data engineering: raw table of ratings → train, validation and test."""

from .pipeline import create_pipeline, create_update

__all__ = ["create_pipeline", "create_update"]
