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
