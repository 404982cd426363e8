"""The split that the table itself gives: a column of parts, or one table per part.

Dimension key: N rows.
"""

from collections.abc import Collection
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import PART

from .rows import refuse_rows

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


def about_parts(tables: Collection[str]) -> str | None:
    """Return what to change if files that are read as one table are the parts of a split.

    train.csv valid.csv test.csv  ->  keep the parts         2023.csv 2024.csv  ->  None
    """
    names = [PurePosixPath(table).name.split(".")[0].strip().lower() for table in tables]
    if not {"train", "test"} <= {OTHER_NAMES.get(name, name) for name in names}:
        return None
    return (
        f"the ratings are joined from {', '.join(sorted(tables)[:3])} and split anew, so models "
        "are trained on rows of the test part. To keep the parts as they are: --params "
        "cleaning.columns.part=part,split.kind=own,core.k=0"
    )


def refuse_no_parts(columns: Collection[str]) -> None:
    """Raise ValueError if a table with these columns has no parts."""
    if PART not in columns:
        raise ValueError(
            "split.kind: own needs a part for each row, and the table has none. Set "
            "cleaning.columns.part to its column (`part` if the tables train, validation and test "
            "are joined by partitions.PartitionedDataset)."
        )


def own_parts(ratings: pd.DataFrame) -> NDArray[np.int8]:
    """Return the part of each row as the table gives it: 0 train, 1 validation, 2 test.

    user item part              user item
       1    5 train      train     1    5
       1    7 test        test     1    7
       2    5 validation  validation 2  5
    """
    # a file may give the categories back in another order
    return np.array(pd.Categorical(ratings[PART], categories=PARTS).codes, dtype=np.int8)


def refuse_no_train(train: int, validation: int, test: int) -> None:
    """Raise ValueError if a table with so many rows of each part has no train rows."""
    if not train:
        raise ValueError(
            f"split.kind: own: no row is train, {validation:,} are validation and {test:,} test. "
            "Correct the column of parts, or lower core.k."
        )
