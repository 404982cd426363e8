"""Tables of Apache Spark: the rules of `interactions` on tables that outgrow one machine.

A rule that needs the rows of one user only stands once, in `interactions`: it is applied to shards
of whole users, each a pandas table. Here is what needs all rows: numbers of rows, counts, the core,
ids, dates of the split, and what popularity and biases add up. Recommendations and evaluations are
of batches of users, which workers compute. The ranks of a fit are workers too, and so is what
solves for the columns of closed forms.
"""

from .batches import compute_on_workers, summarise
from .cleaning import clean_ratings
from .core import about_counts, about_zeros, keep_core, sizes_of
from .evaluating import (
    StoredParts,
    as_tables,
    evaluate_on_workers,
    recommended_at,
    sum_over,
)
from .facts import describe, source_of
from .ids import index_ids
from .pieces import call_on_workers, map_on_workers
from .session import refuse_more_than_cores, refuse_own_file
from .splitting import split_interactions
from .sums import StoredRows
from .training import device_of_ranks, launch_on

__all__ = [
    "StoredParts",
    "StoredRows",
    "about_counts",
    "about_zeros",
    "as_tables",
    "call_on_workers",
    "clean_ratings",
    "compute_on_workers",
    "describe",
    "device_of_ranks",
    "evaluate_on_workers",
    "index_ids",
    "keep_core",
    "launch_on",
    "map_on_workers",
    "recommended_at",
    "refuse_more_than_cores",
    "refuse_own_file",
    "sizes_of",
    "source_of",
    "split_interactions",
    "sum_over",
    "summarise",
]
