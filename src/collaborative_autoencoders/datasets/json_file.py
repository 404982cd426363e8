"""Facts, reports and histories, as JSON."""

import json
from typing import Any

from kedro_datasets._typing import JSONPreview

from collaborative_autoencoders.datasets.file_dataset import FileDataset


class JsonFileDataset(FileDataset[Any]):
    """Anything JSON takes, in one file that is whole or not there; Kedro's own writes in place."""

    kind = "JSON file"

    def to_bytes(self, data: Any) -> bytes:
        """The value as indented JSON, for people to read."""
        return json.dumps(data, indent=2, allow_nan=False).encode()

    def from_bytes(self, data: bytes) -> Any:
        """The value that was saved; ValueError if the bytes are cut short or changed."""
        return json.loads(data)

    def preview(self) -> JSONPreview:
        """The whole value, for kedro-viz; nothing where there is no file yet."""
        return JSONPreview(json.dumps(self.load() if self.exists() else {}))
