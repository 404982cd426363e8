"""The benchmark of data engineering still runs, and compares two ways to the same matrices."""

import pandas as pd

from benchmarks.data_engineering import OURS, PANDAS, assert_same, timed
from collaborative_autoencoders.columns import RATING, TIMESTAMP
from collaborative_autoencoders.datasets.fabricated import fabricate_ratings


def test_both_ways_of_the_benchmark_give_the_same_matrices():
    first = fabricate_ratings(200, 100, 6_000, seed=1)
    later = first.iloc[::100].assign(
        **{RATING: lambda rows: 6 - rows[RATING], TIMESTAMP: lambda rows: rows[TIMESTAMP] + 1}
    )
    table = pd.concat([first, later], ignore_index=True)
    ours, _ = timed(OURS, table)
    theirs, _ = timed(PANDAS, table)
    assert ours[0].nnz > 1_000
    assert_same(ours, theirs)
