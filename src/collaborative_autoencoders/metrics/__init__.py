"""Metrics of recommendation lists and predicted ratings, as functions of arrays."""
