"""A change of a raw table is seen wherever its file is."""

import functools
import http.server
import threading
from pathlib import Path
from typing import ClassVar

import fsspec
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from kedro.io import DataCatalog

from collaborative_autoencoders.hooks.own_data import OwnDataHook, own_entries
from collaborative_autoencoders.hooks.stored import Files
from collaborative_autoencoders.state import content

COLUMNS = {"cleaning": {"columns": {"user_id": "u", "item_id": "i", "rating": "r"}}}
CSV, BEFORE, AFTER = "pandas.CSVDataset", b"u,i,r\n1,2,3\n", b"u,i,r\n1,2,3\n4,5,6\n"


class Guarded(MemoryFileSystem):
    """A store that answers only those who have its key."""

    protocol = "oss"
    store: ClassVar[dict] = {}  # not that of the base class, which all tests share
    pseudo_dirs: ClassVar = [""]

    def __init__(self, *arguments, key=None, **options):
        super().__init__(*arguments, **options)
        self.key = key

    @classmethod
    def _strip_protocol(cls, path):
        return "/" + path.removeprefix("oss://").strip("/")

    def info(self, path, **options):
        if self.key != "secret":
            raise PermissionError("no key")
        return super().info(path, **options)


def files_of(entry: dict, credentials: dict | None = None, versions=None) -> Files:
    entries = own_entries({"ratings": entry}, COLUMNS)
    catalog = DataCatalog.from_config(entries, credentials, load_versions=versions)
    return Files(catalog, Path("/project"))


def sees_a_change(files: Files, change) -> bool:
    before = files.raw_content("ratings", None)
    assert files.is_in_sight("ratings")
    assert files.raw_content("ratings", None).same_as(before)
    change()
    return not files.raw_content("ratings", None).same_as(before)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": CSV, "filepath": "oss://bucket/r.csv", "credentials": "mine"},
        {"type": CSV, "filepath": "oss://bucket/r.csv", "fs_args": {"key": "secret"}},
        {
            "type": "partitions.PartitionedDataset",
            "path": "oss://bucket",
            "dataset": CSV,
            "credentials": "mine",
        },
    ],
)
def test_of_a_file_in_a_store_that_wants_credentials(entry):
    fsspec.register_implementation("oss", Guarded, clobber=True)
    store = fsspec.filesystem("oss", key="secret")
    store.pipe_file("/bucket/r.csv", BEFORE)
    files = files_of(entry, {"mine": {"key": "secret"}})
    assert sees_a_change(files, lambda: store.pipe_file("/bucket/r.csv", AFTER))


def test_of_a_part_of_a_table_but_not_of_a_hidden_file(tmp_path):
    entry = {"type": "partitions.PartitionedDataset", "path": tmp_path.as_posix(), "dataset": CSV}
    (tmp_path / "a.csv").write_bytes(BEFORE)
    files = files_of(entry)
    hidden = tmp_path / ".ipynb_checkpoints" / "a-checkpoint.csv"
    hidden.parent.mkdir()
    assert not sees_a_change(files, lambda: hidden.write_bytes(BEFORE))
    assert sees_a_change(files, lambda: (tmp_path / "b.csv").write_bytes(AFTER))
    assert sees_a_change(files, (tmp_path / "a.csv").unlink)


def test_of_a_file_on_a_web_server(tmp_path):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    table = tmp_path / "r.csv"
    table.write_bytes(BEFORE)
    handler = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        files = files_of({"type": CSV, "filepath": f"http://127.0.0.1:{server.server_port}/r.csv"})
        assert sees_a_change(files, lambda: table.write_bytes(AFTER))
        server.shutdown()


def test_of_another_version(tmp_path):
    first, second = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"
    for version, rows in ((first, BEFORE), (second, AFTER)):
        file = tmp_path / "r.csv" / version / "r.csv"
        file.parent.mkdir(parents=True)
        file.write_bytes(rows)
    entry = {"type": CSV, "filepath": (tmp_path / "r.csv").as_posix(), "versioned": True}
    newest = files_of(entry).raw_content("ratings", None)
    older = files_of(entry, versions={"ratings": first})
    assert not older.raw_content("ratings", None).same_as(newest)


def test_or_it_is_known_that_it_cannot_be_seen(monkeypatch):
    class Silent(MemoryFileSystem):
        protocol = "silent"

        def info(self, path, **options):
            return {"name": path, "type": "file", "size": 12}

    fsspec.register_implementation("silent", Silent, clobber=True)
    assert not files_of({"type": CSV, "filepath": "silent://r.csv"}).is_in_sight("ratings")


def test_reading_a_file_is_no_change_of_it():
    said = {"name": "r.csv", "type": "file", "size": 12, "mtime": 5, "time": 6}
    assert content.said_of(said) == content.said_of(said | {"time": 7})
    assert content.said_of(said) != content.said_of(said | {"mtime": 7})
    unnamed = {"name": "r.csv", "type": "file", "size": 12, "revision": 5}
    assert content.said_of(unnamed) != content.said_of(unnamed | {"revision": 6})


def test_a_pattern_of_the_catalog_names_files_too(tmp_path):
    path = (tmp_path / "{model}.parquet").as_posix()
    entry = {"type": "pandas.ParquetDataset", "filepath": path}
    files = Files(DataCatalog.from_config({"{model}.ranked_items": entry}), tmp_path)
    found = files.places(["cdae.ranked_items", "params:k"])
    assert found == {(tmp_path / "cdae.parquet").as_posix()}


def test_two_projects_with_one_folder_of_data_name_one_file(tmp_path):
    (tmp_path / "one/data").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/data").symlink_to(tmp_path / "one/data")
    found = []
    for project in (tmp_path / "one", tmp_path / "other"):
        path = (project / "data/train.parquet").as_posix()
        entry = {"type": "pandas.ParquetDataset", "filepath": path}
        files = Files(DataCatalog.from_config({"train": entry}), project)
        assert files.stored("train").path == path  # which messages show
        found.append(files.places(["train"]))
    assert found[0] & found[1]


def test_a_table_is_named_after_its_own_file(tmp_path):
    """Pandas writes the attrs of a table into Parquet, such as those of the table it is part of."""
    table = pd.DataFrame({"u": [1], "i": [2], "r": [3.0]})
    table.attrs = {"data_set": "ml-100k", "checksum": "0" * 64, "checksum_is_official": True}
    table.attrs["parts"] = {"2024-02": 1}
    table.to_parquet(tmp_path / "mine.parquet")
    entry = {"type": "pandas.ParquetDataset", "filepath": (tmp_path / "mine.parquet").as_posix()}
    catalog = DataCatalog.from_config(own_entries({"ratings": entry}, COLUMNS))
    hook = OwnDataHook()
    hook.after_catalog_created(catalog)
    hook.before_dataset_loaded("ratings")
    loaded = catalog.load("ratings")
    hook.after_dataset_loaded("ratings", loaded)
    assert loaded.attrs["data_set"] == "mine"
    assert loaded.attrs["checksum"] != "0" * 64
    assert not loaded.attrs.keys() & {"checksum_is_official", "parts"}
