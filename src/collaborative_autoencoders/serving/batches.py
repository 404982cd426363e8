"""Recommendations for many users, computed in batches while they are written."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from pydantic import field_validator
from rich.console import Console
from rich.progress import track

from collaborative_autoencoders.columns import MODEL, ROW, UNKNOWN_ITEMS, USER, VERSION
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.options import Count, Options
from collaborative_autoencoders.terminal import one_bar_at_a_time

from .recommender import Recommender
from .requests import Wanted


class InferenceOptions(Options):
    """Which champion recommends to which users."""

    model: str
    """Name of the model, a key of MODELS, whose champion recommends."""

    users: Literal["all", "file"]
    """`all`: every user that the champion knows; `file`: the users in the catalog entry
    `asked_users`."""

    n: Count
    """Maximum number of items per user."""

    exclude_seen: bool
    """Whether items that a user has rated are excluded."""

    batch_size: Count
    """Users per batch. Only the lists of one batch are in memory."""

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str) -> str:
        if model not in MODELS:
            raise ValueError(f"unknown model {model!r}: known are {', '.join(MODELS)}")
        return model


@dataclass(frozen=True)
class RecommendationBatches:
    """The lists of these users, as an iterable of batches. A terminal shows a progress bar."""

    recommender: Recommender
    users: pd.Series
    options: InferenceOptions
    version: int

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the lists of each batch, with columns for the model and its version."""
        console, size = Console(stderr=True), self.options.batch_size
        starts = track(
            range(0, max(1, len(self.users)), size),
            f"{self.options.model}, {len(self.users)} users",
            console=console,
            disable=not (console.is_terminal and one_bar_at_a_time()),
        )
        for start in starts:
            yield self._answer(self.users.iloc[start : start + size])

    def _answer(self, users: pd.Series) -> pd.DataFrame:
        wanted = Wanted(n=self.options.n, exclude_seen=self.options.exclude_seen)
        lists = self.recommender.answer(pd.DataFrame({USER: users.to_numpy()}), wanted)
        lists = lists.drop(columns=[ROW, UNKNOWN_ITEMS])
        lists[MODEL], lists[VERSION] = self.options.model, self.version
        return lists


def read_users(asked_users: pd.DataFrame, kind: type) -> pd.Series:
    """Return each id once, converted to the type of the champion's ids: int or str.

    Raises ValueError, with file and line, if an id has the wrong type or the file has no id.
    """
    file = asked_users.attrs.get("file", "asked_users")
    if USER not in asked_users or asked_users.empty:
        raise ValueError(
            f"inference.users is `file`, and {file} has no column {USER} with an id in it: "
            "put a CSV there, or set inference.users: all"
        )
    ids = asked_users[USER]
    valid = ids.str.fullmatch(r"\s*(?:0|-?[1-9][0-9]*)\s*") if kind is int else ids != ""
    if not valid.all():
        line = int((~valid).to_numpy().argmax())
        wanted = "an integer, as the champion's ids are" if kind is int else "an id"
        raise ValueError(f"{file}, line {line + 2}: {ids.iloc[line]!r} is not {wanted}")
    return pd.Series(list(map(kind, ids)), name=USER).drop_duplicates(ignore_index=True)
