"""The memory that a call takes, and lists that take some."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.evaluation.lists import lists_to_table

N_USERS, LENGTH = 2000, 100


def peak_of(call: Callable[[], object]) -> int:
    """The bytes that Python and NumPy hold at most during the call, besides those before it."""
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def many_lists() -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Lists of the same items for many users, and their scores."""
    item_UK = np.tile(np.arange(LENGTH, dtype=np.int32), (N_USERS, 1))
    return item_UK, -item_UK.astype(np.float32)


def table_of_many() -> pd.DataFrame:
    """The same as a table."""
    return lists_to_table(*many_lists(), np.arange(N_USERS))


def size_of(table: pd.DataFrame) -> int:
    """The bytes of the columns of a table."""
    return int(table.memory_usage(index=False).sum())
