"""Which rules a table is worked on by: those of one machine, or those of a Spark cluster."""

from collections.abc import Callable
from typing import Any, NamedTuple

from collaborative_autoencoders.interactions import cleaning, core, facts, ids, splitting, zeros

Table = Any
"""A table of pandas or of Spark."""


class Rules(NamedTuple):
    """The rules of data engineering for one kind of table. Both kinds give the same rows."""

    clean_ratings: Callable[..., Any]
    source_of: Callable[..., facts.Source]
    keep_core: Callable[..., Any]
    about_zeros: Callable[..., str | None]
    about_counts: Callable[..., str | None]
    index_ids: Callable[..., ids.Ids]
    sizes_of: Callable[..., tuple[int, int]]
    describe: Callable[..., facts.DataFacts]
    split_interactions: Callable[..., splitting.Split[Any]]


def rules_for(table: object) -> Rules:
    """Return the rules for a table, by its type."""
    if type(table).__module__.partition(".")[0] == "pyspark":
        from collaborative_autoencoders import cluster

        return Rules(*(getattr(cluster, name) for name in Rules._fields))
    return Rules(
        cleaning.clean_ratings,
        facts.source_of,
        core.keep_core,
        zeros.about_zeros,
        core.about_counts,
        ids.index_ids,
        ids.sizes_of,
        facts.describe,
        splitting.split_interactions,
    )
