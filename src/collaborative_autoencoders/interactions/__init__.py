"""From a raw table of ratings to the parts of a split: cleaning, core, ids, split."""

from .part import Interactions, View

__all__ = ["Interactions", "View"]
