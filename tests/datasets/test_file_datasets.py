"""Tables, matrices and models come back from disk as they went, or are named as broken."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from kedro.io import DataCatalog, DatasetError
from kedro.io.core import Version
from scipy.sparse import coo_array, csr_array

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.fitted_model import FittedModelDataset
from collaborative_autoencoders.datasets.json_file import JsonFileDataset
from collaborative_autoencoders.datasets.reports import TextDataset
from collaborative_autoencoders.datasets.sparse_matrix import SparseMatrixDataset
from collaborative_autoencoders.datasets.table import TableDataset
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.popularity import Popularity, PopularityOptions

TABLE = pd.DataFrame({"user_id": ["a", "b"] * 500, "rating": np.arange(1000) / 7})


def matrix() -> csr_array:
    """Two users, three items; user 0 rated item 2 with 0, user 1 rated nothing."""
    return csr_array(([4.0, 0.0], ([0, 0], [1, 2])), shape=(2, 3), dtype=np.float32)


def fitted() -> Fitted:
    popularity = Popularity(PopularityOptions(name="popularity"), Catalogue(2, 3, 1.0, 5.0))
    popularity.fit(matrix())
    return Fitted(popularity, None, None)


CASES = [
    pytest.param(TableDataset, TABLE, id="table"),
    pytest.param(SparseMatrixDataset, matrix(), id="matrix"),
    pytest.param(FittedModelDataset, fitted(), id="model"),
    pytest.param(JsonFileDataset, {"users": 3, "rated": True, "none": None}, id="json"),
]
each_kind = pytest.mark.parametrize(("kind", "value"), CASES)
Kind = type[FileDataset[Any]]


def assert_broken_is_named(dataset: FileDataset[Any], path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert str(path) in str(caught.value)
    assert f"is not a whole {dataset.kind}" in str(caught.value)
    assert "Delete it, then run again with --only-missing-outputs" in str(caught.value)


@each_kind
def test_a_file_cut_short_anywhere_is_named_with_the_mend(
    kind: Kind, value: Any, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    dataset = kind(filepath=str(path))
    dataset.save(value)
    whole = path.read_bytes()
    for length in (0, 1, 7, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert_broken_is_named(dataset, path)


@each_kind
def test_a_file_of_something_else_is_named_with_the_mend(
    kind: Kind, value: Any, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"user_id,item_id,rating\n" * 100)
    assert_broken_is_named(kind(filepath=str(path)), path)


@pytest.mark.parametrize(("kind", "value"), CASES[:2])
def test_a_byte_changed_among_the_values_is_noticed(kind: Kind, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "file"
    dataset = kind(filepath=str(path))
    dataset.save(value)
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 3] ^= 0xFF
    path.write_bytes(changed)
    assert_broken_is_named(dataset, path)


@each_kind
def test_a_missing_file_is_named(kind: Kind, value: Any, tmp_path: Path) -> None:
    dataset = kind(filepath=str(tmp_path / "absent"))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"There is no .*absent. Run the pipeline"):
        dataset.load()


@each_kind
def test_a_save_that_fails_leaves_the_old_value(
    kind: Kind, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = kind(filepath=str(tmp_path / "file"))
    dataset.save(value)
    before = (tmp_path / "file").read_bytes()

    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(DatasetError, match="No space left on device"):
        dataset.save(value)
    assert (tmp_path / "file").read_bytes() == before
    dataset.load()


@each_kind
def test_same_value_same_bytes(kind: Kind, value: Any, tmp_path: Path) -> None:
    dataset = kind(filepath=str(tmp_path / "file"))
    dataset.save(value)
    first = (tmp_path / "file").read_bytes()
    dataset.save(dataset.load())
    assert (tmp_path / "file").read_bytes() == first


@each_kind
def test_versions_lie_side_by_side(kind: Kind, value: Any, tmp_path: Path) -> None:
    filepath = str(tmp_path / "file")
    assert not kind(filepath=filepath, version=Version(None, None)).exists()
    kind(filepath=filepath, version=Version(None, "1")).save(value)
    kind(filepath=filepath, version=Version(None, "2")).save(value)
    versioned = kind(filepath=filepath, version=Version(None, None))
    assert versioned.list_versions(full_path=False) == ["2", "1"]
    versioned.load()


@each_kind
def test_a_place_that_is_not_a_folder_works_too(kind: Kind, value: Any) -> None:
    dataset = kind(filepath=f"memory://{kind.__name__}/file")
    dataset.save(value)
    assert dataset.exists()
    dataset.load()


def test_a_table_keeps_its_types_and_where_it_came_from(tmp_path: Path) -> None:
    table = TABLE.assign(user_id=TABLE["user_id"].astype("category"))
    table.attrs = {"data_set": "ml-100k", "checksum": None, "checksum_is_official": True}
    dataset = TableDataset(filepath=str(tmp_path / "table.parquet"))
    dataset.save(table)
    loaded = dataset.load()
    pd.testing.assert_frame_equal(loaded, table)
    assert loaded.attrs == table.attrs


@given(
    arrays(np.float32, (4, 5), elements=st.floats(-5, 5, width=32)),
    arrays(np.bool_, (4, 5)),
)
def test_a_matrix_comes_back_with_its_stored_zeros_and_empty_rows(
    values_UI: np.ndarray, observed_UI: np.ndarray
) -> None:
    user, item = np.nonzero(observed_UI)
    saved = csr_array(coo_array((values_UI[user, item], (user, item)), shape=(4, 5)))
    dataset = SparseMatrixDataset(filepath="memory://matrix.npz")
    dataset.save(saved)
    loaded = dataset.load()
    assert loaded.shape == saved.shape
    assert loaded.dtype == saved.dtype
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(loaded, part), getattr(saved, part))


def test_a_model_comes_back_scoring_the_same(tmp_path: Path) -> None:
    dataset = FittedModelDataset(filepath=str(tmp_path / "model.safetensors"))
    dataset.save(fitted())
    before, after = fitted().model, dataset.load().model
    assert before is not None
    assert after is not None
    anyone = np.array([0, -1])
    np.testing.assert_array_equal(after.score(matrix(), anyone), before.score(matrix(), anyone))


def test_previews_show_what_a_person_wants_to_know(tmp_path: Path) -> None:
    table = TableDataset(filepath=str(tmp_path / "table"))
    table.save(TABLE)
    assert table.preview(nrows=2)["data"] == [["a", 0.0], ["b", 0.1429]]
    sparse = SparseMatrixDataset(filepath=str(tmp_path / "matrix"))
    sparse.save(matrix())
    facts = {"shape": [2, 3], "nnz": 2, "density": 0.333333, "lowest": 0.0, "highest": 4.0}
    assert json.loads(sparse.preview()) == facts
    model = FittedModelDataset(filepath=str(tmp_path / "model"))
    model.save(fitted())
    shown = json.loads(model.preview())
    assert shown["options"] == {"name": "popularity"}
    assert shown["tensors"] == {"likes_I": "F32 [3]"}


def test_previews_of_what_is_empty_or_not_yet_there_are_quiet(tmp_path: Path) -> None:
    table = TableDataset(filepath=str(tmp_path / "table"))
    assert table.preview() == {"index": [], "columns": [], "data": []}
    table.save(TABLE.iloc[:0])
    assert table.preview()["columns"] == ["user_id", "rating"]
    for kind in (SparseMatrixDataset, FittedModelDataset):
        assert json.loads(kind(filepath=str(tmp_path / "absent")).preview()) == {}
    empty = SparseMatrixDataset(filepath=str(tmp_path / "empty"))
    empty.save(csr_array((0, 3), dtype=np.float32))
    assert json.loads(empty.preview())["density"] is None


def test_the_catalog_makes_each_dataset_of_ours_from_yaml_like_entries(tmp_path: Path) -> None:
    ours = "collaborative_autoencoders.datasets"
    metadata = {"kedro-viz": {"layer": "primary"}}
    file = {"filepath": str(tmp_path / "file"), "metadata": metadata}
    raw = {"table": "items", "metadata": metadata}
    entries = {
        "table": {"type": f"{ours}.table.TableDataset", "versioned": True, **file},
        "matrix": {"type": f"{ours}.sparse_matrix.SparseMatrixDataset", **file},
        "model": {"type": f"{ours}.fitted_model.FittedModelDataset", **file},
        "movies": {
            "type": f"{ours}.movielens.MovieLensDataset",
            "name": "ml-1m",
            "path": ".",
            **raw,
        },
        "films": {
            "type": f"{ours}.fabricated.FabricatedDataset",
            "users": 4,
            "items": 4,
            "seed": 1,
            **raw,
        },
    }
    catalog = DataCatalog.from_config(entries)
    for name in entries:
        assert catalog.get(name).metadata == metadata
    assert not catalog.exists("table")
    assert catalog.exists("films")


def test_a_text_comes_back_and_shows_what_its_yaml_holds(tmp_path: Path) -> None:
    dataset = TextDataset(filepath=str(tmp_path / "proposal.yml"))
    assert json.loads(dataset.preview()) == {}
    dataset.save("# gefunden: ½\ncdae:\n  model: {hidden_size: 3}  # found\n")
    assert dataset.load().startswith("# gefunden: ½\n")
    assert json.loads(dataset.preview()) == {"cdae": {"model": {"hidden_size": 3}}}
    (tmp_path / "proposal.yml").write_bytes(b"\xff\xfe")
    assert_broken_is_named(dataset, tmp_path / "proposal.yml")
