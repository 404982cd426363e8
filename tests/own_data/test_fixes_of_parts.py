"""A fix for a table of several files stands where it has an effect: in `dataset`."""

import logging
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, DatasetError

from collaborative_autoencoders.hooks.own_data import own_entries
from collaborative_autoencoders.interactions.cleaning import CleaningOptions, clean_ratings

HEADER = "user,song,stars\n"
MANY = "".join(f"{user},{user % 7},4\n" for user in range(1, 60))
IN_DATASET = re.compile(r"`(dataset: .*?\})`")


class Parts:
    """A folder of files, read with what its errors propose."""

    def __init__(self, folder: Path, content: str | bytes, **columns: Any) -> None:
        text = content if isinstance(content, bytes) else content.encode()
        (folder / "2024-01.csv").write_bytes(text)
        self.columns = {"user_id": "user", "item_id": "song", "rating": "stars"}
        self.columns |= {"timestamp": None, "part": None} | columns
        self.entry = {"type": "partitions.PartitionedDataset", "path": str(folder)}
        self.entry |= {"dataset": "pandas.CSVDataset", "filename_suffix": ".csv"}

    def read(self, **typed: Any) -> pd.DataFrame:
        """Return the clean ratings with these keys in the entry."""
        parameters = {"cleaning": {"columns": self.columns}}
        own = own_entries({"ratings": self.entry | typed}, parameters)
        options = {"columns": self.columns, "rating_scale": None, "duplicates": "refuse"}
        table = DataCatalog.from_config(own).load("ratings")
        return clean_ratings(table, CleaningOptions.model_validate(options))

    def refused(self, **typed: Any) -> str:
        with pytest.raises((ValueError, DatasetError)) as caught:
            self.read(**typed)
        return str(caught.value)


BAD = {
    "separator": (HEADER.replace(",", ";") + "1;2;4\n", {}),
    "blanks": ("user  song  stars\n1  2  4\n", {}),
    "title": (f"My export\n{HEADER}1,2,4\n", {}),
    "row names": (HEADER + "5,1,2,4\n7,1,3,4\n", {}),
    "trailing separator": (HEADER + "1,2,4,\n2,2,4,\n", {}),
    "no header": ("1,2,4\n2,2,4\n", {"user_id": 0, "item_id": 1, "rating": 2}),
    "encoding": ((HEADER + "ü,2,4\nu,2,4\n").encode("cp1252"), {}),
    "UTF-16": ((HEADER + "1,2,4\n").encode("utf-16"), {}),
    "open quote": (HEADER + 'a,"x,4\nb,z,4\n', {}),
    "line break": (HEADER + 'a,"x,4\nb,y,3\nc,z",3\nd,z,4\n', {}),
    "NA": (HEADER + "NA,x,4\nb,y,4\n", {}),
    "odd ids": (HEADER + MANY + "total,3,4\n", {}),
    "comma": (HEADER + '1,2,"4,5"\n', {}),
    "dates": ("user,song,stars,at\n1,2,4,31.12.2019\n", {"timestamp": "at"}),
    "digit dates": ("user,song,stars,at\n1,2,4,31122019\n", {"timestamp": "at"}),
}
"""Files that are refused, each with the columns that are named otherwise."""


@pytest.mark.parametrize(("content", "columns"), BAD.values(), ids=BAD)
def test_each_fix_reads_the_files_when_it_is_typed(tmp_path, content, columns):
    parts = Parts(tmp_path, content, **columns)
    message = parts.refused()
    assert "`load_args" not in message
    first, *others = [yaml.safe_load(text) for text in IN_DATASET.findall(message)]
    fix = others[-1] if "is a title" in message else first
    assert fix["dataset"]["type"] == "pandas.CSVDataset"
    assert len(parts.read(**fix))


def test_a_remark_names_the_dataset_that_reads_the_parts(tmp_path, caplog):
    parts = Parts(tmp_path, HEADER + "1.0,2,4\n2.0,3,4\n")
    assert parts.read()["user_id"].tolist() == ["1.0", "2.0"]
    (fix,) = map(yaml.safe_load, IN_DATASET.findall(caplog.text))
    caplog.clear()
    assert parts.read(**fix)["user_id"].tolist() == [1, 2]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_quote_with_rows_in_it_is_warned_of_with_the_dataset(tmp_path, caplog):
    text = 'user,song,stars,text\n1,2,4,"hi\n2,3,5,x\n3,4,5,y"\n'
    parts = Parts(tmp_path, text)
    assert len(parts.read()) == 1
    (fix,) = map(yaml.safe_load, IN_DATASET.findall(caplog.text))
    assert len(parts.read(**fix)) == 3


@pytest.mark.parametrize(
    ("dataset", "load_args"),
    [
        ("pandas.CSVDataset", {"sep": ";", "decimal": ","}),
        ({"type": "pandas.CSVDataset", "load_args": {"sep": ";"}}, {"decimal": ","}),
        ({"type": "pandas.CSVDataset", "load_args": None}, {"sep": ";", "decimal": ","}),
        (
            {"type": "pandas.GenericDataset", "file_format": "csv"},
            {"sep": ";", "decimal": ","},
        ),
    ],
)
def test_arguments_of_pandas_in_the_entry_itself_are_refused_with_their_place(
    tmp_path, dataset, load_args
):
    """They go to the listing of files, which ignores them."""
    parts = Parts(tmp_path, "user;song;stars\n1;2;4,5\n")
    message = parts.refused(dataset=dataset, load_args={"maxdepth": 1} | load_args)
    assert message.startswith("catalog (conf/): ratings: `load_args` of a PartitionedDataset")
    assert f"have no effect for {', '.join(load_args)}. Write instead" in message
    (fix,) = map(yaml.safe_load, IN_DATASET.findall(message))
    ratings = parts.read(**fix, load_args={"maxdepth": 1})
    assert ratings["rating"].tolist() == [4.5]


def test_one_file_is_answered_with_load_args_of_its_entry(tmp_path):
    parts = Parts(tmp_path, "user;song;stars\n1;2;4\n")
    parts.entry = {"type": "pandas.CSVDataset", "filepath": str(tmp_path / "2024-01.csv")}
    assert '`load_args: {sep: ";"}`' in parts.refused()
