"""Parts of a table are joined to one."""

import numpy as np
import pandas as pd

from collaborative_autoencoders.datasets.joined_parts import joined


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
