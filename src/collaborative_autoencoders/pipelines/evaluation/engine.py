"""What evaluates: this process, or the workers of a Spark cluster."""

from typing import Any

from collaborative_autoencoders.evaluation.breakdown import OF_PANDAS, Reading
from collaborative_autoencoders.evaluation.evaluate import evaluate, nothing_evaluated
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.evaluation.shards import Shards

Table = Any
"""A table of pandas or of Spark."""


def evaluate_all(shards: Shards) -> dict[str, Table]:
    """Return the tables of an `Evaluation` of all users. The scores of users are of pandas."""
    if shards.options.engine == "spark":
        from collaborative_autoencoders import cluster

        nothing = nothing_evaluated(shards.options)
        return cluster.evaluate_on_workers(shards.to_send(), nothing)
    inputs = shards.model, shards.known, shards.test, shards.owners, shards.options
    return evaluate(*inputs)._asdict()


def evaluate_nothing(options: EvaluationOptions) -> dict[str, Table]:
    """Return empty tables for a model that was left out."""
    nothing = nothing_evaluated(options)
    if options.engine == "spark":
        from collaborative_autoencoders import cluster

        return cluster.as_tables(nothing)
    return nothing._asdict()


def reading_by(options: EvaluationOptions) -> Reading:
    """Return how tables of lists and predictions are read."""
    if options.engine == "spark":
        from collaborative_autoencoders import cluster

        return Reading(cluster.sum_over, cluster.recommended_at)
    return OF_PANDAS
