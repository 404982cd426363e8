"""Rows that an open quote has made part of a cell are said; texts of several lines are not."""

import gzip
import logging
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from collaborative_autoencoders.datasets import stray_quotes
from collaborative_autoencoders.datasets.own_table import OwnTableDataset
from collaborative_autoencoders.datasets.stray_quotes import BLOCK

HEADER = "user,item,stars,text\n"
OPEN = HEADER + 'a,1,4,"hi\nb,2,5,x\nc,3,5,y"\nd,3,5,z\n'
NEEDED = ["user", "item", "stars"]


def load(file: Path, content: str | bytes, **load_args: Any) -> pd.DataFrame:
    """Write a file, and return what a run loads."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    entry = {"of": "pandas.CSVDataset", "filepath": file.as_posix(), "load_args": load_args}
    return OwnTableDataset(ids=["user", "item"], others=["stars"], **entry).load()


@pytest.fixture
def said(tmp_path, caplog):
    """Return a function that loads a file and returns the table and the warning, or None."""

    def read(content: str | bytes, name: str = "plays.csv", **load_args: Any):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "collaborative_autoencoders"):
            table = load(tmp_path / name, content, **load_args)
        warnings = [record.message for record in caplog.records if "quote" in record.message]
        assert len(warnings) < 2
        return table, warnings[0] if warnings else None

    return read


@pytest.mark.parametrize("separator", [",", "\t", ";", "^", "|", r"\s+"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("load_args", [{}, {"usecols": NEEDED}, {"dtype": "str"}])
def test_swallowed_rows_are_said_with_a_fix_that_works(said, separator, line_end, load_args):
    content = OPEN.replace(",", " " if separator == r"\s+" else separator)
    content = content.replace("\n", line_end)

    table, warning = said(content, sep=separator, **load_args)

    assert len(table) == 2
    assert "plays.csv: row 1: the text in 'text' holds 2 whole rows" in warning
    (fix,) = re.findall(r"`load_args: (\{.*?\})`", warning)
    table, warning = said(content, sep=separator, **load_args, **yaml.safe_load(fix))
    assert table["user"].tolist() == ["a", "b", "c", "d"]
    assert warning is None


def test_columns_that_are_not_read_are_looked_at_piece_by_piece(said, monkeypatch):
    monkeypatch.setattr(stray_quotes, "ROWS_AT_ONCE", 2)
    before = "".join(f"u,{place},4,x\n" for place in range(5))
    _, warning = said(HEADER + before + OPEN.removeprefix(HEADER), usecols=NEEDED)
    assert "row 6: the text in 'text' holds 2 whole rows" in warning


@pytest.mark.parametrize(
    ("content", "load_args"),
    [
        (HEADER + "a,1,4,hi\nb,2,5,x, and more\n\n", {}),
        (HEADER + "a,1,4,hi\nb,2,5,x\n2 rows\n", {"skipfooter": 1, "engine": "python"}),
        (HEADER + "a,1,4,hi\nb,2,5,x\n\n", {"engine": "pyarrow"}),
        (HEADER + "a,1,4,hi\nb,2,5,x\n\n", {"dtype": {"text": float}}),
        (HEADER + 'a,1,4,"hi\nyou"\nb,2,5,x\n', {"engine": "pyarrow", "usecols": None}),
    ],
)
def test_a_table_that_pandas_reads_is_never_refused(said, content, load_args):
    table, warning = said(content, **{"usecols": NEEDED} | load_args)
    assert table["user"].tolist() == ["a", "b"]
    assert warning is None


def test_without_a_column_of_numbers_no_line_is_called_a_row(said):
    text = 'user,item,text\na,b,"A lamp.\nWarm, bright, cheap\nEnd"\n'
    assert said(text)[1] is None


def test_rows_of_all_cells_are_counted(said):
    texts = ["x" if place % 9 else '"x' for place in range(91)]
    rows = "".join(f"{place},{place},4,{text}\n" for place, text in enumerate(texts))
    table, warning = said(HEADER + rows + '91,1,1,"\n')
    n_lost = 92 - len(table)
    assert n_lost > 9
    assert f"({n_lost} rows in " in warning


@pytest.mark.parametrize(
    ("header", "rows", "n_rows"),
    [
        ("user,text,item,stars\n", 'a,"hi,1,4\nb,"x,2,5\nc,y,3,5\n', 1),
        ("user,text,item,stars\n", 'a,"hi,1,4\nb,x,2,5\nc,"y,3,5\nd,y,3,5\n', 2),
        ("text,user,item,stars\n", '"hi,a,1,4\n"x,b,2,5\ny,c,3,5\n', 1),
        (HEADER, 'a,1,4,"hi, there\nb,2,5,"x\n', 1),
        (",user,item,stars,text\n", '0,a,1,4,"hi\n1,b,2,5,x"\n', 1),
    ],
)
def test_a_column_of_text_may_be_anywhere(said, header, rows, n_rows):
    load_args = {"index_col": 0} if header.startswith(",") else {}
    _, warning = said(header + rows, **load_args)
    assert f"row 1: the text in 'text' holds {n_rows} whole rows" in warning


@pytest.mark.parametrize(
    "rows",
    [
        'a,1,4,"Great, really, great, music\nand, what, a, voice\nBuy it"\n',
        'a,1,4,"three\n\nlines"\n',
        'a,1,4,"1,2,3\n"\nb,1,4,"\n"\n',
        "a,1,4,plain\n",
    ],
)
@pytest.mark.parametrize("load_args", [{}, {"usecols": NEEDED}])
def test_texts_of_several_lines_are_no_rows(said, rows, load_args):
    assert said(HEADER + rows, **load_args)[1] is None
    text_first = "".join(
        re.sub(r"^(\w),(\d),(\d),((?s:.*))$", r"\4,\1,\2,\3", row) + "\n"
        for row in re.split(r"\n(?=[ab],1)", rows.rstrip("\n"))
    )
    assert said("text,user,item,stars\n" + text_first, **load_args)[1] is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.text("ab1,.\n\r ", max_size=12)), min_size=2, max_size=5
    )
)
def test_no_row_of_a_file_that_pandas_has_written_is_called_swallowed(said, rows):
    """Every quote is closed; a text would need numbers at the places of numbers to be a row."""
    table = pd.DataFrame({"user": "u", "item": [n for n, _ in rows], "stars": 4})
    table["text"] = [text.replace("1", "i") for _, text in rows]
    assert said(table.to_csv(index=False, lineterminator="\n"))[1] is None


def test_a_quote_in_a_compressed_file_or_without_a_header_is_found(said):
    columns = {"usecols": NEEDED}
    assert "plays.csv.gz: row 1" in said(gzip.compress(OPEN.encode()), "plays.csv.gz", **columns)[1]
    names = {"header": None, "names": [*NEEDED, "text"]}
    bare = OPEN.removeprefix(HEADER)
    assert "2 whole rows" in said(bare, **names)[1]
    assert "2 whole rows" in said(bare, **names, **columns)[1]


def test_a_line_break_far_into_the_texts_is_found(said):
    rows = "".join(f"u,{place},4,{'x' * 99}\n" for place in range(BLOCK // 50))
    _, warning = said(HEADER + rows + 'a,1,4,"hi\nb,2,5,x"\n')
    assert f"row {BLOCK // 50 + 1}: " in warning


def test_dates_and_left_out_columns_are_read_with_the_rest_only_if_lines_are_missing(said):
    text = "user,item,stars,day,text\na,1,4,2020-01-01,hi\nb,2,5,2020-01-02,x\n"
    dates = {"parse_dates": ["day"], "date_format": "%Y-%m-%d", "usecols": [*NEEDED, "day"]}
    assert said(text, **dates)[1] is None
    assert "1 whole rows" in said(text.replace("hi", '"hi').replace("x\n", 'x"\n'), **dates)[1]


def test_a_quote_that_is_open_at_the_end_of_the_file_is_refused_with_a_fix_that_works(tmp_path):
    content = HEADER + 'a,1,4,"hi\nb,2,5,x\n'
    with pytest.raises(DatasetError, match=r"row 1\. A quote is opened .*\{quoting: 3\}"):
        load(tmp_path / "plays.csv", content)
    assert len(load(tmp_path / "plays.csv", content, quoting=3)) == 2
