"""Promotion: compare challenger and champion of each model."""

from .pipeline import create_pipeline, create_update

__all__ = ["create_pipeline", "create_update"]
