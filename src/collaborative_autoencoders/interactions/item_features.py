"""Features of items, from columns of the table of items.

    genres      year  title                 features
    Drama|War   1998  Thin Red Line, The    genres: Drama, genres: War, year: 1997 to 1998,
                                            title: 97, title: 440, title: 53, title: 812

An item has a feature or does not have it. Dimension key: I items, F features, N pairs of both.
"""

import re
from collections.abc import Iterable
from itertools import chain
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import FEATURES, ITEM, ITEM_INDEX, TITLE
from collaborative_autoencoders.options import Count, Options

from .column_names import Name, missing_column, with_named_index
from .column_types import LISTS, checked_ids, without_categories
from .ids import encode
from .row_hash import digests_of, hash_ids
from .rows import PART_TYPE
from .titles import TitleOptions, text_of, titles_by_id

BETWEEN = "\t"
"""Stands between the features of an item. White space within a feature is one space."""

NO_INDEX = -1
"""Index of an item that no rating of the data names."""

WORD = re.compile(r"[^\W\d_]+")
"""A word of a text: letters only."""

LIST = (list, tuple, np.ndarray)
"""Types of a list in a cell."""

IN_BRACKETS = re.compile(r"\s*[\[{].*[\]}]\s*", re.DOTALL)
"""A list as pandas, NumPy and Spark write it into a CSV file. Round brackets are in names too, such
as `(no genres listed)`."""

DATES = ("datetime64", "datetime", "date")
NOT_NUMBERS = ("timedelta64", "timedelta", "period", "complex")
"""Kinds of a column, by pandas' names. pandas makes numbers of the last, in units of its own."""

Lists = Iterable[list[str]]
"""The features of each item."""


class ItemFeatureOptions(Options):
    """Which columns of the table of items describe an item, by their names in the table."""

    categories: list[Name]
    """Columns with categories, such as genres or tags. Each category is a feature."""

    separator: str = Field(min_length=1)
    """Stands between the categories of an item."""

    numbers: list[Name]
    """Columns with numbers, such as a year, cut into bins of about as many items. Each bin is a
    feature."""

    bins: Count
    """Number of bins of a column of numbers."""

    text: list[Name]
    """Columns with text, whose words are hashed."""

    text_size: Count
    """Number of features of a column of text. Words with the same hash are the same feature."""

    @model_validator(mode="after")
    def _every_column_once(self) -> Self:
        columns = [*self.categories, *self.numbers, *self.text]
        for name in columns:
            if columns.count(name) > 1:
                raise ValueError(
                    f"{name!r} is named twice in categories, numbers and text, and the features of "
                    "both would have one name: name it once, or give the table a copy of the "
                    "column with another name"
                )
        return self


def describe_items(
    items: pd.DataFrame, item_ids: pd.DataFrame, titles: TitleOptions, options: ItemFeatureOptions
) -> pd.DataFrame:
    """Return one row per item of the table `items`, sorted by id, with its features.

    Columns: item_index (−1 for an item without ratings), item_id, title, features. Ids are
    compared with `item_ids` as text; the last row of an item counts. Raises ValueError if there is
    no table, if a column is missing, or if a column of numbers holds something else.
    """
    if items.empty:
        raise ValueError(
            "There is no table `items`, so nothing describes an item: add a catalog entry `items` "
            "with the columns that `new_items.features` names (docs/data.md)."
        )
    title_of = titles_by_id(items, titles)
    columns = [*options.categories, *options.numbers, *options.text]
    table = with_named_index(items, [titles.item_id, *columns], "items")
    ids = checked_ids(table[[titles.item_id]].set_axis([ITEM], axis=1), ITEM)
    last = ~ids.astype("str").duplicated(keep="last")
    ids, table = ids[last], table[last]
    as_text = ids.astype("str")
    index_of = pd.Series(item_ids[ITEM_INDEX].to_numpy(), index=item_ids[ITEM].astype("str"))
    described = pd.DataFrame(
        {
            ITEM_INDEX: as_text.map(index_of).fillna(NO_INDEX).astype("int64"),
            ITEM: ids,
            TITLE: as_text.map(title_of).astype(object).fillna(as_text).astype("str"),
            FEATURES: features_of(table, options),
        }
    )
    return described.iloc[np.argsort(encode(ids).codes)].reset_index(drop=True)


def features_of(table: pd.DataFrame, options: ItemFeatureOptions) -> pd.Series:
    """Return the features of each row as one text."""
    lists = [
        *(
            of_categories(_column(table, name, "categories"), options.separator)
            for name in options.categories
        ),
        *(of_numbers(_column(table, name, "numbers"), options.bins) for name in options.numbers),
        *(of_words(_column(table, name, "text"), options.text_size) for name in options.text),
    ]
    joined = [BETWEEN.join(chain(*each)) for each in zip(*lists, strict=True)]
    return pd.Series(joined or "", index=table.index, dtype="str")


def of_categories(column: pd.Series, separator: str) -> Lists:
    """Return a feature per category of each cell: `genres: Drama`, `genres: War`.

    A cell is a text with a separator, a number, or a list, as in Parquet or JSON, of either. Raises
    ValueError if a cell is something else, or if all cells are lists that were written as text.
    """
    refuse_lists_as_text(column, separator)
    for cell in column.astype(object):
        values = cell if isinstance(cell, LIST) else [cell]
        if any(isinstance(value, LISTS) for value in values):
            raise ValueError(
                f"items: {column.name} {cell!r} is neither a text, a number nor a list of them. "
                "Store the names of categories alone where the table is made, or take the column "
                "off `new_items.features.categories`."
            )
        texts = [text_of(value) for value in values if not pd.isna(value)]
        if values is not cell:
            texts = [part for text in texts for part in text.split(separator)]
        named = dict.fromkeys(" ".join(text.split()) for text in texts)
        yield [f"{column.name}: {text}" for text in named if text]


def refuse_lists_as_text(column: pd.Series, separator: str) -> None:
    """Raise ValueError if all cells are texts such as `['Drama', 'War']`, each of which would be
    one category."""
    cells = [cell for cell in column.astype(object) if isinstance(cell, LISTS) or not pd.isna(cell)]
    if cells and all(isinstance(cell, str) and IN_BRACKETS.fullmatch(cell) for cell in cells):
        raise ValueError(
            f"items: {column.name} {cells[0]!r} is a list that was written as text, and would be "
            "one category. Where the table is made, join the categories before it is saved: "
            f"`items[{column.name!r}] = items[{column.name!r}].str.join({separator!r})`, or save "
            "it as Parquet."
        )


def of_numbers(column: pd.Series, bins: int) -> Lists:
    """Return the bin of each number: `year: 1997 to 1998`; none for a cell without a number.

    The ends of bins are quantiles. Raises ValueError if a value is not a number.
    """
    column = without_categories(column)
    kind = pd.api.types.infer_dtype(column)
    if kind in DATES:
        raise ValueError(
            f"items: {column.name} holds dates, which are not numbers. Name the column in "
            "`new_items.features.categories` instead of `new_items.features.numbers`, or make "
            f"numbers where the table is made: `pd.to_datetime(items[{column.name!r}]).dt.year`."
        )
    numbers = pd.Series(np.nan, index=column.index)
    if kind not in NOT_NUMBERS:
        numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    wrong = column.notna() & (column.astype("str").str.strip() != "") & numbers.isna()
    if wrong.any():
        raise ValueError(
            f"items: {column.name} {column[wrong].iloc[0]!r} is not a number "
            f"({wrong.sum():,} such rows). Name the column in `new_items.features.categories` "
            "instead of `new_items.features.numbers`, or correct it."
        )
    known = numbers[np.isfinite(numbers)]
    edges = np.unique(known.quantile(np.arange(1, bins) / bins).dropna())
    places = pd.Series(np.searchsorted(edges, known, side="right"), index=known.index)
    ends = known.groupby(places).agg(["min", "max"])
    # all digits, so that no two bins have one name, which would make them one feature
    names = [f"{column.name}: {in_full(low)} to {in_full(high)}" for low, high in ends.to_numpy()]
    name_of = places.map(dict(zip(ends.index, names, strict=True)))
    for row in column.index:
        yield [name_of[row]] if row in name_of.index else []


def in_full(number: float) -> str:
    """Return a number with all its digits: 1979.0 as 1979, 1577836800.0 as 1577836800."""
    return repr(float(number)).removesuffix(".0")


def of_words(column: pd.Series, size: int) -> Lists:
    """Return the hashes of the words of each text or list: `title: 812`; case is ignored.

    A missing value has no words, also within a list.
    """
    texts = (
        " ".join(map(text_or_nothing, cell)) if isinstance(cell, LIST) else text_or_nothing(cell)
        for cell in column.astype(object)
    )
    words = [WORD.findall(text.lower()) for text in texts]
    known = sorted({*chain(*words)})
    number_of = dict(zip(known, (hash_ids(digests_of(known), 0) % size).tolist(), strict=True))
    for each in words:
        yield [f"{column.name}: {n}" for n in dict.fromkeys(number_of[word] for word in each)]


def text_or_nothing(value: Any) -> str:
    """Return a value as text, empty if it is missing."""
    return "" if not isinstance(value, LISTS) and pd.isna(value) else str(value)


def feature_matrix(features: pd.Series) -> tuple[csr_array, list[str]]:
    """Return a one for each feature of each item, shape (I, F), and the features, sorted."""
    each = features.str.split(BETWEEN).reset_index(drop=True).explode()
    codes = encode(each[each != ""])
    cells = (codes.codes.astype("int64"), each.index[each != ""].to_numpy())
    matrix_IF = csr_array(
        (np.ones(len(cells[0])), (cells[1], cells[0])), shape=(len(features), len(codes.ids))
    )
    return matrix_IF, codes.ids.tolist()


def is_category(feature: str, options: ItemFeatureOptions) -> bool:
    """Return whether a feature is of a column of categories."""
    return feature.startswith(tuple(f"{name}: " for name in options.categories))


def _column(table: pd.DataFrame, name: Name, key: str) -> pd.Series:
    if name not in table:
        has, part_type = table.columns.tolist(), table.attrs.get(PART_TYPE)
        problem = missing_column(f"new_items.features.{key}", name, has, "items", part_type)
        raise ValueError(f"{problem.rstrip('.')}, or take it off the list.")
    return table[name]
