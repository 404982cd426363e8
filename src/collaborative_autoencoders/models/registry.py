"""MODELS: the registry of all models, one entry per model."""

from difflib import get_close_matches
from importlib import import_module
from typing import Any, Literal, NamedTuple

Task = Literal["ranking", "rating"]


class Entry(NamedTuple):
    """Location and task of a model. The module is imported at first use."""

    module: str
    """A module name: relative to this package with a leading dot, otherwise absolute."""

    class_name: str
    task: Task
    is_network: bool = False
    """Whether the model is fitted by gradient descent. It then has a `fitting` block."""

    members: tuple[str, ...] = ()
    """The models whose scores it adds, if it is a stack. They have the same task."""

    about: str = ""
    """What it is, in one line with its paper, for the pages of MLflow."""

    in_default: bool = True
    """Whether a run of all models has it. Others are in a pipeline of their own."""


MODELS: dict[str, Entry] = {
    "popularity": Entry(
        ".popularity",
        "Popularity",
        "ranking",
        about="The most liked items first, the same list for everybody.",
    ),
    "itemknn": Entry(
        ".itemknn",
        "ItemKNN",
        "ranking",
        about="Items liked by the same users (ItemKNN, shrunken cosine; Sarwar et al., WWW 2001).",
    ),
    "ease": Entry(
        ".ease",
        "EASE",
        "ranking",
        about="Linear autoencoder of a user's likes in closed form (EASE; Steck, WWW 2019).",
    ),
    "cdae": Entry(
        ".cdae",
        "CDAE",
        "ranking",
        is_network=True,
        about="Denoising autoencoder of likes, with a node per user (CDAE; Wu et al., WSDM 2016).",
    ),
    "vae": Entry(
        ".vae",
        "VAE",
        "ranking",
        is_network=True,
        about="CDAE with a random code per user (variational autoencoder; Liang et al., WWW 2018).",
        in_default=False,
    ),
    "stack": Entry(
        ".stack",
        "Stack",
        "ranking",
        members=("cdae", "ease"),
        about="The weighted sum of the scores of CDAE and EASE, with weights from validation.",
    ),
    "bias": Entry(
        ".bias",
        "Bias",
        "rating",
        about="Mean rating + bias of the user + bias of the item.",
    ),
    "mf": Entry(
        ".mf",
        "MF",
        "rating",
        about="Biased matrix factorisation of ratings (Koren et al., Computer 42(8), 2009).",
    ),
    "autorec": Entry(
        ".autorec",
        "AutoRec",
        "rating",
        is_network=True,
        about="Autoencoder of an item's ratings (I-AutoRec; Sedhain et al., WWW 2015).",
    ),
    "autorec_user": Entry(
        ".autorec",
        "UserAutoRec",
        "rating",
        is_network=True,
        about="Autoencoder of a user's ratings (U-AutoRec; Sedhain et al., WWW 2015).",
    ),
    "blend": Entry(
        ".stack",
        "Blend",
        "rating",
        members=("autorec", "autorec_user"),
        about="The weighted sum of the predictions of both AutoRecs, with weights from validation.",
    ),
}
"""The key is the model's name, its parameter block and its namespace in the pipelines."""


def model_class(name: str) -> Any:
    """Return the class of a model. Raises ValueError if the name is unknown."""
    if name not in MODELS:
        closest = get_close_matches(str(name), MODELS, n=1)
        hint = f" did you mean {closest[0]!r}?" if closest else ""
        raise ValueError(f"unknown model {name!r};{hint} known models: {', '.join(MODELS)}")
    entry = MODELS[name]
    return getattr(import_module(entry.module, __package__), entry.class_name)


def default_models() -> list[str]:
    """Return the names of the models in a run of all models."""
    return [name for name, entry in MODELS.items() if entry.in_default]


def models_for(task: Task) -> list[str]:
    """Return the names of the models for a task, in a run of all models."""
    return [name for name in default_models() if MODELS[name].task == task]


def single_models() -> list[str]:
    """Return the names of the models that are fitted by themselves, all but the stacks."""
    return [name for name, entry in MODELS.items() if not entry.members]


def is_formula(name: str) -> bool:
    """Return whether this is a model that is fitted by a formula, without a `fitting` block."""
    return name in MODELS and not MODELS[name].is_network and not MODELS[name].members


def networks() -> list[str]:
    """Return the names of the models that are fitted by gradient descent."""
    return [name for name, entry in MODELS.items() if entry.is_network]


def networks_in(name: str) -> list[str]:
    """Return the networks whose fits a model depends on: itself, or those that a stack adds."""
    return [each for each in (name, *MODELS[name].members) if MODELS[each].is_network]
