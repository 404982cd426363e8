"""Dates as digits that have lost a zero in front: pandas would read other dates."""

from collections.abc import Sequence

import numpy as np
from kedro.io import DatasetError

from collaborative_autoencoders.datasets.own_csv import TEXT, Entry
from collaborative_autoencoders.interactions.column_names import Name

DIGITS_FIRST = ("%d%m%Y", "%m%d%Y", "%d%m%y", "%m%d%y")
"""Forms without separators of which the first number may have one digit."""

ODD = r"(?:[0-9][0-9])*[0-9](?:[^0-9]|$)"
"""An odd number of digits, and maybe more after them."""


def refuse_lost_zeros(entry: Entry, times: Sequence[Name]) -> None:
    """Raise DatasetError if a time that is read by such a form has a digit too few.

    01122019    1 December          1122019     11 February by pandas
    """
    args = entry.load_args
    dates, form = args.get("parse_dates"), args.get("date_format")
    for name in set(times) & set(dates if isinstance(dates, list) else []):
        of_column = str(form.get(name) if isinstance(form, dict) else form)
        if not of_column.startswith(DIGITS_FIRST):
            continue
        column = {"usecols": [name], "index_col": None, "dtype": {name: TEXT}}
        texts = entry.read(**column | {"parse_dates": False, "date_format": None})[name].str.strip()
        odd_N = texts.str.match(ODD).to_numpy(dtype=bool, na_value=False)
        if odd_N.any():
            row = int(np.argmax(odd_N))
            text = texts.iloc[row]
            width = len(text) + 1
            fix = f"table[{name!r}] = table[{name!r}].astype(str).str.zfill({width})"
            raise DatasetError(
                f"{entry.local_file or 'the file'}: row {row + 1}: {name} {text!r} has lost the "
                f"zero in front, and {of_column!r} would read another date. Write {width} "
                f"characters where the table is made: `{fix}`."
            )
