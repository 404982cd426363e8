"""Mutations of stored files, as pairs of a kind and the changed bytes.

`any_bytes` knows nothing of a format. The others rewrite a file by its format, as another program
would, or forge it: consistent, and with the checksum that this project would have written.
"""

import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load, save

from collaborative_autoencoders.checksum import PLACEHOLDER, with_checksum
from collaborative_autoencoders.interactions.npz import arrays_from_bytes, arrays_to_bytes
from collaborative_autoencoders.interactions.table_bytes import table_from_bytes, table_to_bytes
from collaborative_autoencoders.models.bytes import about_model

Mutation = tuple[str, bytes]
FLIPS = 8


def any_bytes(content: bytes, seed: int) -> Iterator[Mutation]:
    """Yield flipped bits, cuts, overwritten blocks, and bytes more than there were."""
    draw = random.Random(seed)
    for _ in range(FLIPS):
        changed = bytearray(content)
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        yield "a flipped bit", bytes(changed)
    for share in (0.0, 0.3, 0.99):
        yield "a cut", content[: int(share * len(content))]
    start = draw.randrange(max(1, len(content) - 16))
    yield "a block of zeros", content[:start] + bytes(16) + content[start + 16 :]
    yield "bytes more", content + draw.randbytes(16)


ARRAYS: dict[str, Callable[[dict[str, np.ndarray]], Any]] = {
    "NaN": lambda a: _set(a, "ratings", 0, np.nan),
    "infinity": lambda a: _set(a, "ratings", 0, np.inf),
    "complex values": lambda a: a.update(ratings=a["ratings"].astype(np.complex64)),
    "float64 values": lambda a: a.update(ratings=a["ratings"].astype(np.float64)),
    "a value off the scale": lambda a: _set(a, "ratings", int(np.argmax(a["liked"])), 99),
    "2^60 columns": lambda a: a.update(shape=np.array([a["shape"][0], 2**60])),
    "2^31 - 1 columns": lambda a: a.update(shape=np.array([a["shape"][0], 2**31 - 1])),
    "a row less": lambda a: a.update(shape=a["shape"] - [1, 0], indptr=a["indptr"][:-1]),
    "unsorted indices": lambda a: a.update(indices=a["indices"][::-1].copy()),
    "duplicate indices": lambda a: a["indices"].fill(0),
    "an index outside": lambda a: _set(a, "indices", 0, 10**6),
    "an indptr that falls": lambda a: _set(a, "indptr", 1, 10**6),
    "a like below the others": lambda a: _set(a, "liked", int(np.argmin(a["ratings"])), True),
    "no likes": lambda a: a["liked"].fill(False),
    "likes of another type": lambda a: a.update(liked=a["liked"].astype(np.int8)),
    "a time less": lambda a: a.update(times=a["times"][1:]),
    "a time that is NaN": lambda a: _set(a, "times", 0, np.nan, np.float64),
    "another layout": lambda a: a.update(layout=np.array(99)),
    "an array more": lambda a: a.update(more=np.zeros(3)),
    "an array less": lambda a: a.pop("liked"),
}


def npz(content: bytes) -> Iterator[Mutation]:
    """Yield parts with changed arrays, saved by numpy and forged."""
    for kind, change in ARRAYS.items():
        arrays = {name: values.copy() for name, values in arrays_from_bytes(content).items()}
        if "times" not in arrays and "time" in kind:
            continue
        change(arrays)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        yield "npz by numpy", buffer.getvalue()
        if kind != "no likes":  # a part of a run with another threshold: its fingerprint differs
            yield "npz, forged", arrays_to_bytes(**arrays)
    yield "an archive that inflates", bomb("ratings.npy")


def bomb(name: str) -> bytes:
    """Return a small archive, with a valid checksum, of a file that inflates to a gigabyte."""
    buffer, block = io.BytesIO(), bytes(2**20)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.comment = PLACEHOLDER.encode()
        with archive.open(name, "w", force_zip64=True) as file:
            for _ in range(1024):
                file.write(block)
    return with_checksum(buffer)


def _set(
    arrays: dict[str, np.ndarray], name: str, place: int, value: Any, dtype: Any = None
) -> None:
    arrays[name] = arrays[name].astype(dtype or arrays[name].dtype)
    arrays[name][place] = value


HUGE = {"users": 2**31 - 1, "items": 2**31 - 1, "lowest_rating": 1.0, "highest_rating": 5.0}
HEADERS: tuple[dict[str, Any], ...] = (
    {"members": 10**7},
    {"members": 2},
    {"members": True},
    {"catalogue": HUGE},
    {"catalogue": HUGE | {"users": 2**60}},
    {"catalogue": {}},
    {"options": {}},
    {"options": {"hidden_size": 10**9}},
    {"left_out": "never fitted"},
    {"model": "nothing"},
    {"model": "popularity"},
    {"parts": "00"},
    {"refitted": "yes"},
    {"format": 1},
    {"more": []},
)


def safetensors(content: bytes, others: bytes) -> Iterator[Mutation]:
    """Yield models with other headers and tensors, saved by safetensors and forged."""
    header, state = about_model(content), load(content)
    for about in HEADERS:
        yield "safetensors by its library", _model(header | about, state)
        yield "safetensors, forged header", _forged(header | about, state)
    for name in state:
        changes: list[dict[str, np.ndarray]] = [
            {name: state[name].astype(np.float64)},
            {name: state[name].reshape(-1)[:-1].copy()},
            {name: np.full_like(state[name], np.nan) if state[name].dtype.kind == "f" else []},
        ]
        for change in changes:
            changed = state | {key: np.asarray(value) for key, value in change.items()}
            yield "safetensors by its library", _model(header, changed)
            yield "safetensors, forged tensors", _forged(header, changed)
    yield "another model's file", others


def _model(header: dict[str, Any], state: dict[str, np.ndarray]) -> bytes:
    return save(state, {"about": json.dumps(header)})


def _forged(header: dict[str, Any], state: dict[str, np.ndarray]) -> bytes:
    return with_checksum(io.BytesIO(_model(header | {"checksum": PLACEHOLDER}, state)))


def parquet(content: bytes) -> Iterator[Mutation]:
    """Yield tables with changed cells, rows and columns, written by pandas and forged.

    Ratings are forged only in ways that cannot be: without a row, a time or the column of ratings
    they are a valid table of other data, which only the record of a run tells.
    """
    table = table_from_bytes(content)
    is_raw = "user_id" in table and "item_id" in table
    optional = {"rating", "timestamp"} if is_raw else set()
    for column in table:
        for changed in _of_column(table, column):
            buffer = io.BytesIO()
            changed.to_parquet(buffer)
            yield "Parquet by pandas", buffer.getvalue()
            if column not in optional or changed.isin([np.inf]).any(axis=None):
                yield "Parquet, forged", table_to_bytes(changed)
    for changed in (pd.concat([table, table.tail(1)]), *([] if is_raw else [table.iloc[1:]])):
        yield "Parquet, forged", table_to_bytes(changed.reset_index(drop=True))


def _of_column(table: pd.DataFrame, column: Any) -> Iterator[pd.DataFrame]:
    values = table[column]
    yield table.drop(columns=column)
    yield table.assign(**{column: values.astype(str)})
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        yield table.assign(**{column: values.mask(values.index == 0, -5)})
        yield table.assign(**{column: values.astype("float64").mask(values.index == 1, np.inf)})


def archive(content: bytes) -> Iterator[Mutation]:
    """Yield lookups whose files were changed, packed by zipfile and forged."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    about = json.loads(files["about.json"])
    facts = about["facts"]
    for change in ({"users": facts["users"] + 1}, {"items": "40"}, {"rated": 1}, {"likes": -1}):
        text = json.dumps(about | {"facts": facts | change}).encode()
        yield "zip by zipfile", _packed(files | {"about.json": text})
        yield (
            "zip, forged",
            with_checksum(io.BytesIO(_packed(files | {"about.json": text}, PLACEHOLDER.encode()))),
        )
    for name in files:
        others = {other: files[other] for other in files if other != name}
        yield "zip, forged", with_checksum(io.BytesIO(_packed(others, PLACEHOLDER.encode())))
    swapped = files | {"users.parquet": files["items.parquet"]}
    yield "zip, forged", with_checksum(io.BytesIO(_packed(swapped, PLACEHOLDER.encode())))
    yield "an archive that inflates", bomb("users.parquet")


def _packed(files: dict[str, bytes], comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.comment = comment
        for name, content in files.items():
            opened.writestr(name, content)
    return buffer.getvalue()
