"""The record beside each output of what made it."""

import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from .content import Content, Stored, digest_of

WITHOUT_INFLUENCE = frozenset({"running.checkpoint_seconds"})
"""Parameters that change no value in a file."""


class Record(BaseModel):
    """What made a file: the step with its parameters, its inputs and the code, and the result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    """Name of the node."""
    code: str
    """`code_version()` of the run."""
    parameters: dict[str, Any]
    """Values that the node read, under their dotted names."""
    inputs: dict[str, Content]
    """Content of each file that the node read, by the name of the dataset."""
    content: Content
    """Content of the file that it wrote."""


def read_record(stored: Stored | None) -> Record | None:
    """Return the record of a file, or None if there is no file, no record or none that is valid."""
    if stored is None:
        return None
    try:
        return Record.model_validate_json(stored.fs.cat_file(stored.record))
    except (OSError, ValidationError):
        return None


def write_record(stored: Stored, record: Record) -> None:
    """Write the record beside the file; on a local disk it is replaced atomically."""
    text = record.model_dump_json().encode()
    if not stored.is_local:
        stored.fs.pipe_file(stored.record, text)
        return
    beside = f"{stored.record}.{os.getpid()}.partial"
    stored.fs.pipe_file(beside, text)
    Path(beside).replace(stored.record)


def parameters_of(names: tuple[str, ...], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the values under these dotted names as JSON, flat; `a.b` for {"a": {"b": …}}.

    Those without influence on a result are left out. Of a URI, which may hold a password, only a
    digest is returned.
    """
    found: dict[str, Any] = {}
    for name in names:
        value: Any = parameters
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        found |= _flat(name, json.loads(json.dumps(value, default=str)))
    return {name: value for name, value in found.items() if name not in WITHOUT_INFLUENCE}


def _flat(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and value:
        return {
            key: inner
            for part, child in value.items()
            for key, inner in _flat(f"{name}.{part}", child).items()
        }
    return {name: _without_password(value)}


def _without_password(value: Any) -> Any:
    return f"URI {digest_of(value)[:12]}" if isinstance(value, str) and "://" in value else value
