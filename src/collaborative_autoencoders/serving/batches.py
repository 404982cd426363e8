"""Recommendations for many users, computed in batches while they are written."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import pandas as pd
from annotated_types import Ge, Le
from pydantic import field_validator
from rich.console import Console
from rich.progress import track

from collaborative_autoencoders.columns import MODEL, ROW, SOURCE, UNKNOWN_ITEMS, USER, VERSION
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

    diversify: Annotated[float, Ge(0), Le(1)]
    """Weight of diversity against relevance (`evaluation/diversify.py`). 0: the model's order."""

    batch_size: Count
    """Users per batch. Only the lists of one batch are in memory."""

    engine: Literal["one_machine", "spark"]
    """What computes the batches: this process, one after the other, or the workers of a Spark
    session, side by side. The catalog entry `recommendations` saves what it returns."""

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str) -> str:
        if model not in MODELS:
            raise ValueError(f"unknown model {model!r}: known are {', '.join(MODELS)}")
        return model


@dataclass(frozen=True)
class RecommendationBatches(Sequence[pd.DataFrame]):
    """The lists of these users, in batches that are computed when they are asked for."""

    recommender: Recommender
    users: pd.Series
    options: InferenceOptions
    version: int

    def __len__(self) -> int:
        """Return the number of batches. Without users it is one, which has the columns."""
        return max(1, math.ceil(len(self.users) / self.options.batch_size))

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield each batch. A terminal shows a progress bar."""
        console = Console(stderr=True)
        yield from track(
            map(self.__getitem__, range(len(self))),
            f"{self.options.model}, {len(self.users)} users",
            total=len(self),
            console=console,
            disable=not (console.is_terminal and one_bar_at_a_time()),
        )

    def __getitem__(self, number: int) -> pd.DataFrame:  # type: ignore[override]
        """Return the lists of one batch, with columns for the model and its version.

        Raises IndexError if there is no batch of this number.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        start = number * self.options.batch_size
        users = self.users.iloc[start : start + self.options.batch_size]
        options = self.options
        wanted = Wanted(options.n, options.exclude_seen, diversify=options.diversify)
        lists = self.recommender.answer(pd.DataFrame({USER: users.to_numpy()}), wanted)
        lists = lists.drop(columns=[ROW, UNKNOWN_ITEMS])
        lists[MODEL], lists[VERSION] = self.options.model, self.version
        return lists


HEAD_LINES = 200


class Summary(NamedTuple):
    """The first lines of the recommendations, and counts of all of them."""

    head: pd.DataFrame
    """At most `HEAD_LINES` lines."""

    users: dict[str, int]
    """The number of users with a list, by the source of their list."""

    lines: int


def summarise(recommendations: Iterable[pd.DataFrame]) -> Summary:
    """Return the first lines and the counts of all batches."""
    head: list[pd.DataFrame] = []
    users: Counter[str] = Counter()
    lines = 0
    for batch in recommendations:
        if sum(map(len, head)) < HEAD_LINES:
            head.append(batch)
        users.update(batch.drop_duplicates(USER)[SOURCE])
        lines += len(batch)
    return Summary(pd.concat(head, ignore_index=True).head(HEAD_LINES), dict(users), lines)


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
