"""Conversion between a fitted model and its bytes: safetensors with metadata in the header."""

import hashlib
import json
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .ensemble import as_one, members_of
from .model import Catalogue, Fitted, Model
from .registry import model_class


def model_to_bytes(fitted: Fitted) -> bytes:
    """Return the tensors as safetensors, with options, catalogue and fit metadata in the header.

    The same model gives the same bytes. The metadata is a single JSON text, because safetensors
    does not keep the order of several metadata entries.
    """
    about: dict[str, Any] = {
        "model": fitted.name,
        "refitted": fitted.refitted,
        "left_out": fitted.left_out,
        "parts": fitted.parts,
    }
    if fitted.model is not None:
        about["options"] = fitted.model.options.model_dump(mode="json")
        about["catalogue"] = fitted.model.catalogue._asdict()
        about["members"] = len(members_of(fitted.model))
    state = {} if fitted.model is None else fitted.model.state()
    # safetensors stores the memory of an array as if it were row by row
    state = {name: np.asarray(value, order="C") for name, value in state.items()}
    about["checksum"] = checksum_of_state(state)
    return save(state, {"about": json.dumps(about)})


def model_from_bytes(data: bytes) -> Fitted:
    """Return the model that `model_to_bytes` wrote, on the CPU.

    Raises ValueError if the bytes are truncated, changed or not a model of this project.
    """
    try:
        state, about = load(data), about_model(data)
        if about["checksum"] != checksum_of_state(state):
            raise ValueError("the checksum of the weights does not match")
        model = restore(about, state) if "options" in about else None
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(f"not a complete model in safetensors format: {error}") from error
    return Fitted(about["model"], model, about["left_out"], about["refitted"], about["parts"])


def restore(about: dict[str, Any], state: dict[str, Any]) -> Model:
    """Return the model that the metadata `about` describes, with this state."""
    make, catalogue = model_class(about["model"]), Catalogue(**about["catalogue"])
    options = make.options_class.model_validate(about["options"])
    model = as_one([make(options, catalogue) for _ in range(about["members"])])
    model.load_state(state)
    return model


def checksum_of_state(state: dict[str, Any]) -> str:
    """Return the BLAKE2b hash of the names and values of all tensors, as hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(state[name]).tobytes())
    return digest.hexdigest()


def about_model(data: bytes) -> dict[str, Any]:
    """Return the metadata in the header: options, catalogue and fit. Tensors are not read.

    Raises KeyError or ValueError if the header is missing or invalid.
    """
    length = int.from_bytes(data[:8], "little")
    about: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["about"])
    return about
