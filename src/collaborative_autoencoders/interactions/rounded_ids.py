"""Ids that a spreadsheet or a float has rounded: two users may have become one.

102349123456789012, 102349123456789013  ->  1.02349E+17, 1.02349E+17
"""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROUNDED = r"-?[0-9][.,]([0-9]+)[eE]\+?([0-9]{2,3})"
"""A number with its decimals and its exponent. Digits are lost if the exponent is larger than the
number of decimals."""

NUMBER = r"[-+]?[0-9]+(?:[.,][0-9]+)?(?:[eE][-+]?[0-9]+)?"

SIGN = "+"
"""Spreadsheets write it, and few ids have it: a rounded id with it is no word among words."""

KEPT_DIGITS = (15, 16)
"""Digits of a number that Excel keeps in a cell, and that openpyxl writes."""

LARGEST = 10**300

PROBLEM = (
    "is a rounded number, as spreadsheets write long ones: digits are lost, and several ids may "
    "have become one. Export the ids again, as text. If these are the ids, declare them as text:"
)


def are_rounded(texts: pd.Index) -> NDArray[np.bool_]:
    """Return whether each text is a rounded number, shape (C,) for C texts.

        1.02349E+17     True            1.02349E+05, 1e3, 12E4      False: no digit is lost

    Without a sign, as in 1.02349E17, it is a word if another text is no number.
    """
    rounded_C = np.asarray(texts.str.fullmatch(ROUNDED), dtype=bool)
    parts = texts[rounded_C].str.extract(ROUNDED)
    rounded_C[rounded_C] = parts[1].astype(int) > parts[0].str.len()
    if not rounded_C.any() or texts.str.fullmatch(NUMBER).all():
        return rounded_C
    return rounded_C & np.asarray(texts.str.contains(SIGN, regex=False), dtype=bool)


def refuse_rounded_cells(cells: pd.Series, declare_text: str) -> None:
    """Raise ValueError if all long numbers among the cells of a spreadsheet are rounded.

    A single one may end in 0 by chance.

        102349123456789000, 7     refused: zeros after the 15 digits that Excel keeps
        102349123456789012, 7     accepted

    It names the first. A reader may return the float next to a number, such as
    102349123456788992 in the first line. `declare_text` is the fix that declares a column of text.
    """
    for digits in KEPT_DIGITS:
        longs = [(row, cell) for row, cell in enumerate(cells, 1) if _is_longer(cell, digits)]
        if len(longs) > 1 and all(_is_rounded(cell, digits) for _, cell in longs):
            row, first = longs[0]
            raise ValueError(
                f"{cells.name}: row {row}: the sheet keeps only {digits} digits of the number "
                f"{first} ({len(longs):,} such rows in total): several ids may have become one. "
                "Write the ids into the sheet again, as text. If these are the ids, declare them "
                f"as text: {declare_text}"
            )


def _is_longer(cell: Any, digits: int) -> bool:
    is_number = isinstance(cell, int | float | np.integer | np.floating)
    return is_number and 10**digits <= abs(cell) < LARGEST


def _is_rounded(number: Any, digits: int) -> bool:
    """Return whether this number, or the float next to it, has so many digits and then zeros."""
    written = f"{number:.{digits - 1}e}"
    return int(number) in (int(Decimal(written)), int(float(written)))
