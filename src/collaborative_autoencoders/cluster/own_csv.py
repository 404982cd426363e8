"""CSV files of ratings as a table of Spark, whose ids are those that the files have."""

import logging
from collections.abc import Sequence
from typing import Any

from kedro.io import DatasetError, Version
from kedro_datasets.spark import SparkDatasetV2
from pandas._libs.parsers import STR_NA_VALUES
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql import types as T

from collaborative_autoencoders.interactions.rounded_ids import NUMBER, PROBLEM, ROUNDED, SIGN
from collaborative_autoencoders.interactions.text_ids import INTEGER, MOST, NEARLY_ALL

from .csv_errors import about_files

logger = logging.getLogger(__name__)

STRICT = {
    "header": True,
    "enforceSchema": False,  # columns in another order in one of the files are an error
    "mode": "FAILFAST",  # and so is a row of more or fewer values, whichever columns are read
    "columnPruning": False,
}
OF_PANDAS = ("dtype", "keep_default_na", "decimal", "thousands")
"""The arguments of pandas that mean the same here."""

BY_SPARK = {
    "na_values": "nullValue",
    "parse_dates": "timestampFormat",
    "date_format": "timestampFormat",
    "quotechar": "quote",
    "quoting": "quote",
    "usecols": "schema",
    "names": "schema",
    "skiprows": "comment",
    "index_col": "schema",
}
"""What Spark has instead of other arguments of pandas, which it would ignore."""

TEXT = ("str", "string", "object")
NO_CHARACTER = "\ufffd"
"""What a reader puts where bytes are not of its encoding."""


class OwnSparkCSVDataset(SparkDatasetV2):
    """Reads CSV files by Spark, without a guess at ids and ratings.

    Spark's `inferSchema` makes numbers of the ids 007, 1e2 and 12D, and a file whose columns are in
    another order is read by their places. Here ids are text, and integers only if the text of every
    one is restored exactly; ratings are text, which is converted when they are checked; the other
    columns are inferred. Of pandas' arguments it takes those that errors name: `header: null`,
    `dtype: str` of ids, `keep_default_na`, `decimal` and `thousands`.
    """

    def __init__(
        self,
        *,
        filepath: str,
        ids: Sequence[Any],
        numbers: Sequence[Any] = (),
        file_format: str = "csv",
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Create the entry; `ids` and `numbers` are names of columns. The rest is Spark's.

        A `schema` in `load_args` declares the types of all columns. Raises DatasetError for an
        argument of pandas that Spark would ignore.
        """
        given: dict[str, Any] = STRICT | (load_args or {})
        of_pandas = {name: given.pop(name) for name in OF_PANDAS if name in given}
        _refuse_others(given, of_pandas)
        self._of_pandas = of_pandas
        self._is_named = given["header"] is not None
        given["header"] = str(given["header"]).lower() == "true"
        given = {"escape": given.get("quote", '"')} | given | {"inferSchema": True}
        super().__init__(
            filepath=filepath,
            file_format=file_format,
            load_args=given,
            save_args=save_args,
            version=version,
            credentials=credentials,
            metadata=metadata,
        )
        self._ids, self._numbers = list(map(str, ids)), list(map(str, numbers))
        self._declared = self._schema

    def _load(self) -> DataFrame:
        """Return the table.

        Raises ValueError, with a fix, if ids are not what they seem, a header differs from that of
        the first file, or a row has more or fewer values.
        """
        self._schema: Any = self._declared
        if self._declared is None:
            self._schema = self._with_text(super()._load().schema)
        table = self._named(super()._load())
        try:
            for name in self._ids:
                if name in table.columns and table.schema[name].dataType == T.StringType():
                    table = self._with_ids(table, name)
        except (Py4JJavaError, PySparkException) as error:
            if (reason := about_files(str(error))) is None:
                raise
            raise ValueError(reason) from None
        for name in self._numbers:
            if name in table.columns and table.schema[name].dataType == T.StringType():
                table = table.withColumn(name, self._written_with_point(F.col(quoted(name))))
        return table

    def _names(self, schema: T.StructType) -> list[str]:
        """Return the names of columns; without a header they are numbers, as those of pandas."""
        return [str(n) if not self._is_named else name for n, name in enumerate(schema.names)]

    def _named(self, table: DataFrame) -> DataFrame:
        return table.toDF(*self._names(table.schema))

    def _with_text(self, schema: T.StructType) -> T.StructType:
        """Return an inferred schema, with ids and ratings as text."""
        texts = {*self._ids, *self._numbers}
        fields = zip(self._names(schema), schema.fields, strict=True)
        return T.StructType(
            [
                T.StructField(field.name, T.StringType()) if name in texts else field
                for name, field in fields
            ]
        )

    def _with_ids(self, table: DataFrame, name: str) -> DataFrame:
        text = F.col(quoted(name))
        if self._of_pandas.get("keep_default_na", True):
            table = table.withColumn(name, F.when(~text.isin(sorted(STR_NA_VALUES)), text))
        dtype: Any = self._of_pandas.get("dtype") or {}
        is_text = dtype in TEXT if isinstance(dtype, str) else name in map(str, dtype)
        return ids_of_text(table, name, is_declared=is_text or self._declared is not None)

    def _written_with_point(self, number: Column) -> Column:
        """Return numbers such as 1.234,5 as 1234.5, given `decimal` and `thousands`."""
        for key, mark in (("thousands", ""), ("decimal", ".")):
            if key in self._of_pandas:
                number = F.replace(number, F.lit(self._of_pandas[key]), F.lit(mark))
        return number


def _refuse_others(given: dict[str, Any], of_pandas: dict[str, Any]) -> None:
    """Raise DatasetError for arguments of pandas that would be ignored."""
    for name in BY_SPARK.keys() & given.keys():
        raise DatasetError(
            f"load_args: {name} is an argument of pandas, which Spark does not know: see "
            f"`{BY_SPARK[name]}` among the options of Spark's CSV files"
        )
    declares = {"dtype", "decimal", "thousands"} & of_pandas.keys()
    if "schema" in given and declares:
        raise DatasetError(f"load_args: {min(declares)} has no effect beside schema: remove one")
    dtype = of_pandas.get("dtype") or {}
    for kind in [dtype] if isinstance(dtype, str) else dtype.values():
        if kind not in TEXT:
            raise DatasetError(
                f"load_args: dtype: {kind}: only str has an effect for Spark's tables"
            )


def ids_of_text(table: DataFrame, name: str, *, is_declared: bool) -> DataFrame:
    """Return the table with the ids as integers if text -> integer -> text restores every one.

    Otherwise, and if they are declared as text, they stay text, as by
    `interactions.text_ids.ids_of_text`. Raises ValueError if nearly all are integers and the others
    are no digits at all, such as a row of totals, if an id is a rounded number or holds a line
    break, or if the text was read in another encoding than it has.
    """
    found = _found_in_ids(table, name)
    n_ids, n_others = f"{found['all']:,}", f"{found['all'] - found['integers']:,}"
    declare = f"`load_args: {{dtype: {{{name}: str}}}}` in the catalog entry."
    as_text = f"declare all as text: {declare}"
    if found["unread"] is not None:
        raise ValueError(
            f"{name}: the id {found['unread']!r} has a character that could not be read: the text "
            "is not UTF-8. Name its encoding in the catalog entry: "
            "`load_args: {encoding: ISO-8859-1}`"
        )
    if is_declared:
        return table
    if found["all"] == found["integers"]:
        return table.withColumn(name, F.col(quoted(name)).cast("bigint"))
    if found["broken"] is not None:
        raise ValueError(
            f"{name}: the id {found['broken'][:60]!r} holds a line break, as where a quote is "
            "opened and not closed: later rows are in it. Correct the quote. If it is an id, "
            f"{as_text}"
        )
    if found["rounded"] is not None:
        raise ValueError(f"{name}: the id {found['rounded']} {PROBLEM} {declare}")
    if 0 < found["odd"] <= (1 - NEARLY_ALL) * found["all"]:
        shown = " and ".join(map(repr, sorted({found["first_odd"], found["last_odd"]})))
        raise ValueError(
            f"{name}: nearly all ids are integers, but not {shown} ({found['odd']:,} of {n_ids} "
            f"ids). Correct or drop their rows. If they are ids, {as_text}"
        )
    if found["integers"] >= MOST * found["all"]:
        logger.warning(
            "%s: %s of %s ids are not written as an integer is, such as %r. All ids are text as in "
            "the file.",
            *(name, n_others, n_ids, found["other"]),
        )
    return table


def _found_in_ids(table: DataFrame, name: str) -> Row:
    """Return how many different ids are integers, or odd, and examples of what may be wrong."""
    text = F.col(quoted(name))
    is_integer = text.rlike(rf"\A{INTEGER}\z") & text.try_cast("bigint").isNotNull()
    is_odd = ~is_integer & ~text.rlike(r"\A[0-9]+\z")
    counts = {"all": F.count("*"), "integers": F.count_if(is_integer), "odd": F.count_if(is_odd)}
    examples = {
        "first_odd": is_odd,
        "other": ~is_integer,
        "unread": text.contains(NO_CHARACTER),
        "broken": text.rlike(r"[\n\r]"),
    }
    counts |= {which: F.min(F.when(marked, text)) for which, marked in examples.items()}
    counts["last_odd"] = F.max(F.when(is_odd, text))
    counts["rounded"] = _first_rounded(text)
    ids = table.select(text).where(text.isNotNull()).distinct()
    return ids.agg(*(value.alias(which) for which, value in counts.items())).collect()[0]


def _first_rounded(text: Column) -> Column:
    """Return the first text that `interactions.rounded_ids.are_rounded` marks, or null."""
    decimals = F.length(F.regexp_extract(text, ROUNDED, 1))
    is_rounded = text.rlike(rf"\A{ROUNDED}\z")
    is_rounded &= F.regexp_extract(text, ROUNDED, 2).try_cast("int") > decimals
    has_words = F.count_if(~text.rlike(rf"\A{NUMBER}\z")) > 0
    with_sign = F.min(F.when(is_rounded & text.contains(SIGN), text))
    return F.when(has_words, with_sign).otherwise(F.min(F.when(is_rounded, text)))


def quoted(name: str) -> str:
    """Return the name of a column for Spark, which reads dots and blanks in it otherwise."""
    return f"`{name.replace('`', '``')}`"
