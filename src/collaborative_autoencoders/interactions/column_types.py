"""Conversion of ids to one type: int64 or text. No id is changed by that."""

from collections.abc import Sequence
from typing import Any, NoReturn, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from pydantic import model_validator

from collaborative_autoencoders.options import Options

from .rows import PART_TYPE, name_in_file, refuse_rows, with_arguments

LISTS = (list, tuple, set, dict, np.ndarray)
WHOLE_BELOW = 2.0**53
"""Below this value, a float64 represents every integer exactly."""

LIST_AS_TEXT = r"\s*[\[({].*[\])}]\s*"


class RatingScale(Options):
    """The lowest and the highest possible rating."""

    lowest: float
    highest: float

    @model_validator(mode="after")
    def _lowest_is_below_highest(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError(f"lowest: {self.lowest} is not below highest: {self.highest}")
        return self


def checked_ids(table: pd.DataFrame, name: str) -> pd.Series:
    """Return the ids as int64, or as text (which is not stripped), possibly as categories.

    Whole numbers stored as floats or decimals become integers; integers above int64 and bytes
    become text. Raises ValueError if an id is null, empty, a list, not a whole number or a float
    too large for single integers, or if text and numbers are mixed.
    """
    column = table[name]
    as_text = with_arguments("{keep_default_na: false}", table.attrs.get(PART_TYPE))
    fix = f"Drop the row. To read NA as text, set {as_text} in the catalog entry of a CSV file."
    refuse_rows(table, name, column.isna().to_numpy(), "is null", fix)
    if is_text_in_categories(column):
        return _checked_text(table, column.cat.remove_unused_categories(), name)
    column = without_categories(column)
    if types.is_bool_dtype(column) or types.is_datetime64_any_dtype(column):
        _refuse_id_type(table, name, str(column.dtype))
    if types.is_integer_dtype(column):
        return _as_int64(column)
    if types.is_float_dtype(column):
        return _whole_numbers(table, column, name)
    return _checked_objects(table, column, name)


def is_text_in_categories(column: pd.Series) -> bool:
    """Return whether a column is categorical and its categories are text."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return False
    return isinstance(column.cat.categories.dtype, pd.StringDtype)


def without_categories(column: pd.Series) -> pd.Series:
    """Return a categorical column with the type of its categories; others unchanged."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(column.cat.categories.dtype)
    return column


def as_numbers(column: pd.Series) -> NDArray[np.float64]:
    """Return the values as float64, and NaN for what is no number. Text is converted.

    True is 1, also in a column that has nulls.
    """
    column = _with_numbers_for_booleans(without_categories(column))
    if not types.is_numeric_dtype(column):
        column = pd.to_numeric(column.astype("str"), errors="coerce")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _with_numbers_for_booleans(column: pd.Series) -> pd.Series:
    is_object = types.is_object_dtype(column)
    if types.is_bool_dtype(column) or (is_object and types.infer_dtype(column) == "boolean"):
        return column.astype("boolean").astype("Float64")
    return column


def joined_column(pieces: Sequence[pd.Series]) -> pd.Series:
    """Return the rows of all pieces, numbered from 0.

    Dates beyond those that nanoseconds hold, 1677 to 2262, are kept to the microsecond.
    """
    try:
        return pd.concat(pieces, ignore_index=True)
    except pd.errors.OutOfBoundsDatetime:
        return pd.concat([piece.dt.as_unit("us") for piece in pieces], ignore_index=True)


def whole_below(dtype: Any) -> float:
    """Return the value below which every integer has a float of its own, of this type."""
    kind = getattr(dtype, "numpy_dtype", dtype)  # of pandas and Arrow
    if kind.kind != "f":
        return WHOLE_BELOW
    return min(WHOLE_BELOW, 2.0 ** (np.finfo(kind).nmant + 1))


def _as_int64(column: pd.Series) -> pd.Series:
    """Return integers as int64; as text if one does not fit."""
    limits = np.iinfo(np.int64)
    if len(column) and not limits.min <= int(column.min()) <= int(column.max()) <= limits.max:
        return column.map(str).astype("str")
    return column.astype(np.int64)


def _whole_numbers(table: pd.DataFrame, column: pd.Series, name: str) -> pd.Series:
    number_N = column.to_numpy(dtype=float)
    refuse_rows(table, name, number_N % 1 != 0, "is not a whole number", _as_text(table, name))
    limit = whole_below(column.dtype)
    fix = "Its last digits may be lost. Store the ids as integers or text where the table is made."
    problem = f"is a float of 2^{int(np.log2(limit))} or more"
    refuse_rows(table, name, np.abs(number_N) >= limit, problem, fix)
    return column.astype(np.int64)


def _checked_objects(table: pd.DataFrame, column: pd.Series, name: str) -> pd.Series:
    """Return the ids of a column whose values have any Python type."""
    kind = types.infer_dtype(column)
    if kind == "integer":
        return _as_int64(column)
    if kind in ("floating", "mixed-integer-float"):
        return _whole_numbers(table, column.astype(float), name)
    if kind == "decimal":
        fraction_N = column.map(lambda number: number % 1 != 0).to_numpy(dtype=bool)
        refuse_rows(table, name, fraction_N, "is not a whole number", _as_text(table, name))
        return _as_int64(column.map(int))
    if kind == "bytes":
        return _checked_text(table, _decoded(table, column, name), name)
    if kind.startswith("mixed"):
        _refuse_mixed(table, column, name)
    if kind != "string":
        _refuse_id_type(table, name, kind)
    return _checked_text(table, column.astype("str"), name)


def _checked_text(table: pd.DataFrame, text: pd.Series, name: str) -> pd.Series:
    refuse_rows(table, name, (text == "").to_numpy(), "is empty", "Add the id or drop the row.")
    texts = text.cat.categories if is_text_in_categories(text) else text
    if texts.str.fullmatch(LIST_AS_TEXT).all():
        every_N = np.ones(len(text), dtype=bool)
        refuse_rows(table, name, every_N, "is a list", _one_row_each(table, name))
    return text


def _decoded(table: pd.DataFrame, column: pd.Series, name: str) -> pd.Series:
    """Return bytes as the UTF-8 text that they are."""
    fix = "Store the ids as text where the table is made; `value.hex()` turns any bytes into text."
    text = column.map(_utf_8)
    refuse_rows(table, name, text.isna().to_numpy(), "is not text in UTF-8", fix)
    return text.astype("str")


def _utf_8(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _refuse_mixed(table: pd.DataFrame, column: pd.Series, name: str) -> None:
    is_list_N = column.map(lambda value: isinstance(value, LISTS)).to_numpy(dtype=bool)
    refuse_rows(table, name, is_list_N, "is a list", _one_row_each(table, name))
    is_text_N = column.map(lambda value: isinstance(value, str)).to_numpy(dtype=bool)
    other = f"has another type than the value in row 1 ({column.iloc[0]!r})"
    refuse_rows(table, name, is_text_N != is_text_N[0], other, _as_text(table, name))


def _one_row_each(table: pd.DataFrame, name: str) -> str:
    column = name_in_file(table, name)
    return (
        "One row holds one user and one item. Write a row per value where the table is made: "
        f"`table.explode({column!r})` does it for a column of Python lists, and "
        f"`table[{column!r}].str['KEY']` takes one value of each dict."
    )


def _refuse_id_type(table: pd.DataFrame, name: str, kind: str) -> NoReturn:
    raise ValueError(f"{name} holds {kind}; ids must be text or integers. {_as_text(table, name)}")


def _as_text(table: pd.DataFrame, name: str) -> str:
    args = f"{{dtype: {{{name_in_file(table, name)}: str}}}}"
    return (
        f"Read the column as text: set {with_arguments(args, table.attrs.get(PART_TYPE))} in the "
        "catalog entry, or convert it where the table is made."
    )
