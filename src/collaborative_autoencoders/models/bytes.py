"""A fitted model ↔ its bytes: safetensors, with what rebuilds the model in the header."""

import hashlib
import json
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .ensemble import as_one, members_of
from .model import Catalogue, Fitted, Model
from .options import ModelOptions
from .registry import model_class


def model_to_bytes(fitted: Fitted) -> bytes:
    """The tensors, and in the header the options, the catalogue and how the model was fitted.

    Same model, same bytes: the header has one text only, since safetensors keeps no order of more.
    """
    about: dict[str, Any] = {
        "refitted": fitted.refitted,
        "left_out": fitted.left_out,
        "parts": fitted.parts,
    }
    if fitted.model is not None:
        about["options"] = fitted.model.options.model_dump(mode="json")
        about["catalogue"] = fitted.model.catalogue._asdict()
        about["members"] = len(members_of(fitted.model))
    state = {} if fitted.model is None else fitted.model.state()
    about["checksum"] = checksum_of(state)
    return save(state, {"about": json.dumps(about)})


def model_from_bytes(data: bytes) -> Fitted:
    """The model that was saved, in main memory.

    Raises ValueError where the bytes are not a whole model of this project.
    """
    try:
        state, about = load(data), about_model(data)
        if about["checksum"] != checksum_of(state):
            raise ValueError("the weights are not those that were saved")
        model = restore(about, state) if "options" in about else None
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(f"not a whole model in safetensors: {error}") from error
    return Fitted(model, about["left_out"], about["refitted"], about["parts"])


def restore(about: dict[str, Any], state: dict[str, Any]) -> Model:
    """The model that `about` describes, with this state."""
    options = ModelOptions.model_validate(about["options"])
    make, catalogue = model_class(options.name), Catalogue(**about["catalogue"])
    model = as_one([make(options, catalogue) for _ in range(about["members"])])
    model.load_state(state)
    return model


def checksum_of(state: dict[str, Any]) -> str:
    """BLAKE2b over the names and the values of all tensors: safetensors itself keeps none."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(state[name]).tobytes())
    return digest.hexdigest()


def about_model(data: bytes) -> dict[str, Any]:
    """What the header says of the model: options, catalogue, how it was fitted; no tensor is read.

    Raises KeyError or ValueError where there is no such header.
    """
    length = int.from_bytes(data[:8], "little")
    about: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["about"])
    return about
