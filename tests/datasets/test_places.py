"""Every dataset of ours takes what Kedro's take: credentials, fs_args, load_args, save_args."""

import gzip
import inspect
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from kedro.io import DataCatalog, DatasetError
from scipy.sparse import csr_array

from collaborative_autoencoders.datasets.fabricated import FabricatedDataset
from collaborative_autoencoders.datasets.file_dataset import FileDataset, OneFileDataset
from collaborative_autoencoders.datasets.fitted_model import FittedModelDataset
from collaborative_autoencoders.datasets.interactions import InteractionsDataset
from collaborative_autoencoders.datasets.json_file import JsonFileDataset
from collaborative_autoencoders.datasets.movielens import MovieLensDataset
from collaborative_autoencoders.datasets.reports import CsvTableDataset, TextDataset
from collaborative_autoencoders.datasets.table import TableDataset
from collaborative_autoencoders.datasets.table_batches import TableBatchesDataset
from collaborative_autoencoders.datasets.user_list import UserListDataset
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.models.model import Fitted

TABLE = pd.DataFrame({"user_id": ["a", "b"] * 500, "rating": 2.5})
PART = Interactions.of(csr_array(np.eye(2, dtype=np.float32)), like_threshold=4)
KINDS = (
    (TableDataset, TABLE),
    (InteractionsDataset, PART),
    (FittedModelDataset, Fitted("popularity", None, left_out="no likes")),
    (CsvTableDataset, TABLE),
)
SECRET = {"key": "mine", "secret": "xyz"}


class Bucket(MemoryFileSystem):
    """A store of objects, as S3 is: no local files, and nothing without the right secret."""

    protocol = "s3"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    def __init__(self, key: str | None = None, secret: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        if (key, secret) != tuple(SECRET.values()):
            raise PermissionError("The access key does not exist")


@pytest.fixture(autouse=True)
def bucket() -> Bucket:
    fsspec.register_implementation("s3", Bucket, clobber=True)
    Bucket.store.clear()
    return Bucket(**SECRET)


def ours(kind: type = OneFileDataset) -> list[type]:
    return [found for each in kind.__subclasses__() for found in (each, *ours(each))]


def test_every_dataset_of_ours_takes_the_arguments_of_kedros() -> None:
    kedros = {"load_args", "save_args", "credentials", "fs_args", "metadata"}
    for kind in (OneFileDataset, MovieLensDataset, FabricatedDataset):
        assert kedros <= inspect.signature(kind).parameters.keys()
    assert {FileDataset, TableBatchesDataset, UserListDataset} <= set(ours())


@pytest.mark.parametrize(("kind", "value"), KINDS)
def test_a_file_in_a_bucket_needs_its_credentials(kind: type, value: Any) -> None:
    entry = {"type": f"{kind.__module__}.{kind.__name__}", "filepath": "s3://mine/file"}
    entries = {"value": entry | {"credentials": "store", "versioned": True}}
    catalog = DataCatalog.from_config(entries, {"store": SECRET})
    catalog.save("value", value)
    assert catalog.exists("value")
    catalog.load("value")
    assert "xyz" not in repr(catalog.get("value"))
    with pytest.raises(DatasetError, match="access key does not exist"):
        DataCatalog.from_config({"value": entry}).get("value")


def test_a_batch_that_fails_leaves_no_file_in_a_bucket(bucket: Bucket) -> None:
    dataset = TableBatchesDataset(filepath="s3://mine/lists.parquet", credentials=SECRET)

    class Failing:
        def __iter__(self) -> Any:
            yield TABLE
            raise ValueError("planted")

    with pytest.raises(DatasetError, match="planted"):
        dataset.save(Failing())
    assert not dataset.exists()
    dataset.save([TABLE, TABLE])
    assert [len(batch) for batch in dataset.load()] == [1000, 1000]


def test_movielens_is_read_from_a_bucket(bucket: Bucket) -> None:
    for name, text in (("u.data", "1\t2\t3\t4\n"), ("u.item", "2|Heat (1995)\n")):
        bucket.pipe_file(f"/films/raw/ml-100k/{name}", text.encode())
    dataset = MovieLensDataset(
        name="ml-100k", path="s3://films/raw", table="items", credentials=SECRET
    )
    assert dataset.exists()
    with pytest.raises(DatasetError, match=r"raw/ml-100k/u\.item has 1 rows, expected 1,682"):
        dataset.load()
    assert dataset.preview()["data"] == [[2, "Heat (1995)", 1995.0]]


def test_load_args_and_save_args_go_to_the_functions_of_the_format(tmp_path: Path) -> None:
    german = {"sep": ";", "decimal": ",", "encoding": "cp1252"}
    table = pd.DataFrame({"title": ["Während"], "rating": [2.5]})
    csv = CsvTableDataset(filepath=str(tmp_path / "csv"), load_args=german, save_args=german)
    csv.save(table)
    assert (tmp_path / "csv").read_bytes() == b"title;rating\nW\xe4hrend;2,5\n"
    pd.testing.assert_frame_equal(csv.load(), table)

    users = UserListDataset(filepath=str(tmp_path / "users"), load_args={"sep": ";"})
    (tmp_path / "users").write_text("user_id;name\n007;Bond\n")
    assert users.load()["user_id"].tolist() == ["007"]

    parquet = TableDataset(filepath=str(tmp_path / "parquet"), load_args={"columns": ["rating"]})
    parquet.save(table)
    assert list(parquet.load()) == ["rating"]

    JsonFileDataset(filepath=str(tmp_path / "json"), save_args={"indent": None}).save({"a": 1})
    assert (tmp_path / "json").read_text() == '{"a": 1}'
    TextDataset(filepath=str(tmp_path / "text"), save_args={"encoding": "utf-16"}).save("ü")
    assert (tmp_path / "text").read_text(encoding="utf-16") == "ü"


def test_fs_args_open_a_file_in_both_directions(tmp_path: Path) -> None:
    packed = {"compression": "gzip", "mode": "w"}
    dataset = CsvTableDataset(
        filepath=str(tmp_path / "new" / "table.csv.gz"),
        fs_args={"open_args_load": packed, "open_args_save": packed},
    )
    dataset.save(TABLE)
    content = (tmp_path / "new" / "table.csv.gz").read_bytes()
    assert gzip.decompress(content).startswith(b"user_id,rating\na,2.5\n")
    assert len(dataset.load()) == 1000


@pytest.mark.parametrize("kind", [InteractionsDataset, FittedModelDataset])
def test_arguments_without_effect_are_refused(kind: type) -> None:
    with pytest.raises(DatasetError, match=r"save_args has indent, but .* no save_args\. Remove"):
        kind(filepath="file", save_args={"indent": 2})
    with pytest.raises(DatasetError, match=r"open_args_load\.encoding: files are opened as bytes"):
        kind(filepath="file", fs_args={"open_args_load": {"encoding": "cp1252"}})
    kind(filepath="file", load_args={}, save_args=None)
