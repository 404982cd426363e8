"""Search space → trials → proposed options."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
