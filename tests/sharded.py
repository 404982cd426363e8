"""Parts of a split in folders of Parquet files, as workers write them."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collaborative_autoencoders.datasets.sharded_part import ShardedPartDataset
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part_rows import (
    SPARK_SCHEMA,
    PartSize,
    ShardedPart,
)
from collaborative_autoencoders.interactions.sparse import cells_of, user_of_cells


def size_of(part: Interactions) -> PartSize:
    return PartSize(*part.shape, *part.core_shape)


def rows_of(part: Interactions) -> pa.Table:
    """Return the rows of a part, in order of user and item."""
    whole = part.whole
    ratings_UI, cell_N = whole.ratings, cells_of(whole.ratings)
    like_cells = user_of_cells(whole.likes) * whole.shape[1] + whole.likes.indices
    columns = {
        "user_index": user_of_cells(ratings_UI).astype(np.int32),
        "item_index": ratings_UI.indices.astype(np.int32),
        "rating": ratings_UI.data,
        "liked": np.isin(cell_N, like_cells),
    }
    if whole.times is not None:
        columns["timestamp"] = whole.times.data
    if whole.order is not None:
        columns["order"] = np.zeros(len(cell_N), dtype=np.float32)
        columns["order"][columns["liked"]] = whole.order.data
    if part.fold_in is not None:
        columns["fold_in"] = np.isin(cell_N, cells_of(part.fold_in.ratings))
    return pa.table(columns)


def write(part: Interactions, folder: Path, files: int = 3) -> None:
    """Write the files of a part, each of some users."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "name": "user_index",
        "type": "integer",
        "metadata": size_of(part).with_rows(len(rows_of(part))),
    }
    rows = rows_of(part).replace_schema_metadata({SPARK_SCHEMA: json.dumps({"fields": [about]})})
    shard_N = rows["user_index"].to_numpy() * files // part.shape[0]
    for number in range(files):
        shard = rows.filter(pa.array(shard_N == number))
        pq.write_table(shard, folder / f"part-{number:05}.parquet")


def stored(part: Interactions, folder: Path) -> ShardedPart:
    """Write a part and read it."""
    write(part, folder)
    return ShardedPartDataset(filepath=folder.as_posix()).load()
