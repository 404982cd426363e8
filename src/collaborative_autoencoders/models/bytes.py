"""Conversion between a fitted model and its bytes: safetensors with metadata in the header."""

import io
import json
from mmap import mmap
from typing import Annotated, Any, Literal, Self

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray
from pydantic import model_validator
from safetensors import SafetensorError
from safetensors.numpy import load, save

from collaborative_autoencoders.checksum import (
    PLACEHOLDER,
    NoChecksum,
    check_checksum,
    with_checksum,
)
from collaborative_autoencoders.options import MOST, Count, Options, read_options

from .ensemble import as_one, members_of, within
from .model import Catalogue, Fitted, Model
from .registry import MODELS, model_class
from .stack import Stack

DTYPES = {"BOOL": "?", "I8": "i1", "I32": "<i4", "I64": "<i8", "F32": "<f4", "F64": "<f8"}
"""NumPy's names of the types of tensors."""

UNREADABLE = (
    *(SafetensorError, AttributeError, KeyError, TypeError, ValueError, RuntimeError),
    *(MemoryError, OverflowError),
)
"""Errors of a file that is not what it should be, or claims to be too large."""

FORMAT = 2
"""Version of the metadata. Files of another version are refused."""


class StoredCatalogue(Options):
    """The catalogue in the header."""

    users: Annotated[int, Ge(0), Le(MOST)]
    items: Annotated[int, Ge(0), Le(MOST)]
    lowest_rating: float | None
    highest_rating: float | None


class StoredMember(Options):
    """A member of a stack in the header."""

    options: dict[str, Any]
    members: Count


class Header(Options):
    """The metadata in the header: a fitted model, or why it was left out."""

    format: Literal[2]
    checksum: str
    model: str
    refitted: bool
    left_out: str | None
    parts: str
    options: dict[str, Any] | None = None
    catalogue: StoredCatalogue | None = None
    members: Count | dict[str, StoredMember] | None = None
    """Number of networks whose scores are averaged, or the members of a stack by name."""

    @model_validator(mode="after")
    def _fitted_or_left_out(self) -> Self:
        fitted = {self.options is None, self.catalogue is None, self.members is None}
        if fitted != {self.left_out is not None}:
            raise ValueError("it is neither a fitted model nor one that was left out")
        return self


def model_to_bytes(fitted: Fitted) -> bytes:
    """Return the tensors as safetensors, with options, catalogue and fit metadata in the header.

    The same model gives the same bytes. The metadata is a single JSON text, because safetensors
    does not keep the order of several metadata entries.
    """
    about: dict[str, Any] = {
        "format": FORMAT,
        "checksum": PLACEHOLDER,
        "model": fitted.name,
        "refitted": fitted.refitted,
        "left_out": fitted.left_out,
        "parts": fitted.parts,
    }
    if fitted.model is not None:
        about |= described(fitted.model) | {"catalogue": fitted.model.catalogue._asdict()}
    state = {} if fitted.model is None else fitted.model.state()
    # safetensors stores the memory of an array as if it were row by row
    state = {name: np.asarray(value, order="C") for name, value in state.items()}
    return with_checksum(io.BytesIO(save(state, {"about": json.dumps(about)})))


def model_from_bytes(data: bytes | mmap) -> Fitted:
    """Return the model that `model_to_bytes` wrote, on the CPU.

    The weights of a file that is mapped are no copy: processes that map it share them.

    Raises ValueError if the bytes are truncated, changed or not a model of this project, or if the
    tensors are not those of the options.
    """
    try:
        state = load(data) if isinstance(data, bytes) else views_of(data)
        check_checksum(data)
        about = read_options(Header, about_model(data))
        model = restore(about, state)
    except NoChecksum as error:
        raise ValueError(f"{error}. Fit the model again") from error
    except UNREADABLE as error:
        raise ValueError(f"not a complete model in safetensors format: {error}") from error
    return Fitted(about.model, model, about.left_out, about.refitted, about.parts)


def views_of(data: mmap) -> dict[str, NDArray[Any]]:
    """Return the tensors of a mapped file in safetensors format, as views of it.

    The checksum of the file is to be checked as well. Raises one of `UNREADABLE` if the header is
    not valid.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8:start])
    state = {}
    for name, about in header.items():
        if name != "__metadata__":
            first, end = about["data_offsets"]
            dtype = np.dtype(DTYPES[about["dtype"]])
            cells = np.frombuffer(data, dtype, (end - first) // dtype.itemsize, start + first)
            state[name] = cells.reshape(about["shape"])
    return state


def described(model: Model) -> dict[str, Any]:
    """Return the options of a model, and its members."""
    members: Any = len(members_of(model))
    if isinstance(model, Stack):
        members = {name: described(member) for name, member in model.members.items()}
    return {"options": model.options.model_dump(mode="json"), "members": members}


def restore(about: Header, state: dict[str, NDArray[Any]]) -> Model | None:
    """Return the model that the metadata describes, with this state; None if it was left out.

    Raises ValueError or RuntimeError if names, shapes, types or values of the state do not fit.
    """
    if about.catalogue is None or about.members is None or about.options is None:
        if state:
            raise ValueError(f"a model that was left out has the tensors {sorted(state)}")
        return None
    for name, values in state.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"the tensor {name} holds a value that is not a finite number")
    catalogue = Catalogue(**about.catalogue.model_dump())
    if isinstance(about.members, int):
        model = prepared(about.model, about.options, about.members, catalogue, state)
    else:
        model = prepared_stack(about.model, about.options, about.members, catalogue, state)
    model.load_state(state)
    return model


def prepared(
    name: str,
    options: dict[str, Any],
    members: int,
    catalogue: Catalogue,
    state: dict[str, NDArray[Any]],
) -> Model:
    """Return the model, which can load this state."""
    make = model_class(name)
    if issubclass(make, Stack):
        raise ValueError(f"{name} is a stack, and its members have no names")
    if members > max(1, len(state)):
        raise ValueError(f"{members} members have {len(state)} tensors")
    checked = make.options_class.model_validate(options)
    if MODELS[name].is_network:
        make.check_state(checked, catalogue, members, state)
    return as_one([make(checked, catalogue) for _ in range(members)])


def prepared_stack(
    name: str,
    options: dict[str, Any],
    members: dict[str, StoredMember],
    catalogue: Catalogue,
    state: dict[str, NDArray[Any]],
) -> Model:
    """Return the stack, which can load this state."""
    make = model_class(name)
    checked = make.options_class.model_validate(options)
    expected = [each for each in MODELS[name].members if checked.adds(each)]
    if not expected or list(members) != expected:
        raise ValueError(f"{name} has the members {list(members)}, not {expected}")
    known = {key for member in members for key in state if key.startswith(f"{member}.")}
    if state.keys() - known != {"weights"}:
        raise ValueError(f"its tensors {sorted(state)} are not those of {list(members)}")
    added = {
        member: prepared(member, about.options, about.members, catalogue, within(state, member))
        for member, about in members.items()
    }
    return make(checked, added)


def about_model(data: bytes | mmap) -> dict[str, Any]:
    """Return the metadata in the header: options, catalogue and fit. Tensors are not read.

    Raises KeyError or ValueError if the header is missing or invalid.
    """
    length = int.from_bytes(data[:8], "little")
    about: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["about"])
    return about
