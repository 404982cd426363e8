"""Fitted models as safetensors files: the weights, and the options to rebuild the model."""

import json
from typing import Any

from collaborative_autoencoders.datasets.file_dataset import FileDataset
from collaborative_autoencoders.datasets.model_picture import picture_of
from collaborative_autoencoders.datasets.previews import PlotlyPreview
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.model import Fitted

MOST_HEADER = 100_000_000
"""Maximum bytes of a header of safetensors."""


class FittedModelDataset(FileDataset[Fitted]):
    """A fitted model of any kind in a safetensors file; nothing is pickled or unpickled."""

    kind = "fitted model (safetensors)"

    def __init__(self, *, model: str | None = None, **arguments: Any) -> None:
        """Create the entry; `model` is the name of the model, if only this one is valid."""
        super().__init__(**arguments)
        self._model = model

    def to_bytes(self, data: Fitted) -> bytes:
        """Return the model as safetensors."""
        return model_to_bytes(data)

    def from_bytes(self, data: bytes) -> Fitted:
        """Return the saved model, ready to score; raise ValueError if the bytes are not valid."""
        fitted = model_from_bytes(data)
        if self._model not in (None, fitted.name):
            raise ValueError(f"it holds the model {fitted.name!r}, not {self._model!r}")
        return fitted

    def preview(self) -> PlotlyPreview:
        """Return equation, layers, options and tensor shapes for kedro-viz; no tensor is read."""
        return PlotlyPreview(json.loads(self._picture().to_json()) if self.exists() else {})

    def _picture(self) -> Any:
        header = self._header()
        about: dict[str, Any] = json.loads(header.pop("__metadata__")["about"])
        return picture_of(about, {name: tensor["shape"] for name, tensor in header.items()})

    def _header(self) -> dict[str, dict[str, Any]]:
        """Return the header: 8 bytes with its length (little-endian), then JSON, then weights."""
        with self._place.open_to_read(self._load_path()) as file:
            length = int.from_bytes(file.read(8), "little")
            header: dict[str, dict[str, Any]] = json.loads(file.read(min(length, MOST_HEADER)))
        return header
