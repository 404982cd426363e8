"""Registered models: an MLflow pyfunc that takes raw ids and returns ranked titles."""
