"""CSV files have the same ids by Spark as by pandas, and what Spark would guess is an error."""

from pathlib import Path

import pytest
from kedro.io import DatasetError
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
    assert dict(table.dtypes) == dict(table.dtypes) | {"item": "bigint", "rating": "double"}


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
    folder = write(tmp_path / "raw", "1;2;1.004,5;1", header=HEADER.replace(",", ";"))
    given = {"sep": ";", "decimal": ",", "thousands": ".", "dtype": {"user": "str"}}
    (row,) = entry(folder, **given).load().collect()
    assert (row.user, row.item, row.rating) == ("1", 2, "1004.5")
    bare = entry(write(tmp_path / "bare", "7,8,4,1", header="1,2,3,4"), header=None).load()
    assert bare.columns == ["0", "1", "2", "3"]


def test_a_schema_declares_the_types(tmp_path):
    folder = write(tmp_path / "raw", "1,2,4,1")
    schema = "user string, item string, rating double, timestamp bigint"
    (row,) = entry(folder, schema=schema).load().collect()
    assert (row.user, row.item) == ("1", "2")
