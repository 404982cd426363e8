"""Tables, parts of the split and models come back from disk as they were, or are refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.io.core import Version
from scipy.sparse import csr_array, save_npz

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.fitted_model import FittedModelDataset
from collaborative_autoencoders.datasets.interactions import InteractionsDataset
from collaborative_autoencoders.datasets.json_file import JsonFileDataset
from collaborative_autoencoders.datasets.reports import FigureDataset, TextDataset
from collaborative_autoencoders.datasets.table import TableDataset
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.popularity import Popularity, PopularityOptions

TABLE = pd.DataFrame({"user_id": ["a", "b"] * 500, "rating": np.arange(1000) / 7})


def part(time: float = 978_300_760) -> Interactions:
    """Two users, three items; user 0 rated item 1 with 4 and item 2 with 0, user 1 no item."""
    return Interactions.from_rows(
        np.array([0, 0]),
        np.array([1, 2]),
        (2, 3),
        ratings=np.array([4.0, 0.0]),
        times=np.array([time, time + 60]),
        like_threshold=4,
    )


def fitted() -> Fitted:
    popularity = Popularity(PopularityOptions(), Catalogue(2, 3, 1.0, 5.0))
    popularity.fit(part().likes)
    return Fitted("popularity", popularity, parts="ab12")


CASES = [
    pytest.param(TableDataset, TABLE, id="table"),
    pytest.param(InteractionsDataset, part(), id="part"),
    pytest.param(FittedModelDataset, fitted(), id="model"),
    pytest.param(JsonFileDataset, {"users": 3, "rated": True, "none": None}, id="json"),
]
each_kind = pytest.mark.parametrize(("kind", "value"), CASES)
Kind = type[FileDataset[Any]]


def assert_broken_is_named(dataset: FileDataset[Any], path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    assert str(path) in str(caught.value)
    assert f"is not a valid {dataset.kind}" in str(caught.value)
    assert "Delete it, then run again with --only-missing-outputs" in str(caught.value)


def test_whole_numbers_are_stored_by_their_differences_unless_the_entry_says_how(tmp_path):
    table = pd.DataFrame({"user_id": np.arange(1000), "rating": np.arange(1000) / 7})
    sizes = []
    for save_args in ({}, {"use_dictionary": True}):
        path = tmp_path / f"{len(sizes)}.parquet"
        dataset = TableDataset(filepath=str(path), save_args=save_args)
        dataset.save(table)
        pd.testing.assert_frame_equal(dataset.load(), table)
        sizes.append(path.stat().st_size)
    column = pq.ParquetFile(tmp_path / "0.parquet").metadata.row_group(0).column(0)
    assert "DELTA_BINARY_PACKED" in column.encodings
    assert sizes[0] < sizes[1]


@each_kind
def test_a_file_cut_short_anywhere_is_named_with_the_fix(
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
def test_a_file_of_something_else_is_named_with_the_fix(
    kind: Kind, value: Any, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"user_id,item_id,rating\n" * 100)
    assert_broken_is_named(kind(filepath=str(path)), path)


@pytest.mark.parametrize(("kind", "value"), CASES[:2])
def test_a_changed_byte_among_the_values_is_noticed(kind: Kind, value: Any, tmp_path: Path) -> None:
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
    with pytest.raises(DatasetError, match=r"There is no .*absent\. "):
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


def test_a_part_comes_back_with_its_stored_zeros_likes_and_times(tmp_path: Path) -> None:
    dataset = InteractionsDataset(filepath=str(tmp_path / "train.npz"))
    dataset.save(part())
    loaded = dataset.load()
    assert loaded.ratings.data.tolist() == [4, 0]
    assert loaded.likes.toarray().tolist() == [[0, 1, 0], [0, 0, 0]]
    assert loaded.times is not None
    assert loaded.times.toarray().tolist() == [[0, 978_300_760, 978_300_820], [0, 0, 0]]
    assert loaded.times.dtype == np.int64


def test_a_missing_part_comes_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        InteractionsDataset(filepath=str(tmp_path / "train.npz")).load()
    assert f"There is no {(tmp_path / 'train.npz').as_posix()}" in str(caught.value)
    assert "kedro run --pipelines data_engineering" in str(caught.value)


def test_a_matrix_of_an_older_version_comes_with_the_command_that_makes_a_part(
    tmp_path: Path,
) -> None:
    save_npz(tmp_path / "train.npz", part().ratings)  # as train_ratings.npz was
    with pytest.raises(DatasetError) as caught:
        InteractionsDataset(filepath=str(tmp_path / "train.npz")).load()
    assert (tmp_path / "train.npz").as_posix() in str(caught.value)
    assert "layout" in str(caught.value)
    assert "kedro run --pipelines data_engineering" in str(caught.value)


def test_a_model_comes_back_scoring_the_same(tmp_path: Path) -> None:
    dataset = FittedModelDataset(filepath=str(tmp_path / "model.safetensors"))
    dataset.save(fitted())
    before, after = fitted().model, dataset.load().model
    assert before is not None
    assert after is not None
    anyone = np.array([0, -1])
    likes = part().likes
    np.testing.assert_array_equal(after.score(likes, anyone), before.score(likes, anyone))
    assert dataset.load()._replace(model=before) == fitted()._replace(model=before)


def test_previews_show_what_a_person_wants_to_know(tmp_path: Path) -> None:
    table = TableDataset(filepath=str(tmp_path / "table"))
    table.save(TABLE)
    assert table.preview(nrows=2)["data"] == [["a", 0.0], ["b", 0.1429]]
    train = InteractionsDataset(filepath=str(tmp_path / "train.npz"))
    train.save(part())
    assert json.loads(train.preview()) == {
        "users": 2,
        "items": 3,
        "ratings": 2,
        "likes": 1,
        "density": 0.333333,  # 2 / (2 * 3)
        "first_time": "2000-12-31 22:12:40 UTC",
        "last_time": "2000-12-31 22:13:40 UTC",
    }
    model = FittedModelDataset(filepath=str(tmp_path / "model"))
    model.save(fitted())
    shown = model.preview()
    assert shown["layout"]["title"]["text"] == "popularity: 3 numbers"
    assert shown["data"][0]["cells"]["values"] == [["likes_I"], ["3"]]


def test_previews_of_what_is_empty_or_not_yet_there_are_quiet(tmp_path: Path) -> None:
    table = TableDataset(filepath=str(tmp_path / "table"))
    assert table.preview() == {"index": [], "columns": [], "data": []}
    table.save(TABLE.iloc[:0])
    assert table.preview()["columns"] == ["user_id", "rating"]
    assert json.loads(InteractionsDataset(filepath=str(tmp_path / "absent")).preview()) == {}
    assert FittedModelDataset(filepath=str(tmp_path / "absent")).preview() == {}
    empty = InteractionsDataset(filepath=str(tmp_path / "empty"))
    empty.save(Interactions.of(csr_array((0, 3), dtype=np.float32), like_threshold=4))
    shown = json.loads(empty.preview())
    assert (shown["density"], shown["first_time"], shown["last_time"]) == (None, None, None)


@pytest.mark.parametrize("time", [0, 7, 0.5])
def test_times_that_are_no_unix_seconds_are_shown_as_they_are(time: float, tmp_path: Path) -> None:
    train = InteractionsDataset(filepath=str(tmp_path / "train.npz"))
    train.save(part(time))
    shown = json.loads(train.preview())
    assert (shown["first_time"], shown["last_time"]) == (time, time + 60)


def test_the_catalog_makes_each_dataset_of_ours_from_yaml_like_entries(tmp_path: Path) -> None:
    ours = "collaborative_autoencoders.datasets"
    metadata = {"kedro-viz": {"layer": "primary"}}
    file = {"filepath": str(tmp_path / "file"), "metadata": metadata}
    raw = {"table": "items", "metadata": metadata}
    entries = {
        "table": {"type": f"{ours}.table.TableDataset", "versioned": True, **file},
        "part": {"type": f"{ours}.interactions.InteractionsDataset", **file},
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


def test_a_figure_of_plotly_5_is_drawn_without_the_defaults_of_charts_that_are_no_more(
    tmp_path: Path,
) -> None:
    template = {
        "data": {"heatmapgl": [{"type": "heatmapgl"}], "scatter": [{"type": "scatter"}]},
        "layout": {"mapbox": {"style": "light"}, "font": {"color": "#2a3f5f"}},
    }
    figure = {"data": [{"type": "scatter", "y": [3]}], "layout": {"template": template}}
    (tmp_path / "curves.json").write_text(json.dumps(figure), encoding="utf-8")
    shown = FigureDataset(filepath=str(tmp_path / "curves.json")).preview()
    assert shown["data"] == figure["data"]
    assert shown["layout"]["template"] == {
        "data": {"scatter": [{"type": "scatter"}]},
        "layout": {"font": {"color": "#2a3f5f"}},
    }


def test_a_figure_with_a_chart_that_is_no_more_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text('{"data": [{"type": "heatmapgl"}]}', encoding="utf-8")
    assert_broken_is_named(
        FigureDataset(filepath=str(tmp_path / "map.json")), tmp_path / "map.json"
    )
