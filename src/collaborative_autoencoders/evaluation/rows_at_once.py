"""How many users are scored at once, as dense rows of the catalogue."""

ROWS_AT_ONCE = 1024
"""Maximum rows that are scored at once, as dense arrays."""

CELLS_AT_ONCE = 2**24
"""Maximum cells of such an array, 64 MB, which a catalogue of more than 16,384 items reaches. Each
product of few rows reads all weights of the catalogue; with fewer cells that takes longer."""

STEP = 64
"""Rows are a multiple of this where they can be: a matrix product computes odd rows otherwise."""


def rows_at_once(items: int, cells: int | None = None) -> int:
    """Return how many rows of so many items keep both limits; at least one.

    `cells` are the most cells; None means `CELLS_AT_ONCE`.
    """
    rows = max(1, min(ROWS_AT_ONCE, (cells or CELLS_AT_ONCE) // max(1, items)))
    return rows if rows < STEP else rows // STEP * STEP
