"""From a table of ratings to compared, registered, servable recommenders."""

__version__ = "0.3.0"
