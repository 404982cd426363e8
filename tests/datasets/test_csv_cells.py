"""A spreadsheet runs no cell of a CSV, and the table is read back as it was."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.datasets.csv_cells import from_csv, to_csv
from collaborative_autoencoders.datasets.reports import CsvTableDataset

RUN = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@pytest.mark.parametrize(
    "title", ["=cmd|' /c calc'!A1", "+1", "-2", "@SUM(A1)", "\t1", "\r1", " =1", "＝1", "'=1"]
)
def test_a_text_that_a_spreadsheet_would_run_has_an_apostrophe_in_front(title, tmp_path):
    dataset = CsvTableDataset(filepath=(tmp_path / "table.csv").as_posix())
    dataset.save(pd.DataFrame({"title": [title, "Alien"], "score": [-1.5, 2.0]}))
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["title", "score"], ["'" + title, "-1.5"], ["Alien", "2.0"]]
    assert dataset.load()["title"].tolist() == [title, "Alien"]


def test_numbers_stay_numbers_also_beside_texts():
    table = pd.DataFrame({"n": [-1, 2], "mixed": [-2.5, "-3"], "missing": [None, "x"]})
    assert to_csv(table) == b"n,mixed,missing\n-1,-2.5,\n2,'-3,x\n"


def test_a_name_of_a_column_is_escaped_too():
    assert to_csv(pd.DataFrame({"=1+1": [1]})) == b"'=1+1\n1\n"


@pytest.mark.parametrize("separator", [";", "\t", "\n"])
def test_no_cell_begins_behind_another_separator(separator):
    written = to_csv(pd.DataFrame({f"Alien{separator}=cmd": [1]})).decode()
    cell = next(csv.reader(io.StringIO(written)))
    assert cell == [f"Alien{separator}'=cmd"]


signs = st.text(st.sampled_from("=+-@'\t\n;a1 "), min_size=1, max_size=8)


@given(st.lists(signs.filter(lambda text: text.strip(" \t\n")), min_size=1, max_size=5))
def test_every_text_is_read_back_as_it_was_and_runs_in_no_cell(titles):
    table = pd.DataFrame({"title": ["a text", *titles]})
    written = to_csv(table)
    cells = [row[0] for row in csv.reader(io.StringIO(written.decode()))][1:]
    assert not any(cell.lstrip(" ").startswith(RUN) for cell in cells)
    assert from_csv(written)["title"].tolist() == table["title"].tolist()
