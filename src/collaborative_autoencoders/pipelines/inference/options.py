"""Whom to recommend what."""

from typing import Literal

from pydantic import PositiveInt, field_validator

from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.options import Options


class InferenceOptions(Options):
    """Which champion answers whom."""

    model: str
    """The line in MODELS whose champion answers."""

    users: Literal["all", "file"]
    """Every user that the champion has met, or those of the catalog entry `asked_users`."""

    n: PositiveInt
    """Items per user, at the most."""

    exclude_seen: bool
    """Whether what a user has rated is left out."""

    batch_size: PositiveInt
    """Users answered at once: so many lists are held."""

    @field_validator("model")
    @classmethod
    def _has_a_line(cls, model: str) -> str:
        if model not in MODELS:
            raise ValueError(f"{model!r} is none of {', '.join(MODELS)}")
        return model
