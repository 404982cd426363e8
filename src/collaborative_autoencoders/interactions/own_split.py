"""The split that the table itself gives: a column of parts, or one table per part.

Dimension key: N rows.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import PART

from .rows import refuse_rows
from .split_options import TEST, TRAIN, VALIDATION

PARTS = ("train", "validation", "test")
"""The names of the parts by their number."""

OTHER_NAMES = {"training": "train", "valid": "validation", "val": "validation", "dev": "validation"}


def checked_parts(table: pd.DataFrame) -> pd.Series:
    """Return the part of each row as a category: train, validation or test.

        train Train training  ->  train         valid val dev  ->  validation

    Raises ValueError, with the first bad row, for any other value.
    """
    names = pd.Categorical(table[PART].astype("str").str.strip().str.lower())
    part_of = [OTHER_NAMES.get(name, name) for name in names.categories]
    number_C = np.array([PARTS.index(name) if name in PARTS else -1 for name in part_of] + [-1])
    number_N = number_C[names.codes]
    fix = "Name each part train, validation (or valid, val, dev) or test."
    refuse_rows(table, PART, number_N < 0, "is not a part of a split", fix)
    parts = pd.Categorical.from_codes(number_N, categories=pd.Index(PARTS))
    return pd.Series(parts, index=table.index, name=PART)


def own_parts(ratings: pd.DataFrame) -> NDArray[np.int8]:
    """Return the part of each row as the table gives it: 0 train, 1 validation, 2 test.

        user item part              user item
           1    5 train      train     1    5
           1    7 test        test     1    7
           2    5 validation  validation 2  5

    Raises ValueError if the table has no parts or no row is train.
    """
    if PART not in ratings:
        raise ValueError(
            "split.kind: own needs a part for each row, and the table has none. Set "
            "cleaning.columns.part to its column (`part` if the tables train, validation and test "
            "are joined by partitions.PartitionedDataset)."
        )
    # a file may give the categories back in another order
    parts_N = np.array(pd.Categorical(ratings[PART], categories=PARTS).codes, dtype=np.int8)
    if not (parts_N == TRAIN).any():
        raise ValueError(
            f"split.kind: own: no row is train, {(parts_N == VALIDATION).sum():,} are validation "
            f"and {(parts_N == TEST).sum():,} test. Correct the column of parts, or lower core.k."
        )
    return parts_N
