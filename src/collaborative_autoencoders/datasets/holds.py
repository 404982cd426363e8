"""What a file of the catalog holds, and the check of it when the file is read.

"{model}.metrics":
  type: …JsonFileDataset
  holds: figures
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from annotated_types import Ge
from pydantic import ConfigDict, Field, field_validator, model_validator

from collaborative_autoencoders.columns import (
    ITEM,
    ITEM_INDEX,
    MODEL,
    NOT_REGISTERED,
    USER,
    USER_INDEX,
    VERSION,
)
from collaborative_autoencoders.evaluation import claims, table_claims
from collaborative_autoencoders.evaluation.choice import RegistrationOptions
from collaborative_autoencoders.interactions.claims import (
    check_facts,
    check_ids,
    check_ratings,
    check_titles,
)
from collaborative_autoencoders.options import Count, Options, read_options


class FitFacts(Options):
    """The facts of a fit."""

    model_config = ConfigDict(extra="allow")

    fit_seconds: Annotated[float, Ge(0)]
    epochs: Annotated[int, Ge(0)]
    best_epoch: Count | None
    left_out: str | None
    remarks: list[str] = Field(default=[])
    chosen: dict[str, Annotated[float, Ge(0)]] = Field(default={})
    validation_users: Count | None = None
    started_from: Count | None = None
    rank_memory_gb: list[Annotated[float, Ge(0)]] = Field(default=[])

    @model_validator(mode="after")
    def _best_is_one_of_them(self) -> Self:
        if self.best_epoch is not None and self.best_epoch > self.epochs:
            raise ValueError(f"best_epoch {self.best_epoch} of {self.epochs} epochs")
        return self


class Registration(Options):
    """The version of a model, or why it is not registered."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None
    version: Count | None = None
    uri: str | None = None
    content: str | None = None
    not_registered: str | None = None

    @model_validator(mode="after")
    def _version_or_reason(self) -> Self:
        if (self.version is None) == (self.not_registered is None):
            raise ValueError(f"version {self.version}, not registered: {self.not_registered}")
        return self


class BestModels(Options):
    """The best models, and a digest of the figures of each model that was compared."""

    best: list[str] = Field(default=[])
    figures: list[str] = Field(default=[])


class Order(Options):
    """What the registration of a model depends on."""

    metrics: dict[str, float | int]
    compared: BestModels
    options: RegistrationOptions

    @field_validator("metrics", mode="before")
    @classmethod
    def _are_figures(cls, metrics: Any) -> Any:
        claims.check_figures(metrics)
        return metrics


def check_history(history: Any) -> None:
    """Raise ValueError unless every curve has finite values at ascending steps."""
    if not isinstance(history, dict):
        raise ValueError(f"it holds {type(history).__name__}, not curves by name")
    for name, points in history.items():
        claims.check_figures({f"{name}[{n}]": _value(point) for n, point in enumerate(points)})
        steps = [point["step"] for point in points]
        if any(type(step) is not int or step < 0 for step in steps) or steps != sorted(set(steps)):
            raise ValueError(f"the steps of {name} do not ascend")


def _value(point: Any) -> Any:
    if not isinstance(point, dict) or point.keys() != {"value", "step"}:
        raise ValueError(f"{point!r} is not a point with value and step")
    return point["value"]


def check_numbered(table: pd.DataFrame, index: str, name: str, *, all_of_them: bool = True) -> None:
    """Raise ValueError unless ids are sorted and indices are 0, 1, 2, …, or at least ascend."""
    check_ids(table, name)
    index_N = table_claims.whole_numbers(table, index)
    expected_N = np.arange(len(table)) if all_of_them else np.unique(index_N)
    if not np.array_equal(index_N, expected_N):
        raise ValueError(f"{index} does not count the rows")


def check_named_items(table: pd.DataFrame) -> None:
    """Raise ValueError unless every item has an index, an id and a title."""
    check_numbered(table, ITEM_INDEX, ITEM)
    check_titles(table)


def check_registered(table: pd.DataFrame) -> None:
    """Raise ValueError unless each model has one row with a version or a reason."""
    if not {MODEL, VERSION, NOT_REGISTERED} <= set(table) or not table[MODEL].is_unique:
        raise ValueError(f"it has the columns {list(table.columns)}, or a model twice")
    for row in table.to_dict(orient="records"):
        found = {str(name): None if _is_nan(value) else value for name, value in row.items()}
        read_options(Registration, {name: found[name] for name in (VERSION, NOT_REGISTERED)})


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def check_data_facts(facts: Any) -> None:
    """Raise ValueError unless the facts have possible sizes and a scale."""
    check_facts(facts, "users", "items", "lowest_rating", "highest_rating")


HOLDS: dict[str, Callable[[Any], object]] = {
    "data_facts": check_data_facts,
    "figures": claims.check_figures,
    "fit_facts": partial(read_options, FitFacts),
    "history": check_history,
    "best_models": partial(read_options, BestModels),
    "order": partial(read_options, Order),
    "breakdown": claims.check_breakdown,
    "ratings": check_ratings,
    "registration": partial(read_options, Registration),
    "user_ids": partial(check_numbered, index=USER_INDEX, name=USER),
    "item_ids": partial(check_numbered, index=ITEM_INDEX, name=ITEM),
    "item_titles": check_named_items,
    "some_users": partial(check_numbered, index=USER_INDEX, name=USER, all_of_them=False),
    "ranked_items": table_claims.check_ranked_items,
    "predicted_ratings": table_claims.check_predicted_ratings,
    "user_scores": table_claims.check_user_scores,
    "leaderboard": claims.check_leaderboard,
    "differences": claims.check_differences,
    "registered_models": check_registered,
}
"""The check of each kind of content. It raises ValueError with the first thing that is wrong."""
