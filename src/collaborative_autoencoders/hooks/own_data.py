"""Ratings from a user's own catalog entry: ids, titles, missing files, name and checksum."""

import inspect
import logging
import math
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, cast

import pandas as pd
import yaml
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.io.core import get_protocol_and_path, parse_dataset_definition

from collaborative_autoencoders.config_loader import ProjectConfigLoader
from collaborative_autoencoders.interactions.own_split import about_parts
from collaborative_autoencoders.interactions.rows import PARTS
from collaborative_autoencoders.state.content import sha256
from collaborative_autoencoders.tracking.masking import mask_values

from .environment import warn_of_unread_titles

logger = logging.getLogger(__name__)

RATINGS = ("ratings", "newer_ratings")
RAW = (*RATINGS, "items")
SPARK_CSV = "collaborative_autoencoders.cluster.own_csv.OwnSparkCSVDataset"


class OwnDataHook:
    """Reads the ids of own data as they are in the file, and names the data after the file."""

    for_workers: ClassVar = ("_files", "_has_parts")

    def __init__(self) -> None:
        """Create the hook. No table is read yet."""
        self._about: dict[str, dict[str, str]] = {}
        self._has_parts = False

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Let datasets that do not guess ids read the raw tables of own data.

        MovieLens titles are left out if the ratings are not from MovieLens.
        """
        loader = cast(ProjectConfigLoader, context.config_loader)
        columns = loader["parameters"].get("cleaning", {}).get("columns", {})
        self._has_parts = columns.get("part") is not None
        entries = with_own_titles(loader["catalog"])
        warn_of_unread_titles(loader, entries)
        loader["catalog"] = entries | own_entries(entries, loader["parameters"])

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        """Add an empty table of titles if there is none.

        So a user's own data need one catalog entry, `ratings`; an entry `items` adds titles.
        """
        if catalog.get("items") is None:
            catalog["items"] = MemoryDataset(pd.DataFrame())
        entries, *_ = catalog.to_config()
        self._files = {name: local_file(entries.get(name, {})) for name in RAW}

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str) -> None:
        """Raise DatasetError if the file of a raw table is missing or empty."""
        file = self._files.get(dataset_name)
        if file is None:
            return
        fix = f"Put the table there, or name another file in the catalog entry `{dataset_name}`."
        is_pattern = any(mark in str(file) for mark in "*?[{")  # of several files, for Spark
        if not file.exists() and not is_pattern:
            raise DatasetError(f"{dataset_name}: there is no {file}. {fix}")
        if file.is_file() and not file.stat().st_size:
            raise DatasetError(f"{dataset_name}: {file} is empty. {fix}")
        if dataset_name in RATINGS:  # as it is now: it may be replaced while it is read
            self._about[dataset_name] = about(file)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Add the name and checksum of the file to ratings that do not have them."""
        file = self._files.get(dataset_name)
        if dataset_name in RATINGS and file is not None and isinstance(data, pd.DataFrame):
            data.attrs = self._about[dataset_name] | data.attrs
        if dataset_name == "ratings" and file is not None and not self._has_parts:
            say_parts(file, data)


def say_parts(folder: Path, table: Any) -> None:
    """Log what to change if a folder that is read as one table has the parts of a split.

    The tables of a `partitions.PartitionedDataset` are named by the node that cleans them.
    """
    if PARTS in getattr(table, "attrs", {}) or not folder.is_dir():
        return
    parts = about_parts([file.name for file in folder.iterdir()])
    if parts:
        logger.warning("%s, with `type: partitions.PartitionedDataset` in the catalog entry", parts)


def with_own_titles(entries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the entries without MovieLens titles of ratings that are not from MovieLens.

    `items: null` is no entry: a table without titles.
    """
    entries = {name: entry for name, entry in entries.items() if name != "items" or entry}
    if not is_movielens(entries.get("items")) or is_movielens(entries.get("ratings")):
        return entries
    return {name: entry for name, entry in entries.items() if name != "items"}


def is_movielens(entry: dict[str, Any] | None) -> bool:
    """Return whether an entry is of MovieLens; False for a type that Kedro refuses later."""
    from collaborative_autoencoders.datasets.movielens import MovieLensDataset

    try:
        kind, _ = parse_dataset_definition({"type": (entry or {}).get("type", "")})
    except DatasetError:
        return False
    return issubclass(kind, MovieLensDataset)


def own_entries(
    entries: dict[str, dict[str, Any]], parameters: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the entries of raw tables that pandas reads, with datasets of this project."""
    columns = parameters.get("cleaning", {}).get("columns", {})
    titles = parameters.get("titles", {})
    features = (parameters.get("new_items") or {}).get("features") or {}
    described = [features.get(key) or [] for key in ("categories", "text")]  # not validated yet
    texts = [*named(titles, "title"), *chain(*described)]
    of_items = {"ids": [titles.get("item_id")], "texts": list(dict.fromkeys(texts))}
    of_ratings = {
        "ids": [columns.get("user_id"), columns.get("item_id")],
        "others": named(columns, "rating", "part"),
        "times": named(columns, "timestamp"),
    }
    uses = dict.fromkeys(RATINGS, of_ratings) | {"items": of_items}
    own = {name: own_entry(entries[name], **uses[name]) for name in RAW if name in entries}
    for name in own:
        refuse_arguments_of_parts(name, entries[name])
    return {name: entry for name, entry in own.items() if entry is not None}


def refuse_arguments_of_parts(name: str, entry: dict[str, Any]) -> None:
    """Raise ValueError if an entry that joins parts has pandas' arguments in its own `load_args`.

    These are arguments of the listing of files, where pandas' have no effect.
    """
    if not str(entry["type"]).endswith("PartitionedDataset") or not entry.get("load_args"):
        return
    part = part_of(entry)
    kind = str(part["type"]).rpartition(".")[2].removesuffix("Dataset")
    reader = getattr(pd, f"read_{part.get('file_format', kind)}".lower(), None)
    known = {*inspect.signature(reader).parameters, "dtype"} if reader else set()
    stray = {key: value for key, value in entry["load_args"].items() if key in known}
    if stray:
        moved = mask_values(part) | {"load_args": (part.get("load_args") or {}) | stray}
        text = yaml.safe_dump(moved, default_flow_style=True, sort_keys=False, width=math.inf)
        raise ValueError(
            f"catalog (conf/): {name}: `load_args` of a PartitionedDataset list its files, and "
            f"have no effect for {', '.join(stray)}. Write instead: `dataset: {text.strip()}`"
        )


def part_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the dataset that reads each part."""
    part = entry["dataset"]
    return part if isinstance(part, dict) else {"type": part}


def named(columns: dict[str, Any], *keys: str) -> list[Any]:
    """Return the names of these columns, of those that the table has."""
    return [columns[key] for key in keys if columns.get(key) is not None]


def own_entry(
    entry: dict[str, Any],
    ids: list[Any],
    texts: Sequence[Any] = (),
    others: Sequence[Any] = (),
    times: Sequence[Any] = (),
) -> dict[str, Any] | None:
    """Return the entry of a dataset that reads these ids and texts as they are in the file.

    `others` are the names of its ratings and parts.

    None for a dataset that is neither of pandas nor CSV files of Spark, or whose format this
    project does not know.
    """
    words = str(entry["type"]).split(".")
    is_csv = str(entry.get("file_format")).lower() == "csv"
    if is_csv and words[-1] in ("SparkDataset", "SparkDatasetV2"):
        return entry | {"type": SPARK_CSV, "ids": ids, "numbers": list(others)}
    if "pandas" not in words and "partitions" not in words:
        return None  # the class is not imported, which may take long
    from collaborative_autoencoders.datasets.joined_parts import JoinedPartsDataset
    from collaborative_autoencoders.datasets.own_table import OwnTableDataset, format_of

    columns = {"ids": ids, "texts": texts, "others": others, "times": times}
    columns = {use: names for use, names in columns.items() if names}
    if words[:-1] == ["pandas"] and format_of(words[-1], entry.get("file_format")):
        # not imported here: every run has the entry `newer_ratings`, and few read it
        return entry | {"type": path_of(OwnTableDataset), "of": entry["type"]} | columns
    kind, _ = parse_dataset_definition({"type": entry["type"]})
    if not kind.__module__.startswith("kedro_datasets."):
        return None
    if kind.__name__ == "PartitionedDataset":
        part = part_of(entry)
        own = own_entry(part, ids, texts, others, times)
        part = part if own is None else own | {"is_part": True}
        return entry | {"type": path_of(JoinedPartsDataset), "dataset": part}
    if "pandas" not in kind.__module__ or not format_of(kind.__name__, entry.get("file_format")):
        return None
    return entry | {"type": path_of(OwnTableDataset), "of": path_of(kind)} | columns


def path_of(kind: type) -> str:
    """Return the name by which a catalog entry names a class."""
    return f"{kind.__module__}.{kind.__name__}"


def local_file(entry: dict[str, Any]) -> Path | None:
    """Return the local file or folder of a catalog entry, or None if it reads another place."""
    protocol, path = get_protocol_and_path(str(entry.get("filepath") or entry.get("path") or ""))
    return Path(path) if protocol == "file" and path else None


def about(file: Path) -> dict[str, str]:
    """Return `data_set`, the file's name without its ending, and its SHA-256 as `checksum`."""
    name = {"data_set": file.stem}
    return name | {"checksum": sha256(file)} if file.is_file() else name
