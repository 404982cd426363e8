"""How many users are scored at once, as dense rows of the catalogue."""

ROWS_AT_ONCE = 1024
"""Maximum rows that are scored at once, as dense arrays."""

CELLS_AT_ONCE = 2**22
"""Maximum cells of such an array, which a catalogue of more than 4,096 items reaches. 16 MB stay in
the last cache, and are memory that the next batch uses again."""

STEP = 64
"""Rows are a multiple of this where they can be: a matrix product computes odd rows otherwise."""


def rows_at_once(items: int) -> int:
    """Return how many rows of so many items keep both limits; at least one."""
    rows = max(1, min(ROWS_AT_ONCE, CELLS_AT_ONCE // max(1, items)))
    return rows if rows < STEP else rows // STEP * STEP
