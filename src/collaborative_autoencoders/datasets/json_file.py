"""Facts, reports and histories, as JSON."""

import json
from typing import Any

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.previews import JSONPreview


class JsonFileDataset(FileDataset[Any]):
    """A JSON value in one file, replaced atomically; Kedro's JSONDataset writes in place."""

    kind = "JSON file"

    def to_bytes(self, data: Any) -> bytes:
        """Return the value as indented JSON; raise ValueError if a number is not finite."""
        return json.dumps(data, indent=2, allow_nan=False).encode()

    def from_bytes(self, data: bytes) -> Any:
        """Return the saved value; raise ValueError if the bytes are not JSON."""
        return json.loads(data)

    def preview(self) -> JSONPreview:
        """Return the value for kedro-viz; empty if there is no file yet."""
        return JSONPreview(json.dumps(self.load() if self.exists() else {}))
