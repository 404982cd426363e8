"""Ids that a spreadsheet has rounded are refused: two users would be one."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, DatasetError

from collaborative_autoencoders.hooks.own_data import own_entry
from collaborative_autoencoders.interactions.rounded_ids import (
    are_rounded,
    refuse_rounded_cells,
)


def load(file: Path, kind: str = "CSV", **load_args: Any) -> pd.DataFrame:
    """Return what a run loads."""
    entry = {"type": f"pandas.{kind}Dataset", "filepath": str(file), "load_args": load_args}
    own = own_entry(entry, ["user", "song"], others=["stars"])
    return DataCatalog.from_config({"ratings": own}).load("ratings")


def fix_of(message: str) -> dict[str, Any]:
    """Return the `load_args` that the message proposes."""
    return yaml.safe_load(message.split("`load_args: ")[1].split("`")[0])


@pytest.mark.parametrize(
    "ids",
    [
        ["1.23457E+17", "1.23458E+17", "1.23459E+17"],
        ["1,23457E+17", "1,23458E+17", "1,23459E+17"],
        ["1.23457e+017", "7", "8"],
        ["7", "1.2E+13", "AB-1"],  # a spreadsheet rounds the ids that are numbers
        ["1.23457E17", "7", "8"],
        ["1.02349123456789E+17", "-1.2E+15", "3"],
        [*map(str, range(50)), "4.00638E+12"],
    ],
)
@pytest.mark.parametrize("load_args", [{}, {"decimal": ","}])
def test_a_rounded_id_is_named_with_its_row_and_a_fix_that_works(tmp_path, ids, load_args):
    file = tmp_path / "plays.csv"
    rows = (f"x{place};{one};4\n" for place, one in enumerate(ids))
    file.write_text("user;song;stars\n" + "".join(rows))
    row, rounded = next((n, one) for n, one in enumerate(ids, 1) if "e" in one.lower())

    with pytest.raises(DatasetError, match=r"digits are lost") as refused:
        load(file, sep=";", **load_args)

    assert f"plays.csv: song: row {row}: {rounded} is a rounded number" in str(refused.value)
    typed = load(file, sep=";", **load_args, **fix_of(str(refused.value)))
    assert typed["song"].tolist() == ids
    assert load(file, sep=";", dtype="str")["song"].tolist() == ids


@pytest.mark.parametrize(
    "ids",
    [
        ["1e3", "12E4"],
        ["1.5E+01", "1.25E+02"],  # 15 and 125: no digit is lost
        ["1.5E10", "x"],  # a word among words
        ["1.23457E-17", "1"],
        ["1E+17", "a"],
        ["11.5E+17", "a"],
        ["v1.5E+17", "1.5E+17b"],
    ],
)
def test_ids_that_are_not_rounded_stay_text(tmp_path, ids):
    file = tmp_path / "plays.csv"
    file.write_text("user,song,stars\n" + "".join(f"x,{one},4\n" for one in ids))
    assert load(file)["song"].tolist() == ids


def test_a_rounded_id_is_marked_where_it_is():
    texts = pd.Index(["7", "1.5E+10", "x", "1.50E+01"], dtype="str")
    assert are_rounded(texts).tolist() == [False, True, False, False]
    assert are_rounded(texts[:0]).tolist() == []


@pytest.mark.parametrize(
    "cells",
    [
        [102349000000000000, 102349000000000000, 5],
        [5, 102349123456789000],
        [int(float(f"{102349123456789012:.15g}"))],  # as a reader of floats returns it
        [float(f"{102349123456789012:.15g}"), np.nan],
        [1234567890123450, 1234567890123460],
        [102349123456789100, 102349123456789200, 1234567890123456],  # 16 digits, as of openpyxl
        ["AB-1", 1020304050607080],
        [-102349123456789000],
        [np.int64(102349123456789000)],
    ],
)
def test_numbers_that_a_sheet_has_rounded_are_refused(cells):
    column = pd.Series(cells * 2, dtype=object, name="user")
    with pytest.raises(ValueError, match=r"user: row \d: the sheet keeps only 1[56] digits of"):
        refuse_rounded_cells(column, "")


@pytest.mark.parametrize(
    "cells",
    [
        [102349123456789012, 102349123456789000],
        [1234567890123456, 1234567890123450],
        [100000000000000, 20],
        [1234567890123450, 7],  # a single one may end in 0
        [10**400, 10**400],
        ["102349123456789000", None],
        [True, np.inf, 1.5],
        [],
    ],
)
def test_numbers_with_all_digits_are_accepted(cells):
    refuse_rounded_cells(pd.Series(cells, dtype=object, name="user"), "")


@pytest.mark.parametrize("kind", ["Excel", "Generic"])
def test_a_sheet_with_rounded_ids_is_named_with_a_fix_that_works(tmp_path, monkeypatch, kind):
    """As pandas reads it; openpyxl is not in the environment of the tests."""
    users = [102349123456789000, 102349123456789000, 7]
    file = tmp_path / "plays.xlsx"
    file.touch()

    def read_excel(*_: object, dtype: dict[str, Any], **__: object) -> pd.DataFrame:
        table = pd.DataFrame({"user": users, "song": ["a", "b", "c"], "stars": 4})
        return table.astype(dtype)

    monkeypatch.setattr(pd, "read_excel", read_excel)
    entry = {"type": f"pandas.{kind}Dataset", "filepath": str(file)}
    entry |= {"file_format": "excel"} if kind == "Generic" else {}

    def load_sheet(**load_args: Any) -> pd.DataFrame:
        own = own_entry(entry | {"load_args": load_args}, ["user", "song"])
        return DataCatalog.from_config({"ratings": own}).load("ratings")

    message = r"plays\.xlsx: user: row 1: the sheet .* \(2 such rows in total\).* again, as text"
    with pytest.raises(DatasetError, match=message) as refused:
        load_sheet()
    declared = load_sheet(**fix_of(str(refused.value)))
    assert declared["user"].tolist() == list(map(str, users))
