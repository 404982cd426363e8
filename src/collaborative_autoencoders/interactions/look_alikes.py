"""Ids that are text and differ only in what is hardly seen: blanks around them, or their accents.

"u7" and "u7 "      "José" with é as one character and "José" with e and an accent
"""

import unicodedata

import pandas as pd


def about_look_alikes(column: pd.Series, raw_name: object = None) -> str | None:
    """Return the first ids of a column that are one without blanks around them and in NFC.

    None if there are none, or if ids are integers. `raw_name` is the column's in the raw table.
    """
    if pd.api.types.is_numeric_dtype(column):
        return None
    ids = pd.Series(column.unique(), dtype="str")
    plain = ids.str.strip().str.normalize("NFC")
    is_again = plain.duplicated()
    if not is_again.any():
        return None
    one, other = (_shown(text) for text in ids[plain == plain[is_again].iloc[0]].iloc[:2])
    code = f"table[{raw_name!r}] = table[{raw_name!r}].str.strip().str.normalize('NFC')"
    return (
        f"{column.name}: {one} and {other} are two ids. There are {int(is_again.sum()):,} more ids "
        "than without blanks around them and with accents written in one way (Unicode NFC). If "
        "they are the same, write them alike where the table is made"
        + (f": `{code}`" if raw_name is not None else "")
    )


def _shown(text: str) -> str:
    """Return an id in quotes. Accents that are characters of their own are escaped."""
    return repr(text) if unicodedata.is_normalized("NFC", text) else ascii(text)
