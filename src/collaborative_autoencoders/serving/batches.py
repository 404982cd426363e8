"""Answers for many users or items, computed in batches while they are written."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, Self

import pandas as pd
from annotated_types import Ge, Le
from pydantic import field_validator, model_validator
from rich.console import Console
from rich.progress import track

from collaborative_autoencoders.columns import (
    ITEM,
    MODEL,
    ROW,
    SOURCE,
    TITLE,
    UNKNOWN_ITEMS,
    USER,
    VECTOR,
    VERSION,
)
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.options import Count, Options
from collaborative_autoencoders.terminal import one_bar_at_a_time

from .answers import table_of
from .recommender import Recommender
from .requests import Wanted
from .similar import item_vectors_of, similar_columns, similarities_of

Table = pd.DataFrame

Task = Literal["lists", "similar_items", "item_vectors"]


class InferenceOptions(Options):
    """What a champion is asked for, and for which users."""

    task: Task
    """`lists`: recommendations for users; `similar_items`: the items that are most like each item;
    `item_vectors`: the vector of each item, for a vector index."""

    model: str
    """Name of the model, a key of MODELS, whose champion answers."""

    users: Literal["all", "file"]
    """`all`: every user that the champion knows; `file`: the users in the catalog entry
    `asked_users`."""

    n: Count
    """Maximum number of items per user, or of similar items per item."""

    exclude_seen: bool
    """Whether items that a user has rated are excluded."""

    diversify: Annotated[float, Ge(0), Le(1)]
    """Weight of diversity against relevance (`evaluation/diversify.py`). 0: the model's order."""

    batch_size: Count
    """Users, or items, per batch. Only the answers of one batch are in memory."""

    engine: Literal["one_machine", "spark"]
    """What computes the batches: this process, one after the other, or the workers of a Spark
    session, side by side. The catalog entry `recommendations` saves what it returns."""

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str) -> str:
        if model not in MODELS:
            raise ValueError(f"unknown model {model!r}: known are {', '.join(MODELS)}")
        return model

    @model_validator(mode="after")
    def _workers_compute_lists(self) -> Self:
        if self.task != "lists" and self.engine == "spark":
            raise ValueError(
                f"task: {self.task} is computed on one machine: run it without --env spark and "
                "without inference.engine=spark"
            )
        return self

    @model_validator(mode="after")
    def _lists_are_of_users(self) -> Self:
        of_lists = {"diversify": self.diversify > 0, "users": self.users == "file"}
        given = [name for name, is_given in of_lists.items() if is_given]
        if self.task != "lists" and given:
            raise ValueError(
                f"{given[0]}: task {self.task} answers all items and has no list of a user. Leave "
                f"{given[0]} at its default, or set task: lists"
            )
        return self


@dataclass(frozen=True)
class RecommendationBatches(Sequence[pd.DataFrame]):
    """The answers for these users or items, in batches that are computed when asked for."""

    recommender: Recommender
    ids: pd.Series
    """Raw ids of users, or of items; see `ids_of`."""
    options: InferenceOptions
    version: int

    def __len__(self) -> int:
        """Return the number of batches. Without ids it is one, which has the columns."""
        return max(1, math.ceil(len(self.ids) / self.options.batch_size))

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield each batch. A terminal shows a progress bar."""
        console = Console(stderr=True)
        what = "users" if self.options.task == "lists" else "items"
        yield from track(
            map(self.__getitem__, range(len(self))),
            f"{self.options.model}, {len(self.ids)} {what}",
            total=len(self),
            console=console,
            disable=not (console.is_terminal and one_bar_at_a_time()),
        )

    def __getitem__(self, number: int) -> pd.DataFrame:  # type: ignore[override]
        """Return the answers of one batch, with columns for the model and its version.

        Raises IndexError if there is no batch of this number.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        start = number * self.options.batch_size
        ids = self.ids.iloc[start : start + self.options.batch_size]
        answers = ANSWERS[self.options.task](self.recommender, ids, self.options)
        answers[MODEL], answers[VERSION] = self.options.model, self.version
        return answers


def lists_for(recommender: Recommender, users: pd.Series, options: InferenceOptions) -> Table:
    """Return the list of each user: user_id, rank, item_id, title, score, source."""
    wanted = Wanted(options.n, options.exclude_seen, diversify=options.diversify)
    lists = recommender.answer(pd.DataFrame({USER: users.to_numpy()}), wanted)
    return lists.drop(columns=[ROW, UNKNOWN_ITEMS])


def similar_to(recommender: Recommender, items: pd.Series, options: InferenceOptions) -> Table:
    """Return the similar items of each item; the columns are those of `similar_columns`."""
    asked = pd.DataFrame({ITEM: items.to_numpy()})
    answers = table_of(similar_columns(recommender, asked, Wanted(n=options.n)))
    return answers.drop(columns=ROW)


def vectors_of(recommender: Recommender, items: pd.Series, options: InferenceOptions) -> Table:
    """Return the unit vector of each item: item_id, title and vector, a list of float32."""
    at = recommender.item_ids.indices(items.tolist())
    columns = {ITEM: recommender.ids_I.take(at), TITLE: recommender.titles_I.take(at)}
    return pd.DataFrame(columns | {VECTOR: list(item_vectors_of(recommender)[at])})


ANSWERS: dict[Task, Callable[[Recommender, pd.Series, InferenceOptions], Table]] = {
    "lists": lists_for,
    "similar_items": similar_to,
    "item_vectors": vectors_of,
}


def ids_of(recommender: Recommender, asked_users: Table, options: InferenceOptions) -> pd.Series:
    """Return the ids of the users, or of the items, for whom the task has an answer.

    Raises ValueError if the model has no answer, or if the file of users is not valid.
    """
    if options.task == "similar_items":
        similarities_of(recommender)
        return recommender.items[ITEM]
    if options.task == "item_vectors":
        item_vectors_of(recommender)
        return recommender.items.loc[recommender.learned_I, ITEM]
    if options.users == "file":
        return read_users(asked_users, recommender.user_ids.kind)
    return recommender.users[USER]


HEAD_LINES = 200


class Summary(NamedTuple):
    """The first lines of the answers, and counts of all of them."""

    head: pd.DataFrame
    """At most `HEAD_LINES` lines, without vectors."""

    users: dict[str, int]
    """The number of users with a list, by the source of their list."""

    lines: int

    items: int = 0
    """The number of items with an answer, if items were asked for."""


def summarise(recommendations: Iterable[pd.DataFrame]) -> Summary:
    """Return the first lines and the counts of all batches."""
    head: list[pd.DataFrame] = []
    users: Counter[str] = Counter()
    lines = items = 0
    for batch in recommendations:
        if sum(map(len, head)) < HEAD_LINES:
            head.append(batch.drop(columns=VECTOR, errors="ignore"))
        if USER in batch:
            users.update(batch.drop_duplicates(USER)[SOURCE])
        else:
            items += batch[ITEM].nunique()
        lines += len(batch)
    first = pd.concat(head, ignore_index=True).head(HEAD_LINES)
    return Summary(first, dict(users), lines, items)


def read_users(asked_users: pd.DataFrame, kind: type) -> pd.Series:
    """Return each id once, converted to the type of the champion's ids: int or str.

    Raises ValueError, with file and row, if an id has the wrong type or the file has no id. Rows
    are counted without the header and blank lines, which no table keeps.
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
        row = int((~valid).to_numpy().argmax())
        wanted = "an integer, as the champion's ids are" if kind is int else "an id"
        raise ValueError(f"{file}, row {row + 1}: {ids.iloc[row]!r} is not {wanted}")
    return pd.Series(list(map(kind, ids)), name=USER).drop_duplicates(ignore_index=True)
