"""Evaluation: rank items, predict ratings, score each user, average, compare models."""
