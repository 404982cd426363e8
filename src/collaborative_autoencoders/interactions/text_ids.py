"""Ids that a file has as text: integers if the text of every one is restored exactly, else text."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .rounded_ids import PROBLEM, are_rounded
from .rows import with_arguments

INTEGER = "(?:-?[1-9][0-9]{0,18}|0)"
"""How int64 is written: no sign +, no leading zero, no decimals, no blanks."""

LONGEST = 18
"""Integers with more digits may exceed int64."""

PIECE = 1 << 20
"""Rows that are converted at once."""

NEARLY_ALL = 0.9
MOST = 0.5


class TextIds(NamedTuple):
    """A column of ids, and a remark on it."""

    ids: pd.Series
    """int64, or text as categories."""

    remark: str | None
    """Why a column of mostly integers stays text."""


def ids_of_text(text: pd.Series, part_type: str | None = None) -> TextIds:
    """Return the ids as integers if text -> integer -> text restores every one of them.

        "1" "20"  ->  1 20             "1" "020"  ->  "1" "020", with a remark

    Otherwise, and if an id is null, they stay text. Raises ValueError if nearly all are integers
    and the others are no digits at all, such as a row of totals: it names their rows. Likewise if
    an id holds a line break, or is a rounded number. `part_type` is as in `rows.with_arguments`.
    """
    declare_text = declaring_text(text.name, part_type)
    written = in_arrow(text)
    numbers = _as_integers(written)
    if numbers is not None:
        return TextIds(pd.Series(numbers, index=text.index, name=text.name, copy=False), None)
    column = _as_categories(written)
    ids = pd.Series(column, index=text.index, name=text.name)
    if not len(column.categories):
        return TextIds(ids, None)
    quoting = with_arguments("{quoting: 3}", part_type)
    _refuse_line_breaks(column, text.name, quoting, declare_text)
    _refuse_rounded(column, text.name, declare_text)
    integer_C = are_integers(column.categories)
    _refuse_odd_rows(column, integer_C, text.name, declare_text)
    return TextIds(ids, _remark(column, integer_C, text.name, part_type))


def declaring_text(name: object, part_type: str | None = None) -> str:
    """Return the fix that declares a column of text."""
    return f"{with_arguments(f'{{dtype: {{{name}: str}}}}', part_type)} in the catalog entry."


def integers_of(text: pd.Series) -> NDArray[np.int64] | None:
    """Return the int64 whose text this is, as `str` writes them; None if a text is another."""
    return _as_integers(in_arrow(text))


def in_arrow(text: pd.Series) -> pa.ChunkedArray:
    """Return a column of texts in Arrow's memory."""
    written = pa.array(text, from_pandas=True)
    return written if isinstance(written, pa.ChunkedArray) else pa.chunked_array([written])


def _as_integers(text: pa.ChunkedArray) -> NDArray[np.int64] | None:
    """Return the integers whose text this is; None if a text is another, or null."""
    numbers_N = np.empty(len(text), dtype=np.int64)

    def convert(start: int) -> bool:
        piece = text.slice(start, PIECE)
        if piece.null_count:
            return False
        for chunk in piece.chunks:
            try:
                numbers = pc.cast(chunk, pa.int64()).to_numpy()
            except pa.ArrowInvalid:
                return False
            numbers_N[start : start + len(numbers)] = numbers
            if _has_other_spelling(chunk, numbers):
                return False
            start += len(numbers)
        return True

    with ThreadPoolExecutor() as pool:
        return numbers_N if all(pool.map(convert, range(0, len(text), PIECE))) else None


def _has_other_spelling(text: pa.Array, numbers_N: NDArray[np.int64]) -> bool:
    """Return whether a text that pyarrow reads as an integer is not how `str` writes it.

    pyarrow accepts digits, a minus, leading zeros and 0x.
    """
    from_zero = text.filter(pc.starts_with(text, "0"))
    if pc.any(pc.not_equal(from_zero, "0")).as_py():
        return True
    if not len(numbers_N) or numbers_N.min() > 0:
        return False
    return bool(pc.any(pc.starts_with(text, "-0")).as_py())


def are_integers(written: pd.Index) -> NDArray[np.bool_]:
    """Return whether each text is an int64 as `str` writes it, shape (C,) for C texts."""
    integer_C = np.asarray(written.str.fullmatch(INTEGER), dtype=bool)
    for place in np.flatnonzero(integer_C & (written.str.len() > LONGEST)):
        integer_C[place] = abs(int(written[int(place)])) <= np.iinfo(np.int64).max
    return integer_C


def _as_categories(text: pa.ChunkedArray) -> pd.Categorical:
    coded = text.dictionary_encode().combine_chunks()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(codes, pd.Index(coded.dictionary.to_pandas(), dtype="str"))


def _refuse_line_breaks(
    column: pd.Categorical, name: object, quoting: str, declare_text: str
) -> None:
    broken_C = np.asarray(column.categories.str.contains(r"[\n\r]"), dtype=bool)
    if not broken_C.any():
        return
    row = int(np.argmax(broken_C[column.codes] & (column.codes >= 0)))
    raise ValueError(
        f"{name}: the id of row {row + 1}, {str(column[row])[:60]!r}, holds a line break, as where "
        "a quote is opened and not closed: later rows are in it. Correct the quote, or read quotes "
        f"as characters: {quoting}. If it is an id, declare all ids as text: {declare_text}"
    )


def _refuse_rounded(column: pd.Categorical, name: object, declare_text: str) -> None:
    rounded_C = are_rounded(column.categories)
    if not rounded_C.any():
        return
    row = int(np.argmax(rounded_C[column.codes] & (column.codes >= 0)))
    raise ValueError(f"{name}: row {row + 1}: {column[row]} {PROBLEM} {declare_text}")


def _refuse_odd_rows(
    column: pd.Categorical, integer_C: NDArray[np.bool_], name: object, declare_text: str
) -> None:
    digits_C = np.asarray(column.categories.str.fullmatch("[0-9]+"), dtype=bool)
    odd_C = ~(integer_C | digits_C)
    if not odd_C.any() or odd_C.mean() > 1 - NEARLY_ALL:
        return
    rows = np.flatnonzero(odd_C[column.codes] & (column.codes >= 0))
    shown = ", ".join(f"{column[row]!r} (row {row + 1})" for row in rows[:3])
    more = f" and {len(rows) - 3:,} more rows" if len(rows) > 3 else ""
    raise ValueError(
        f"{name}: nearly all ids are integers, but not {shown}{more}. Correct or drop these rows. "
        f"If they are ids, declare all ids as text: {declare_text}"
    )


def _remark(
    column: pd.Categorical, integer_C: NDArray[np.bool_], name: object, part_type: str | None
) -> str | None:
    odd = column.categories[~integer_C]
    if len(odd) and odd.str.fullmatch(r"-?[0-9]+\.0").all():
        as_integers = with_arguments(f"{{dtype: {{{name}: float64}}}}", part_type)
        return (
            f"{name}: ids are written with decimals, such as {odd[0]!r}, and used as this text. "
            f"To use integers: {as_integers} in the catalog entry."
        )
    if not len(odd) or integer_C.mean() < MOST:
        return None
    row = int(np.argmax(~integer_C[column.codes] & (column.codes >= 0)))
    return (
        f"{name}: {len(odd):,} of {len(integer_C):,} ids are not written as an integer is, the "
        f"first is {column[row]!r} (row {row + 1}). All ids are text as in the file"
        f"{_twins(odd, column)}."
    )


def _twins(odd: pd.Index, column: pd.Categorical) -> str:
    """Return the first two ids that differ only in leading zeros, as a clause."""
    for one in odd[np.asarray(odd.str.fullmatch("0[0-9]+"), dtype=bool)]:
        other = one.lstrip("0") or "0"
        if other in column.categories:
            return f"; {one!r} and {other!r} are two ids"
    return ""
