"""Parts of the split as folders of Parquet files, each of a range of users, that workers write."""

import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import DatasetError

from collaborative_autoencoders.datasets.file_dataset import OneFileDataset, broken
from collaborative_autoencoders.datasets.interactions import summary_of
from collaborative_autoencoders.datasets.previews import JSONPreview
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part_counts import Counted
from collaborative_autoencoders.interactions.part_rows import (
    PartSize,
    ShardedPart,
    part_of_rows,
    said_in_file,
)


@runtime_checkable
class Written(Counted, Protocol):
    """A part that workers count and write, such as `cluster.PartTable`."""

    def write(self, folder: str) -> None:
        """Write the rows as Parquet files, sorted by user and item, in the order of their names."""


class ShardedPartDataset(OneFileDataset[Written, Interactions]):
    """One part of the split in a folder of Parquet files, a rating a row.

    Each file has the rows of some users: `interactions.part_rows` has the columns.
    """

    def __init__(self, *, filepath: str, **arguments: Any) -> None:
        """Create the entry; `filepath` is the folder, as Spark and fsspec name it.

        Raises DatasetError for `versioned: true`.
        """
        super().__init__(filepath=filepath, **arguments)
        if self._version is not None:
            raise DatasetError(
                f"{filepath}: workers write one folder, without versions. Remove `versioned: true`"
            )
        self._folder = filepath

    def load(self) -> ShardedPart:
        """Return the part; the driver reads one file after the other.

        Raises DatasetError, with the folder and a fix, if it is missing or not whole.
        """
        path = self._path_to_read()
        files = sorted(self._fs.glob(f"{path}/*.parquet"))
        files = [file for file in files if file.rpartition("/")[2][0] not in "._"]  # as Spark
        try:
            if not files:
                raise ValueError("it has no file")
            size, rows = said_in_file(self._schema(files[0]))
            part = part_of_rows(self._tables(files, (size, rows)), size, rows)
        except (ValueError, pa.ArrowException) as error:
            raise DatasetError(broken(path, "part of the split (Parquet)", error)) from error
        values = {field.name: getattr(part, field.name) for field in fields(part)}
        return ShardedPart(**values, folder=self._folder)

    def save(self, data: Written) -> None:
        """Let the workers write the part.

        Raises DatasetError if it is not a table of Spark.
        """
        if not isinstance(data, Written):
            raise DatasetError(
                f"{self._folder}: {type(data).__name__} is not a table of Spark. Let `ratings` be "
                "one, or the entry a collaborative_autoencoders.datasets.interactions."
                "InteractionsDataset with a path that ends with .npz"
            )
        data.write(self._folder)
        self._forget_listings()

    def preview(self) -> JSONPreview:
        """Return users, items, ratings, likes, density and span of time for kedro-viz."""
        return JSONPreview(json.dumps(summary_of(self.load()) if self.exists() else {}))

    def _schema(self, file: str) -> pa.Schema:
        with self._place.open_to_read(file) as opened:
            return pq.read_schema(opened)

    def _tables(self, files: list[str], said: tuple[PartSize, int]) -> Iterator[pa.Table]:
        """Yield the rows of each file. Raises ValueError if one does not say this of its part."""
        for file in files:
            with self._place.open_to_read(file) as opened:
                rows = pq.ParquetFile(opened).read()
            if said_in_file(rows.schema) != said:
                raise ValueError(f"{file} is of another part")
            yield rows.replace_schema_metadata()
