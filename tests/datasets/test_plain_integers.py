"""The quick way to read ids gives the table of the careful way, whatever the file holds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.datasets import own_csv
from collaborative_autoencoders.datasets.own_table import OwnTableDataset
from collaborative_autoencoders.datasets.plain_integers import BLOCK, integers_are_plain

SPELLINGS = ["1", "10", "101", "0", "00", "01", "-0", "-1", "+1", " 1", "1 ", "1e1", "1.0", "a0"]


def table_of(file: Path, **load_args: object) -> pd.DataFrame:
    return OwnTableDataset(
        of="pandas.CSVDataset", ids=["user", "item"], filepath=str(file), load_args=load_args
    ).load()


@given(rows=st.lists(st.tuples(st.sampled_from(SPELLINGS), st.sampled_from(SPELLINGS)), min_size=1))
def test_integers_that_are_plain_are_those_that_python_writes(tmp_path_factory, rows):
    file = tmp_path_factory.getbasetemp() / "spelled.csv"
    file.write_text("user,item\n" + "".join(f"{user},{item}\n" for user, item in rows))

    if integers_are_plain(file, ",", has_header=True):
        cells = [cell for row in rows for cell in row if cell not in ("1e1", "1.0", "a0")]
        assert all(str(int(cell)) == cell for cell in cells)


@pytest.mark.parametrize("place", [0, BLOCK - 20, BLOCK, 2 * BLOCK + 1])
def test_a_zero_in_front_is_found_wherever_the_file_is_cut(tmp_path, place):
    for shift in range(6):
        rows = b"1,2,5\n" * (3 * BLOCK // 6)
        cut = (place // 6) * 6 + 6
        (tmp_path / "cut.csv").write_bytes(b"u" * shift + b"\n" + rows[:cut] + b"1,02,5\n" + rows)
        assert not integers_are_plain(tmp_path / "cut.csv", ",", has_header=True)
    (tmp_path / "cut.csv").write_bytes(b"u\n" + rows)
    assert integers_are_plain(tmp_path / "cut.csv", ",", has_header=True)


def test_plain_integers_are_read_once_and_all_others_as_text(tmp_path, monkeypatch):
    monkeypatch.setattr(own_csv, "TEXT", "an error if a column is read as text")
    (tmp_path / "plain.csv").write_text("user,item,rating\n1,20,0.5\n10,3,4.05\n")
    assert table_of(tmp_path / "plain.csv")["item"].tolist() == [20, 3]
    for row in ("01,20,5", "1,+2,5", "1, 2,5", "1,2,2020-01-01"):
        (tmp_path / "other.csv").write_text(f"user,item,rating\n1,20,5\n{row}\n")
        with pytest.raises(Exception, match="read as text"):
            table_of(tmp_path / "other.csv")


@pytest.mark.parametrize("load_args", [{"header": None}, {}, {"thousands": "."}, {"nrows": 2}])
def test_an_id_with_a_zero_in_front_stays_text_under_other_arguments(tmp_path, load_args):
    (tmp_path / "zero.csv").write_text("01,2\n1,3\n2,4\n")
    names = {"names": ["user", "item"]}

    assert table_of(tmp_path / "zero.csv", **names, **load_args)["user"][0] == "01"


def test_ids_that_are_integers_only_at_first_are_text(tmp_path):
    rows = [f"{number},{number}" for number in range(1, 300)] + [
        f"x{number},1" for number in range(200)
    ]
    (tmp_path / "late.csv").write_text("user,item\n" + "\n".join(rows))

    users = table_of(tmp_path / "late.csv")["user"]

    assert users[0] == "1" and users.iloc[-1] == "x199"
    assert table_of(tmp_path / "late.csv")["item"].dtype == np.int64


@pytest.mark.parametrize(
    "text", ["user,song\r007,1\r7,1\r", "user,song\n\x0c7,1\n7,1\n", "user,song\n\x0b7,1\n7,1\n"]
)
def test_a_second_spelling_is_found_whatever_ends_a_line_or_stands_before_a_digit(tmp_path, text):
    file = tmp_path / "plays.csv"
    file.write_bytes(text.encode())
    assert not integers_are_plain(file, ",", has_header=True)


def test_plain_integers_stay_plain_with_the_line_ends_of_windows(tmp_path):
    file = tmp_path / "plays.csv"
    file.write_bytes(b"user,song\r\n7,1\r\n10,2\r\n")
    assert integers_are_plain(file, ",", has_header=True)
