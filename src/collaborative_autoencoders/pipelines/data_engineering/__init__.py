"""From the raw table of ratings to sparse matrices, one per part of the split and view."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
