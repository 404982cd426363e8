"""The champion's recommendations for everybody, in one file."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
