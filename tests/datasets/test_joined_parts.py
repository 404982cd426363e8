"""Parts of a table are joined to one."""

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from collaborative_autoencoders.datasets.joined_parts import JoinedPartsDataset, joined


def test_a_part_without_rows_does_not_change_the_type_of_the_others():
    full = pd.DataFrame({"user": [1, 2], "at": [2**53 + 1, 7]})
    empty = pd.DataFrame({"user": pd.Series([], dtype="str"), "at": pd.Series([], dtype=object)})
    table = joined({"a.csv": empty, "b.csv": full})
    assert table["at"].tolist() == [2**53 + 1, 7]
    assert table.dtypes[["user", "at"]].tolist() == ["int64", "int64"]


def test_dates_of_two_units_are_joined_though_one_holds_them_only():
    dates = {"far": ("9999-12-31", "us"), "near": ("2020-01-31", "ns")}
    parts = {
        name: pd.DataFrame({"at": np.array([date], dtype=f"datetime64[{unit}]")})
        for name, (date, unit) in dates.items()
    }
    assert joined(parts)["at"].astype("str").tolist() == ["9999-12-31", "2020-01-31"]


def test_hidden_files_are_left_out_and_named(tmp_path, caplog):
    """Jupyter has copies in hidden folders: their rows would count twice."""
    names = ("a.csv", ".hidden.csv", ".ipynb_checkpoints/b-checkpoint.csv", "2024/b.csv")
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"user\n{number}\n")
    parts = JoinedPartsDataset(
        path=str(tmp_path), dataset="pandas.CSVDataset", filename_suffix=".csv"
    )
    with caplog.at_level("INFO"):
        assert parts.load()["user"].tolist() == [3, 0]
    assert caplog.messages[-2:] == [
        "joined: 2024/b (1 rows), a (1 rows)",
        "hidden files are left out: .hidden, .ipynb_checkpoints/b-checkpoint",
    ]
    for name in ("a.csv", "2024/b.csv"):
        (tmp_path / name).unlink()
    parts.release()
    with pytest.raises(DatasetError, match="All files are hidden: .hidden, "):
        parts.load()


def test_files_of_another_ending_are_left_out_and_named_with_a_fix_that_reads_them(
    tmp_path, caplog
):
    """A month that is compressed was missing without a word."""
    for number, name in enumerate(("a.csv", "b.csv.gz", "c.csv")):
        pd.DataFrame({"user": [number]}).to_csv(tmp_path / name, index=False)
    entry = {"path": str(tmp_path), "dataset": "pandas.CSVDataset"}
    assert JoinedPartsDataset(**entry, filename_suffix=".csv").load()["user"].tolist() == [0, 2]
    (line,) = [line for line in caplog.messages if "left out" in line]
    assert "do not end with `filename_suffix: .csv` are left out: b.csv.gz." in line
    caplog.clear()
    assert "set `filename_suffix: ''`" in line
    table = JoinedPartsDataset(**entry, filename_suffix="").load()
    assert table["user"].tolist() == [0, 1, 2]
    assert not [line for line in caplog.messages if "left out" in line]


def test_a_mark_of_spark_and_hidden_files_of_another_ending_are_no_tables(tmp_path, caplog):
    (tmp_path / "a.csv").write_text("user\n1\n")
    for name in ("_SUCCESS", ".DS_Store", ".a.csv.crc"):
        (tmp_path / name).touch()
    JoinedPartsDataset(
        path=str(tmp_path), dataset="pandas.CSVDataset", filename_suffix=".csv"
    ).load()
    assert not [line for line in caplog.messages if "left out" in line]
