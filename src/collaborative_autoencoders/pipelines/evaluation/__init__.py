"""Evaluation of fitted models: ranked lists, scores and the leaderboard."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
