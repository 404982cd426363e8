"""What evaluates: this process, or the workers of a Spark cluster."""

from collections.abc import Mapping
from typing import Any

from collaborative_autoencoders.evaluation.breakdown import OF_PANDAS, Reading
from collaborative_autoencoders.evaluation.evaluate import evaluate, nothing_evaluated, to_evaluate
from collaborative_autoencoders.evaluation.known import Known, count_owners, fitted_model
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.evaluation.shards import Shards, are_read
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part_rows import PartSize, ShardedPart
from collaborative_autoencoders.models.model import Fitted

Table = Any
"""A table of pandas or of Spark."""


def evaluate_all(
    fitted: Fitted, known: Known, parts: Mapping[str, Interactions], evaluation: EvaluationOptions
) -> dict[str, Table]:
    """Return the tables of an `Evaluation` of all users. The scores of users are of pandas.

    `parts` has train, validation and test. Raises ValueError if workers are to read one that is in
    no folder of Parquet files.
    """
    test, options = to_evaluate(parts["test"], evaluation)
    owners = count_owners(parts["train"])
    if options.engine == "one_machine":
        return evaluate(fitted_model(fitted), known, test, owners, options)._asdict()
    from collaborative_autoencoders import cluster

    folders = {name: folder_of(name, part) for name, part in parts.items()}
    shards = Shards.of(fitted, known, test, owners, options)
    size = PartSize(*test.shape, *test.core_shape)
    is_read_U = are_read(test, options)
    digests = {name: shards.digests(part, is_read_U) for name, part in parts.items()}
    stored = cluster.StoredParts(folders, digests, size, is_read_U)
    return cluster.evaluate_on_workers(shards, stored, nothing_evaluated(options))


def folder_of(name: str, part: Interactions) -> str:
    """Return the folder from which workers read a part. Raises ValueError if there is none."""
    if isinstance(part, ShardedPart):
        return part.folder
    raise ValueError(
        f"evaluation.engine: spark lets workers read {name}, which is in no folder of Parquet "
        f"files. Let the entry {name} of the catalog be the one of conf/spark, or set "
        "evaluation.engine: one_machine"
    )


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
