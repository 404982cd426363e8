"""An id is what the file says: nothing that pandas would guess reaches the clean table."""

import decimal
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kedro.io import DataCatalog, DatasetError

from collaborative_autoencoders.hooks.own_data import own_entries, own_entry
from collaborative_autoencoders.interactions.cleaning import CleaningOptions, clean_ratings
from collaborative_autoencoders.interactions.item_features import (
    ItemFeatureOptions,
    describe_items,
)
from collaborative_autoencoders.interactions.text_ids import ids_of_text
from collaborative_autoencoders.interactions.titles import TitleOptions, name_items

COLUMNS = {"user_id": "user", "item_id": "song", "rating": "stars", "timestamp": None, "part": None}
HEADER = "user,song,stars\n"
MANY = "".join(f"{user},{user % 7},4\n" for user in range(1, 60))


def load(path: Path, kind: str = "CSV", columns: dict[str, Any] | None = None, **entry: Any) -> Any:
    """Return what a run loads from this entry."""
    names = COLUMNS | (columns or {})
    entry = {"type": f"pandas.{kind}Dataset", "filepath": str(path)} | entry
    (own,) = own_entries({"ratings": entry}, {"cleaning": {"columns": names}}).values()
    return DataCatalog.from_config({"ratings": own}).load("ratings")


def clean(table: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    return clean_ratings(
        table,
        CleaningOptions.model_validate(
            {"columns": COLUMNS | columns, "rating_scale": None, "duplicates": "refuse"}
        ),
    )


@pytest.fixture
def read(tmp_path):
    """Return a function that cleans the ratings of a CSV with this content."""

    def read_text(text: str | bytes, columns: dict[str, Any] | None = None, **load_args: Any):
        file = tmp_path / "plays.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return clean(load(file, columns=columns, load_args=load_args), **(columns or {}))

    return read_text


@pytest.fixture
def read_parquet(tmp_path):
    """Return a function that cleans the ratings of a Parquet file with this table."""

    def read_table(table: pd.DataFrame, **load_args: Any) -> pd.DataFrame:
        table.to_parquet(tmp_path / "plays.parquet")
        return clean(load(tmp_path / "plays.parquet", "Parquet", load_args=load_args))

    return read_table


@pytest.mark.parametrize(
    "ids",
    [
        ("001", "1"),
        ("00000001", "00000002"),
        ("1e3", "1000"),
        ("1.0", "2.0"),
        ("+1", "1"),
        ("-0", "0"),
        (" 7", "7"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("True", "False"),
        (str(2**63), str(2**64 + 1)),
        ("9" * 25, "9" * 24 + "8"),
    ],
)
@pytest.mark.parametrize("load_args", [{}, {"engine": "python"}, {"engine": "pyarrow"}])
def test_an_id_that_is_no_integer_as_written_stays_text(read, ids, load_args):
    text = HEADER + "".join(f"{one},{number},4\n" for number, one in enumerate(ids))

    ratings = read(text, **load_args)

    assert set(ratings["user_id"]) == set(ids)
    assert ratings["item_id"].dtype == np.int64


def test_integers_are_int64(read):
    ratings = read(HEADER + f"{2**63 - 1},1,4\n-5,0,4\n0,7,4\n")

    assert ratings["user_id"].tolist() == [-5, 0, 2**63 - 1]
    assert ratings["user_id"].dtype == ratings["item_id"].dtype == np.int64


@given(
    st.lists(
        st.one_of(
            st.integers(-(10**20), 10**20).map(str),
            st.text("0123456789", min_size=1, max_size=20),
            st.text("0123456789+-.exX_ ", min_size=1, max_size=6),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_the_text_of_every_id_is_restored(texts):
    try:
        ids = ids_of_text(pd.Series(texts, name="user")).ids
    except ValueError:
        return  # an odd row among integers

    assert ids.astype("str").tolist() == texts
    canonical = all(_is_int64(text) for text in texts)
    assert (ids.dtype == np.int64) == canonical


def _is_int64(text: str) -> bool:
    try:
        return str(int(text)) == text and -(2**63) <= int(text) < 2**63
    except ValueError:
        return False


@pytest.mark.parametrize("odd", ["Total", "1e3", "12.0", "unknown"])
def test_a_stray_id_among_integers_is_named_with_its_row_and_a_fix_that_works(read, odd):
    text = HEADER + MANY + f"{odd},1,4\n"

    with pytest.raises(DatasetError, match=rf"plays\.csv: user: .*'{odd}' \(row 60\).*user: str"):
        read(text)
    assert odd in set(read(text, dtype={"user": "str"})["user_id"])


def test_integers_that_stay_text_are_said(read, caplog):
    with caplog.at_level(logging.WARNING):
        read(HEADER + "001,1,4\n1,1,4\n2,1,4\n")

    assert "'001' (row 1)" in caplog.text
    assert "'001' and '1' are two ids" in caplog.text


def test_ids_with_decimals_are_said_with_a_fix_that_works(read, caplog):
    text = HEADER + "1.0,1,4\n2.0,1,4\n"
    read(text)

    assert "`load_args: {dtype: {user: float64}}`" in caplog.text
    assert read(text, dtype={"user": "float64"})["user_id"].tolist() == [1, 2]


@pytest.mark.parametrize("rows", ["1,2,4,\n2,3,5,\n", "0,1,4,\n1,2,5,\n", "1,2,4,tv\n1,3,5,tv\n"])
def test_rows_with_more_values_than_names_are_refused_with_a_fix_that_works(read, rows):
    with pytest.raises(DatasetError, match=r"plays\.csv: rows have more values .*index_col: false"):
        read(HEADER + rows)
    assert read(HEADER + rows, index_col=False)["item_id"].iloc[0] == int(rows.split(",")[1])


def test_a_table_whose_columns_may_be_shifted_is_refused():
    table = pd.DataFrame({"user": [1], "song": [2], "stars": [3]}, index=[7])

    with pytest.raises(ValueError, match="index that is not 0, 1, 2"):
        clean(table)


def test_the_separator_is_named_though_decimals_are_commas(read):
    text = "user;song;stars\n1;2;4,5\n"

    with pytest.raises(DatasetError, match=r"separator looks wrong.*sep: .;.}.*decimal: ','"):
        read(text)
    assert read(text, sep=";", decimal=",")["rating"].tolist() == [4.5]


@pytest.mark.parametrize(("encoding", "named"), [("cp1252", "cp1252"), ("utf-16", "utf-16")])
def test_another_encoding_is_named_with_its_line_and_a_fix_that_works(read, encoding, named):
    content = (HEADER + "1,2,4\nJörg,3,4\n").encode(encoding)

    with pytest.raises(DatasetError, match=rf"plays\.csv, line \d.*encoding: {named}"):
        read(content)
    assert "Jörg" in set(read(content, encoding=named)["user_id"])


def test_a_missing_header_is_named_with_a_fix_that_works(read):
    with pytest.raises(ValueError, match=r"no header.*header: null.*columns.user_id"):
        read("01,2,4\n2,3,4\n")
    numbers = {"user_id": 0, "item_id": 1, "rating": 2}
    assert read("01,2,4\n2,3,4\n", numbers, header=None)["user_id"].tolist() == ["01", "2"]


@pytest.mark.parametrize(
    ("number", "load_args"),
    [
        ("2,007", {"thousands": ","}),
        ("4,5", {"decimal": ","}),
        ("1.234,5", {"decimal": ",", "thousands": "."}),
    ],
)
def test_a_number_with_commas_is_named_with_the_fix_that_reads_it(read, number, load_args):
    text = f'user;song;stars\n1;2;"{number}"\n'
    args = ", ".join(f"{key}: '{value}'" for key, value in load_args.items())

    with pytest.raises(ValueError, match=f"load_args: {{{args}}}"):
        read(text, sep=";")
    value = {"2,007": 2007, "4,5": 4.5, "1.234,5": 1234.5}[number]
    assert read(text, sep=";", **load_args)["rating"].tolist() == [value]


def test_dates_of_another_form_are_named_with_the_fix_that_reads_them(read):
    text = "user,song,stars,at\n1,2,4,31.12.2019 10:00\n1,3,4,01.02.2020 09:00\n"
    columns = {"timestamp": "at"}

    with pytest.raises(ValueError, match=r"parse_dates: \[at\], date_format: '%d.%m.%Y %H:%M'"):
        read(text, columns)
    times = read(text, columns, parse_dates=["at"], date_format="%d.%m.%Y %H:%M")["timestamp"]
    assert times.tolist() == [pd.Timestamp("2019-12-31 10:00"), pd.Timestamp("2020-02-01 09:00")]


def table_with(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"user": [3, 4], "song": [1, 2], "stars": [4, 5]} | columns)


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        ([b"a", b"b"], ["a", "b"]),
        (np.array([5, 2**64 - 1], dtype="uint64"), ["5", str(2**64 - 1)]),
        ([decimal.Decimal(5), decimal.Decimal(7)], [5, 7]),
        ([decimal.Decimal(5), decimal.Decimal(10**22)], ["5", "1" + 22 * "0"]),
        (["007", "7"], ["007", "7"]),
        (["7", "8"], ["7", "8"]),
    ],
)
def test_ids_of_parquet_keep_their_type_or_become_text(read_parquet, column, ids):
    table = table_with(user=column)

    assert set(read_parquet(table)["user_id"]) == set(ids)
    declared = read_parquet(table, dtype={"user": "str"})["user_id"]
    assert set(declared) == set(map(str, ids))


@pytest.mark.parametrize(
    ("kind", "first"), [("float32", 2**24), ("float16", 2**11), ("float[pyarrow]", 2**24)]
)
def test_ids_and_times_that_a_short_float_may_have_merged_are_refused(read_parquet, kind, first):
    """2^24 and 2^24 + 1 are one float32: two users would become one."""
    merged = pd.Series([first, first + 1.0]).astype(kind)
    power = int(np.log2(first))
    with pytest.raises(ValueError, match=rf"user_id .* float of 2\^{power} or more"):
        read_parquet(table_with(user=merged))
    if kind == "float32":
        with pytest.raises(ValueError, match=r"user_id .* float of 2\^24 or more"):
            clean(table_with(user=merged.astype("category")))
    with pytest.raises(ValueError, match=rf"timestamp .* float of 2\^{power} or more"):
        clean(table_with(at=merged), timestamp="at")
    exact = pd.Series([first - 1, first - 2]).astype(kind)
    assert read_parquet(table_with(user=exact))["user_id"].tolist() == [first - 2, first - 1]


SECONDS = 1_500_000_000


@pytest.mark.parametrize("scale", [10**3, 10**6, 10**9])
@pytest.mark.parametrize("convert", [int, float, str])
def test_times_of_two_units_are_refused_with_a_row_of_each(scale, convert):
    """Some rows would be tens of thousands of years later than all others."""
    times = [convert(SECONDS), convert(SECONDS // 2 * scale)]
    with pytest.raises(ValueError, match=r"row 1 .* has seconds, .* row 2 .* has (mil|mic|nan)"):
        clean(table_with(at=times), timestamp="at")


def test_one_odd_time_does_not_hide_two_units(read):
    """Counters are told from dates by how many lie between the units, not by one that does."""
    rows = [SECONDS + day for day in range(9)] + [(SECONDS + day) * 1000 for day in range(9)]
    text = "".join(f"{user},7,4,{time}\n" for user, time in enumerate([*rows, 9_999_999_999]))
    with pytest.raises(ValueError, match=r"row 1 .* has seconds, .* row 10 .* has milliseconds"):
        read(f"user,song,stars,at\n{text}", {"timestamp": "at"})
    counters = "".join(f"{user},7,4,{10**9 * user}\n" for user in range(1, 200))
    assert len(read(f"user,song,stars,at\n{counters}", {"timestamp": "at"})) == 199


@pytest.mark.parametrize(
    "times",
    [
        [0, SECONDS],  # 0 for an unknown time
        [0, SECONDS * 10**3],
        [-5, SECONDS * 10**9],
        [1, 10**12],  # counters
        [2019, 20_190_102],
        [SECONDS, 2 * 10**10],
    ],
)
def test_times_of_one_unit_and_counters_are_accepted(times):
    assert sorted(clean(table_with(at=times), timestamp="at")["timestamp"]) == times


def test_a_number_that_its_column_would_change_is_refused():
    for times in ([5, 2**64 - 1], np.array([5, 2**63], dtype="uint64")):
        with pytest.raises(ValueError, match=r"row 2 .*is no time: it is 2\^63 or more"):
            clean(table_with(at=times), timestamp="at")
    with pytest.raises(ValueError, match=r"row 2 .*rating 1e\+39 is beyond 3e\+38"):
        clean(table_with(stars=[3.0, 1e39]))


@pytest.mark.parametrize("backend", [{}, {"dtype_backend": "pyarrow"}])
@pytest.mark.parametrize("kind", ["CSV", "Parquet"])
def test_the_empty_rating_among_true_and_false_is_named(tmp_path, backend, kind):
    """A null makes objects of a column of booleans; True is still 1."""
    file, table = tmp_path / "plays", table_with(stars=[True, None])
    _ = table.to_csv(file, index=False) if kind == "CSV" else table.to_parquet(file)
    with pytest.raises(ValueError, match=r"row 2 .* is not a finite number \(1 such rows"):
        clean(load(file, kind, load_args=backend))
    table = table_with(stars=[True, False])
    _ = table.to_csv(file, index=False) if kind == "CSV" else table.to_parquet(file)
    assert clean(load(file, kind, load_args=backend))["rating"].tolist() == [1, 0]


def test_ids_in_the_index_of_a_parquet_file_are_found(read_parquet):
    assert read_parquet(table_with().set_index("user"))["user_id"].tolist() == [3, 4]
    assert read_parquet(table_with().set_index(["user", "song"]))["item_id"].tolist() == [1, 2]
    assert read_parquet(table_with().iloc[1:])["user_id"].tolist() == [4]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([[1, 2], [3]], r"row 1 .*is a list.*explode\('song'\)"),
        ([b"\xff\xfe", b"b"], r"row 1 .*not text in UTF-8.*hex"),
        ([1.5, 2.0], r"row 1 .*not a whole number.*dtype: {song: str}"),
        ([1.0, 2.0**53], r"row 2 .*2\^53.*where the table is made"),
    ],
)
def test_a_bad_id_of_parquet_is_named_with_a_fix_for_parquet(read_parquet, column, message):
    with pytest.raises(ValueError, match=message):
        read_parquet(table_with(song=column))


def test_a_list_in_a_column_of_text_is_named(read):
    with pytest.raises(ValueError, match=r"row 1 .*'\[1, 2\]' is a list"):
        read(HEADER + '1,"[1, 2]",4\n2,"[3]",4\n')


def test_json_text_stays_text(tmp_path):
    table_with(user=["01", "2"]).to_json(tmp_path / "plays.json", orient="records")

    ratings = clean(load(tmp_path / "plays.json", "JSON"))

    assert ratings["user_id"].tolist() == ["01", "2"]
    assert ratings["item_id"].dtype == np.int64


@pytest.mark.parametrize("name", ["timestamp", "created_at", "modified"])
def test_pandas_guesses_no_dates_in_json(tmp_path, name):
    """It would take 05.03.2019 for the third of May, and 31536001 for a day of 1971."""
    file, columns = tmp_path / "plays.json", {"timestamp": name}

    def read_times(*times):
        table_with(**{name: list(times)}).to_json(file, orient="records")
        return clean(load(file, "JSON", columns), **columns)["timestamp"].astype(str).tolist()

    assert read_times("2019-01-02", "2018-12-31") == ["2019-01-02", "2018-12-31"]
    assert read_times(31536001, 100000000) == ["31536001", "100000000"]
    with pytest.raises(ValueError, match=r"'05\.03\.2019' is not a valid time .*%d\.%m\.%Y"):
        read_times("05.03.2019", "31.12.2018")


@pytest.mark.parametrize(
    ("times", "read_as"),
    [
        (["01.02.2019", "31.01.2019"], None),
        (["1500000000.5", "1600000000.5"], ["1500000000.5", "1600000000.5"]),
        (["1.500.000.000", "1.600.000.000"], ["1500000000", "1600000000"]),
    ],
)
def test_a_date_is_no_number_with_thousands(read, times, read_as):
    """A fix for ratings such as 1.234,5 applies to all columns: 01.02.2019 would be 1022019."""
    rows = (f"{user};7;1.234,5;{time}\n" for user, time in enumerate(times))
    text, columns = "user;song;stars;when\n" + "".join(rows), {"timestamp": "when"}
    args = {"sep": ";", "decimal": ",", "thousands": "."}
    if read_as is not None:
        assert read(text, columns, **args)["timestamp"].astype(str).tolist() == read_as
        return
    with pytest.raises(ValueError, match=r"'01\.02\.2019' is not a valid time") as refused:
        read(text, columns, **args)
    assert "{parse_dates: [when], date_format: '%d.%m.%Y'}" in str(refused.value)
    with pytest.raises(ValueError, match=r"'01\.02\.2019' is not a valid time"):
        read(text, columns, **args, parse_dates=["song"])  # another column, not this one
    days = read(text, columns, **args, parse_dates=["when"], date_format="%d.%m.%Y")["timestamp"]
    assert days.dt.month.tolist() == [2, 1]


@pytest.mark.parametrize("twice", ["user", "stars"])
def test_two_columns_of_a_name_are_refused(read, twice):
    with pytest.raises(DatasetError, match=f"two columns '{twice}'. Rename one"):
        read(f"user,song,stars,{twice}\n1,2,3,4\n")


def test_a_quote_that_is_not_closed_is_named_with_a_fix_that_works(read):
    text = HEADER + 'a,"x,3\nb,y,3\nc,z",3\nd,z,4\n'
    with pytest.raises(DatasetError, match=r"song: the id of row 1, .* line break.*quoting: 3"):
        read(text)
    assert len(read(text, quoting=3)) == 4


def test_a_header_in_the_middle_is_named_with_its_row(read):
    with pytest.raises(DatasetError, match="row 3 repeats the header"):
        read("user,song\na,x\nb,y\nuser,song\nc,z\n", {"rating": None})


@pytest.fixture
def read_months(tmp_path):
    """Return a function that cleans the ratings of one CSV per month."""

    def read_texts(*texts: str) -> pd.DataFrame:
        for month, text in enumerate(texts, start=1):
            (tmp_path / f"2024-0{month}.csv").write_text(HEADER + text)
        entry = {
            "type": "partitions.PartitionedDataset",
            "path": str(tmp_path),
            "dataset": "pandas.CSVDataset",
            "filename_suffix": ".csv",
        }
        own = own_entry(entry, ["user", "song"])
        return clean(DataCatalog.from_config({"ratings": own}).load("ratings"))

    return read_texts


def test_monthly_files_are_one_table_with_ids_of_one_type(read_months, caplog):
    assert read_months("1,2,4\n", "3,4,5\n")["user_id"].tolist() == [1, 3]
    assert read_months("1,2,4\n", "003,4,5\n")["user_id"].tolist() == ["003", "1"]
    assert "text in 2024-02 and integers in 2024-01" in caplog.text


def test_a_bad_value_of_a_monthly_file_is_named_with_file_and_row(read_months):
    with pytest.raises(ValueError, match=r"2024-02, row 2 \(user_id: 5, .*rating 'x'"):
        read_months("1,2,4\n2,2,4\n", "3,4,5\n5,4,x\n")
    with pytest.raises(DatasetError, match=r"2024-02\.csv: rows have more values"):
        read_months("1,2,4\n", "3,4,5,\n")


def test_an_empty_file_among_monthly_files_is_named(read_months, tmp_path):
    (tmp_path / "2024-00.csv").touch()
    with pytest.raises(DatasetError, match=r"2024-00.* is empty. Remove the file"):
        read_months("1,2,4\n")


def test_a_table_that_is_not_of_pandas_is_said():
    with pytest.raises(ValueError, match=r"of type dict.*PartitionedDataset"):
        clean({"2024-01": None})


TITLES = TitleOptions(item_id="id", title="name", duplicates="refuse")


@pytest.mark.parametrize("ids", [["1", "2", "3", "4"], ["a", "02", "3", "4"]])
@pytest.mark.parametrize("kind", ["CSV", "JSON"])
def test_titles_are_the_text_of_the_file(tmp_path, ids, kind):
    table, file = pd.DataFrame({"id": ids, "name": ["1984", "0012", "1e3", None]}), tmp_path / "it"
    if kind == "CSV":
        table.to_csv(file, index=False)
    else:
        table.to_json(file, orient="records")
    own = own_entry({"type": f"pandas.{kind}Dataset", "filepath": str(file)}, ["id"], ["name"])
    items = DataCatalog.from_config({"items": own}).load("items")

    catalogue = pd.DataFrame({"item_index": range(4), "item_id": items["id"].to_numpy()})
    named = name_items(items, catalogue, TITLES)

    assert named["title"].tolist() == ["1984", "0012", "1e3", ids[3]]


FEATURES = {"categories": ["genre"], "separator": "|", "numbers": ["year"], "text": []}


def load_items(file: Path, kind: str, **load_args: Any) -> pd.DataFrame:
    """Return the table of items that a run loads."""
    parameters = {"titles": dict(TITLES), "new_items": {"features": FEATURES}}
    entry = {"type": f"pandas.{kind}Dataset", "filepath": str(file)}
    (own,) = own_entries({"items": entry | {"load_args": load_args}}, parameters).values()
    return DataCatalog.from_config({"items": own}).load("items")


def categories_of(items: pd.DataFrame) -> list[str]:
    options = ItemFeatureOptions.model_validate(FEATURES | {"bins": 2, "text_size": 8})
    ids = pd.DataFrame({"item_index": [0], "item_id": [1]})
    features = describe_items(items, ids, TITLES, options)["features"]
    return [text.partition("\t")[0].removeprefix("genre: ") for text in features]


@pytest.mark.parametrize("kind", ["CSV", "JSON"])
def test_categories_of_items_are_the_text_of_the_file(tmp_path, kind):
    genres = ["007", "7", "1e3", "1000", "True"]
    table = pd.DataFrame({"id": range(5), "name": "a", "genre": genres, "year": 1})
    file = tmp_path / "items"
    if kind == "CSV":
        table.to_csv(file, index=False)
    else:
        table.to_json(file, orient="records")

    assert categories_of(load_items(file, kind)) == genres


def test_titles_and_categories_are_the_word_na_as_the_docs_propose(tmp_path):
    (tmp_path / "items.csv").write_text(
        "id,name,genre,year\n1,NA,NA,1990\n2,None,null,\n3,,,2000\n", encoding="utf-8"
    )
    docs = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
    proposed = re.search(r"`load_args: (\{keep_default_na: .*?\})`", docs)[1]

    items = load_items(tmp_path / "items.csv", "CSV", **yaml.safe_load(proposed))

    ids = pd.DataFrame({"item_index": range(3), "item_id": [1, 2, 3]})
    assert name_items(items, ids, TITLES)["title"].tolist() == ["NA", "None", "3"]
    assert categories_of(items) == ["NA", "null", "year: 2000 to 2000"]


@pytest.mark.parametrize(
    ("date", "form"),
    [
        ("31-01-19", "%d-%m-%y"),
        ("31-01-2019T10:00", "%d-%m-%YT%H:%M"),
        ("01/31/19 10:00:05", "%m/%d/%y %H:%M:%S"),
    ],
)
def test_the_form_of_a_date_is_named_whatever_its_separators(read, date, form):
    columns = {"timestamp": "at"}
    text = f"user,song,stars,at\na,1,5,{date}\n"
    with pytest.raises(ValueError, match=f"date_format: '{form}'"):
        read(text, columns)
    times = read(text, columns, parse_dates=["at"], date_format=form)["timestamp"]
    assert str(times.iloc[0].date()) == "2019-01-31"
