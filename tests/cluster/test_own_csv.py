"""CSV files have the same ids by Spark as by pandas, and what Spark would guess is an error."""

from pathlib import Path

import pytest
from kedro.io import DataCatalog, DatasetError
from pyspark.sql import functions as F

from collaborative_autoencoders.cluster.own_csv import OwnSparkCSVDataset
from collaborative_autoencoders.cluster.row_numbers import numbered
from collaborative_autoencoders.datasets.own_table import OwnTableDataset
from collaborative_autoencoders.hooks.own_data import own_entry

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]

HEADER = "user,item,rating,timestamp"
COLUMNS = {"ids": ["user", "item"], "others": ["rating"], "times": ["timestamp"]}
IDS = {
    "integers": ["1", "20", "-3", "0"],
    "leading zeros": ["007", "7", "70"],
    "float literals of Java": ["12D", "12F", "12"],
    "exponents": ["1e2", "100", "1E2"],
    "blanks": [" 77", "77", "77 "],
    "decimals": ["77.0", "77"],
    "beyond int64": ["9223372036854775808", "9223372036854775807"],
    "longest": ["9223372036854775807", "-9223372036854775808"],
    "signs": ["+5", "5", "-0"],
    "names": ["Müller", "Möller", "mueller"],
    "quotes": ['"Say ""Hi"", 3"', "Hi"],
    "line of digits and words": ["1", "b2", "c"],
    "no rounded numbers": ["1.5E+01", "1.5E10", "v1.5E+17"],
}


def entry(folder: Path, **load_args: object) -> OwnSparkCSVDataset:
    """The dataset that takes the place of a user's entry."""
    given = {"type": "spark.SparkDatasetV2", "filepath": folder.as_posix(), "file_format": "csv"}
    made = own_entry(given | {"load_args": load_args}, **COLUMNS)
    assert made.pop("type").endswith(".OwnSparkCSVDataset")
    return OwnSparkCSVDataset(**made)


def write(folder: Path, *rows: str, header: str = HEADER, name: str = "a.csv") -> Path:
    """Write a file; return its folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return folder


@pytest.mark.parametrize("kind", IDS)
def test_ids_are_those_that_pandas_reads(tmp_path, kind):
    rows = [f"{user},{n + 1},4.5,{n}" for n, user in enumerate(IDS[kind])]
    folder = write(tmp_path / "raw", *rows)
    of_pandas = {"of": "pandas.CSVDataset", "filepath": (folder / "a.csv").as_posix()}
    expected = OwnTableDataset(**of_pandas, **COLUMNS).load()
    table = entry(folder, header=True, inferSchema=True).load()
    found = [row.user for row in table.orderBy("timestamp").collect()]
    assert found == expected["user"].tolist()
    assert [type(user) for user in found] == [type(user) for user in expected["user"].tolist()]
    assert dict(table.dtypes) == dict(table.dtypes) | {"item": "bigint", "timestamp": "int"}


def test_rows_have_the_numbers_of_their_files(tmp_path):
    folder = write(tmp_path / "raw", "7,1,4,1", "8,2,5,2", name="b.csv")
    write(folder, "9,3,4,3", name="a.csv")
    table = entry(folder).load()
    found = numbered(table, F.col("user")).orderBy("row").collect()
    assert [(row.row, row.user) for row in found] == [(1, 9), (2, 7), (3, 8)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["1,2,4,1,9"], r"a.csv: the row '1,2,4,1,9' has more or fewer values than the header"),
        (["1,2"], r"a.csv: the row '1,2' has more or fewer"),
        ([*(f"{n},2,4,1" for n in range(30)), "total,2,4,1"], "not 'total' .1 of 31 ids"),
    ],
)
def test_rows_that_are_no_ratings_are_refused(tmp_path, rows, said):
    with pytest.raises(DatasetError, match=said):
        entry(write(tmp_path / "raw", *rows)).load()


@pytest.mark.parametrize(
    ("ids", "rounded"),
    [
        (["1.23457E+17", "1.23458E+17"], "1.23457E+17"),
        (["1.23457E17", "7"], "1.23457E17"),
        (["x", "1.2E+13"], "1.2E+13"),
    ],
)
def test_rounded_ids_are_refused_as_by_pandas_until_they_are_said_to_be_text(
    tmp_path, ids, rounded
):
    folder = write(tmp_path / "raw", *(f"{user},1,4,{n}" for n, user in enumerate(ids)))
    with pytest.raises(DatasetError, match=r"user: .* is a rounded number.*user: str") as refused:
        entry(folder).load()
    assert f"the id {rounded} is" in str(refused.value)
    declared = entry(folder, dtype={"user": "str"}).load().orderBy("timestamp").collect()
    assert [row.user for row in declared] == ids


def test_columns_in_another_order_are_refused(tmp_path):
    folder = write(tmp_path / "raw", "1,2,4,1")
    write(folder, "9,8,4,1", header="item,user,rating,timestamp", name="b.csv")
    with pytest.raises(DatasetError, match=r"b.csv has the columns item, user, rating, timestamp"):
        entry(folder).load()


def test_text_that_is_not_utf_8_is_refused_until_its_encoding_is_named(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    text = f"{HEADER}\nMüller,1,4,1\nMöller,2,4,2\n"
    (folder / "a.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(DatasetError, match=r"not UTF-8.*encoding: ISO-8859-1"):
        entry(folder).load()
    users = entry(folder, encoding="ISO-8859-1").load().orderBy("item").collect()
    assert [row.user for row in users] == ["Müller", "Möller"]


def test_ids_that_pandas_reads_as_null_are_null_unless_they_are_said_to_be_text(tmp_path):
    folder = write(tmp_path / "raw", "NA,1,4,1", "anna,2,4,2")
    users = [
        entry(folder, **given).load().orderBy("item").collect()[0].user
        for given in ({}, {"keep_default_na": False})
    ]
    assert users == [None, "NA"]


def test_arguments_of_pandas_that_errors_name_are_taken(tmp_path):
    header = HEADER.replace(",", ";")
    folder = write(tmp_path / "raw", "1;2;1.004,5;1", "1;3;1.004;1", header=header)
    given = {"sep": ";", "decimal": ",", "thousands": ".", "dtype": {"user": "str"}}
    first, second = entry(folder, **given).load().orderBy("item").collect()
    assert (first.user, first.item, first.rating) == ("1", 2, "1004.5")
    assert second.rating == "1004"
    bare = entry(write(tmp_path / "bare", "7,8,4,1", header="1,2,3,4"), header=None).load()
    assert bare.columns == ["0", "1", "2", "3"]


def test_a_schema_declares_the_types(tmp_path):
    folder = write(tmp_path / "raw", "1,2,4,1")
    schema = "user string, item string, rating double, timestamp bigint"
    (row,) = entry(folder, schema=schema).load().collect()
    assert (row.user, row.item) == ("1", "2")
    (folder / "a.csv").write_bytes(f"{HEADER}\nMüller,2,4,1\n".encode("latin-1"))
    with pytest.raises(DatasetError, match="not UTF-8"):
        entry(folder, schema=schema).load()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"na_values": ["-"]}, "na_values is an argument of pandas.*`nullValue`"),
        ({"dtype": {"user": "int64"}}, "dtype: int64: only str"),
        ({"schema": "user string", "decimal": ","}, "decimal has no effect beside schema"),
    ],
)
def test_arguments_that_spark_would_ignore_are_refused(tmp_path, given, said):
    with pytest.raises(DatasetError, match=said):
        entry(tmp_path, **given)


@pytest.mark.parametrize(
    "header", [",user,item,rating,timestamp", "User,user,item,rating,timestamp"]
)
def test_columns_without_a_name_of_their_own_are_said_so(tmp_path, header):
    folder = write(tmp_path / "raw", "0,1,2,4,1", header=header)
    with pytest.raises(DatasetError, match=r"one has no name or two have one.*enforceSchema: true"):
        entry(folder).load()


def test_quotes_are_those_of_the_entry_and_an_open_one_is_refused(tmp_path):
    folder = write(tmp_path / "raw", "'a''b',1,4,1")
    assert entry(folder, quote="'").load().collect()[0].user == "a'b"
    folder = write(tmp_path / "open", '"anna,2,4,1', "b,3,4,1", 'c",3,4,1')
    with pytest.raises(DatasetError, match="holds a line break, as where a quote is opened"):
        entry(folder, multiLine=True).load()


def test_the_catalog_is_written_and_read_again(tmp_path):
    given = {"type": "spark.SparkDatasetV2", "filepath": tmp_path.as_posix(), "file_format": "CSV"}
    catalog = DataCatalog.from_config({"ratings": own_entry(given, **COLUMNS)})
    catalog["ratings"]
    entries, *_ = catalog.to_config()
    assert entries["ratings"]["filepath"] == tmp_path.as_posix()
    DataCatalog.from_config(entries)["ratings"]
