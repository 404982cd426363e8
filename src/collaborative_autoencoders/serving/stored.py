"""The folder of a recommender: its files, their checksums, and what they must have in common.

    about.json         format, threshold of a like, facts about the data, checksum of each file
    model.safetensors  users.parquet  items.parquet  history.npz  seen.npz  held_out.npz

Dimension key: U users, I items.
"""

import io
import json
import os
from collections.abc import Callable, Mapping
from mmap import ACCESS_COPY, mmap
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.checksum import PLACEHOLDER, check_checksum, with_checksum
from collaborative_autoencoders.columns import LIKES, USER
from collaborative_autoencoders.interactions.claims import (
    check_facts,
    check_ids,
    check_titles,
    strict_json,
)
from collaborative_autoencoders.interactions.core_shape import core_shape_of
from collaborative_autoencoders.interactions.sparse import count_each, first_cells, likes_of
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.options import Options, read_options

ABOUT = "about.json"
FORMAT = 3
"""Version of the folder's format. Folders of another version are not read."""

T = TypeVar("T")


class OtherFormat(ValueError):
    """A folder has a format that this code does not read."""


class About(Options):
    """The content of about.json."""

    format: Literal[3]
    checksum: str
    like_threshold: float | None
    data: dict[str, Any]
    files: dict[str, str]
    """The checksum of each file, so that files of two recommenders are not mixed."""


def write_folder(
    folder: Path,
    files: Mapping[str, Callable[[], bytes]],
    like_threshold: float | None,
    data: dict[str, Any],
) -> None:
    """Write the files, each made when it is written, and about.json with their checksums."""
    checksums = {}
    for name, make in files.items():
        content = make()
        (folder / name).write_bytes(content)
        checksums[name] = check_checksum(content)
        del content  # before the next is made
    about = {
        "format": FORMAT,
        "checksum": PLACEHOLDER,
        "like_threshold": like_threshold,
        "data": data,
        "files": checksums,
    }
    (folder / ABOUT).write_bytes(with_checksum(io.BytesIO(json.dumps(about, indent=2).encode())))


def read_about(folder: Path) -> About:
    """Return the content of about.json.

    Raises OtherFormat if the folder has another format, and ValueError if the file is not valid.
    """
    file = folder / ABOUT
    content = file.read_bytes() if file.is_file() else b"{}"
    try:
        raw = strict_json(content)
        found = raw.get("format") if isinstance(raw, dict) else None
        if found == FORMAT:
            check_checksum(content)
            about = read_options(About, raw)
            check_facts(about.data)
            return about
    except ValueError as error:
        raise ValueError(_broken(file, error)) from error
    raise OtherFormat(f"was registered in format {found}, and this code reads format {FORMAT}")


def mapped(file: Path) -> bytes | mmap:
    """Return a file in memory, which processes that map it share; what one writes stays its own.

    The file must not be overwritten in place while it is mapped. On Windows, where it could not be
    deleted, its bytes are read.
    """
    if os.name == "nt":
        return file.read_bytes()
    with file.open("rb") as opened:
        return mmap(opened.fileno(), 0, access=ACCESS_COPY)


def read_file(
    folder: Path,
    name: str,
    about: About,
    from_bytes: Callable[[Any], T],
    read: Callable[[Path], bytes | mmap] = Path.read_bytes,
) -> T:
    """Return the value of one file. Raises ValueError, with the file, if it is not valid."""
    file = folder / name
    try:
        content = read(file)
        value = from_bytes(content)
        if check_checksum(content) != about.files.get(name):
            raise ValueError("it belongs to another version of a model")
        return value
    except (ValueError, OSError) as error:
        raise ValueError(_broken(file, error)) from error


def check_tables(users: pd.DataFrame, items: pd.DataFrame, catalogue: Catalogue) -> None:
    """Raise ValueError unless the tables have one row per user and item of the catalogue."""
    check_ids(users, USER)
    check_titles(items)
    if (len(users), len(items)) != (catalogue.users, catalogue.items):
        raise ValueError(
            f"{len(users)} users and {len(items)} items have ids, but the model was fitted on "
            f"{catalogue.users} and {catalogue.items}"
        )


def check_matrices(
    history_UI: csr_array,
    seen_UI: csr_array,
    held_out_UI: csr_array,
    items: pd.DataFrame,
    about: About,
    shape: Catalogue,
) -> None:
    """Raise ValueError unless histories and ratings are on the scale and have the catalogue's size.

    The likes of the items are counted again.
    """
    matrices = {"history": history_UI, "seen": seen_UI, "held_out": held_out_UI}
    for name, matrix_UI in matrices.items():
        if matrix_UI.shape != (shape.users, shape.items):
            raise ValueError(f"{name} has the shape {matrix_UI.shape}, not that of the model")
    lowest, highest = shape.lowest_rating, shape.highest_rating
    values_N = seen_UI.data
    if lowest is not None and not ((values_N >= lowest) & (values_N <= highest)).all():
        raise ValueError(f"a rating lies outside the scale from {lowest} to {highest}")
    likes_I = likes_of_items(seen_UI, about.like_threshold, about.data)
    if LIKES not in items or not np.array_equal(items[LIKES].to_numpy(), likes_I):
        raise ValueError("the likes of the items are not those of the ratings")


def likes_of_items(
    seen_UI: csr_array, threshold: float | None, facts: dict[str, Any]
) -> NDArray[np.int64]:
    """Return the number of users of the core who like each item, 0 outside the core; shape (I,).

    It ranks lists by popularity as evaluation does, also beside a model that knows all ratings.
    """
    users, items = seen_UI.shape
    core_UI = first_cells(seen_UI, core_shape_of({"users": users, "items": items} | facts))
    likes_UI = core_UI if threshold is None else likes_of(core_UI, threshold)
    return count_each(likes_UI.indices, seen_UI.shape[1])


def _broken(file: Path, error: Exception) -> str:
    return f"{file} is not valid: {error}. Register the model again"
