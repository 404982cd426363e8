"""Ranking of items without ratings by their features, and its evaluation."""

from .pipeline import MODEL, SUFFIX, create_pipeline

__all__ = ["MODEL", "SUFFIX", "create_pipeline"]
