"""Promotion: compare challenger and champion of each model."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
