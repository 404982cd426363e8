"""What evaluates: this process, or the workers of a Spark cluster."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.evaluation import averages
from collaborative_autoencoders.evaluation.evaluate import evaluate, nothing_evaluated
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.evaluation.shards import Shards
from collaborative_autoencoders.evaluation.table_claims import check_indices

Table = Any
"""A table of pandas or of Spark."""


def evaluate_all(shards: Shards) -> dict[str, Table]:
    """Return the tables of an `Evaluation` of all users. The scores of users are of pandas."""
    if shards.options.engine == "spark":
        from collaborative_autoencoders import cluster

        return cluster.evaluate_on_workers(shards, nothing_evaluated(shards.options))
    inputs = shards.model, shards.known, shards.test, shards.owners_I, shards.options
    return evaluate(*inputs)._asdict()


def evaluate_nothing(options: EvaluationOptions) -> dict[str, Table]:
    """Return empty tables for a model that was left out."""
    nothing = nothing_evaluated(options)
    if options.engine == "spark":
        from collaborative_autoencoders import cluster

        return cluster.as_tables(nothing)
    return nothing._asdict()


def recommended_at(
    ranked_items: Table, shape: tuple[int, int], options: EvaluationOptions
) -> list[NDArray[np.int64]]:
    """Return how often each item is in the first places of a list, for each length of list.

    Raises ValueError if a list is of another user or item than of these numbers of them.
    """
    if options.engine == "spark":
        from collaborative_autoencoders import cluster

        return cluster.recommended_at(ranked_items, shape, options.k)
    check_indices("ranked_items", ranked_items, shape)
    return averages.recommended_at(ranked_items, shape[1], options.k)


def in_memory(table: Table, options: EvaluationOptions) -> pd.DataFrame:
    """Return a table of pandas."""
    return table.toArrow().to_pandas() if options.engine == "spark" else table
