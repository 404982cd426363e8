"""MODELS: every model of the project, a line each."""

from difflib import get_close_matches
from importlib import import_module
from typing import Any, Literal, NamedTuple

Task = Literal["ranking", "rating"]


class Entry(NamedTuple):
    """Where a model lives and what it is for; its module is imported when it is first used."""

    module: str
    name: str
    task: Task
    is_network: bool = False
    """Whether it learns by gradient descent: then its options are worth a search."""


MODELS: dict[str, Entry] = {
    "popularity": Entry("popularity", "Popularity", "ranking"),
    "itemknn": Entry("itemknn", "ItemKNN", "ranking"),
    "ease": Entry("ease", "EASE", "ranking"),
    "cdae": Entry("cdae", "CDAE", "ranking", is_network=True),
    "bias": Entry("bias", "Bias", "rating"),
    "mf": Entry("mf", "MF", "rating", is_network=True),
    "autorec": Entry("autorec", "AutoRec", "rating", is_network=True),
    "autorec_user": Entry("autorec", "AutoRec", "rating", is_network=True),
}


def model_class(name: str) -> Any:
    """The class behind a line of `MODELS`.

    Raises ValueError for a name that has no line.
    """
    if name not in MODELS:
        near = get_close_matches(str(name), MODELS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"model.name: {name!r} is none of {', '.join(MODELS)}{hint}")
    entry = MODELS[name]
    return getattr(import_module(f"{__package__}.{entry.module}"), entry.name)


def models_for(task: Task) -> list[str]:
    """The names of the models that are for this task."""
    return [name for name, entry in MODELS.items() if entry.task == task]


def networks() -> list[str]:
    """The names of the models that learn by gradient descent."""
    return [name for name, entry in MODELS.items() if entry.is_network]
