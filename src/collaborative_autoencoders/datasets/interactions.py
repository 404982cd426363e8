"""Parts of the split as .npz files."""

import json
from datetime import UTC, datetime
from typing import Any

from kedro.io import DatasetError

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.previews import JSONPreview
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part_bytes import (
    OlderLayout,
    part_from_bytes,
    part_to_bytes,
)

DATES_FROM, DATES_TO = 1e8, 1e11
"""Times between these numbers, as Unix seconds the years 1973 to 5138, are shown as dates."""


class InteractionsDataset(FileDataset[Interactions]):
    """One part of the split – ratings, likes and times, users x items – in one .npz file."""

    kind = "part of the split (.npz)"

    def __init__(self, *, made_by: str = "data_engineering", **arguments: Any) -> None:
        """Create the entry; `made_by` is the pipeline that writes the file, for errors."""
        super().__init__(**arguments)
        self._fix = (
            f"Make it with: kedro run --pipelines {made_by} (with the --env and --params of your "
            "run)"
        )

    def to_bytes(self, data: Interactions) -> bytes:
        """Return the part as .npz."""
        return part_to_bytes(data)

    def from_bytes(self, data: bytes) -> Interactions:
        """Return the saved part; raise ValueError if the bytes are truncated or changed."""
        return part_from_bytes(data)

    def load(self) -> Interactions:
        """Return the part.

        Raises DatasetError, with the file and a command that creates it again, if it is missing,
        not valid, or was written by a version of the project with another layout.
        """
        try:
            return super().load()
        except DatasetError as error:
            if isinstance(error.__cause__, OlderLayout):
                raise DatasetError(f"{self._filepath}: {error.__cause__}. {self._fix}") from None
            if not self.exists():
                raise DatasetError(f"There is no {self._filepath}. {self._fix}") from None
            raise

    def save(self, data: Interactions) -> None:
        """Save the part. Raises DatasetError if it is a table of Spark."""
        if not isinstance(data, Interactions):
            raise DatasetError(
                f"{self._filepath}: {type(data).__name__} is a table of Spark. Let the entry be "
                "the one of conf/spark, a folder that workers write"
            )
        super().save(data)

    def preview(self) -> JSONPreview:
        """Return users, items, ratings, likes, density and span of time for kedro-viz."""
        return JSONPreview(json.dumps(summary_of(self.load()) if self.exists() else {}))


def summary_of(part: Interactions) -> dict[str, object]:
    """Return the sizes of a part, and its first and last time; None without times."""
    n_users, n_items = part.shape
    n_cells = n_users * n_items
    sizes: dict[str, object] = {
        "users": n_users,
        "items": n_items,
        "ratings": int(part.ratings.nnz),
        "likes": int(part.likes.nnz),
        "density": round(part.ratings.nnz / n_cells, 6) if n_cells else None,
    }
    if part.times is None or not part.times.nnz:
        return sizes | {"first_time": None, "last_time": None}
    first, last = part.times.data.min().item(), part.times.data.max().item()
    return sizes | {"first_time": as_date(first), "last_time": as_date(last)}


def as_date(time: float) -> str | float:
    """Return Unix seconds as a date, and other numbers as they are."""
    if not DATES_FROM <= time <= DATES_TO:
        return time
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
