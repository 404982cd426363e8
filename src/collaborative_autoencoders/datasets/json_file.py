"""Facts, reports and histories, as JSON."""

import json
from typing import Any, ClassVar

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.previews import JSONPreview
from collaborative_autoencoders.interactions.claims import strict_json


class JsonFileDataset(FileDataset[Any]):
    """A JSON value in one file, replaced atomically; Kedro's JSONDataset writes in place."""

    kind = "JSON file"
    options: ClassVar = frozenset({"load_args", "save_args"})

    def __init__(self, *, without_a_file: Any = None, **arguments: Any) -> None:
        """Create the entry; `without_a_file` is loaded as long as there is no file."""
        super().__init__(**arguments)
        self._without_a_file = without_a_file

    @property
    def needs_a_file(self) -> bool:
        """Whether loading fails as long as there is no file."""
        return self._without_a_file is None

    def load(self) -> Any:
        """Return the value; raise DatasetError with the path if the file is missing or invalid."""
        if self._without_a_file is not None and not self.exists():
            return self._without_a_file
        return super().load()

    def to_bytes(self, data: Any) -> bytes:
        """Return the value as indented JSON; raise ValueError if a number is not finite."""
        return json.dumps(data, **{"indent": 2, "allow_nan": False} | self._save_args).encode()

    def from_bytes(self, data: bytes) -> Any:
        """Return the saved value; raise ValueError if the bytes are not strict JSON."""
        return strict_json(data, **self._load_args)

    def preview(self) -> JSONPreview:
        """Return the value for kedro-viz; empty if there is no file yet."""
        return JSONPreview(json.dumps(self.load() if self.exists() else {}))
