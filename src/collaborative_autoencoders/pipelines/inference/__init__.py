"""Inference: the champion's recommendations for many users, in one file."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
