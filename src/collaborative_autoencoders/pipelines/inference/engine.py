"""What computes and counts recommendations: this process, or the workers of a Spark cluster."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from collaborative_autoencoders.serving.batches import (
    HEAD_LINES,
    RecommendationBatches,
    Summary,
    summarise,
)

Recommendations = Any
"""Batches of pandas, or a table of Spark."""


def computed_by(batches: RecommendationBatches) -> Recommendations:
    """Return the batches themselves, or a table of Spark that has their rows."""
    if batches.options.engine == "one_machine":
        return batches
    from collaborative_autoencoders.cluster import compute_on_workers

    return compute_on_workers(batches)


def summary_of(recommendations: Iterable[pd.DataFrame] | Recommendations) -> Summary:
    """Return the first lines and the counts of the recommendations."""
    if type(recommendations).__module__.partition(".")[0] != "pyspark":
        return summarise(recommendations)
    from collaborative_autoencoders import cluster

    return Summary(*cluster.summarise(recommendations, HEAD_LINES))
