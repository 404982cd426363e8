"""MODELS: the registry of all models, one entry per model."""

from difflib import get_close_matches
from importlib import import_module
from typing import Any, Literal, NamedTuple

Task = Literal["ranking", "rating"]
Family = Literal["sequential", "variational"]
"""Models of a family are in a pipeline of its name and not among the default models."""

BESIDE: dict[Family, tuple[str, ...]] = {
    "sequential": ("popularity", "ease"),
    "variational": ("popularity", "ease", "cdae"),
}
"""Default models that the pipeline of a family fits too, to compare with."""


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

    family: Family | None = None
    """Family of a model that is not in the default pipeline."""

    about: str = ""
    """What it is, in one line with its paper, for the pages of MLflow."""


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
        about="Items liked by the same users (ItemKNN, cosine; Deshpande and Karypis, TOIS 2004).",
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
        family="variational",
    ),
    "stack": Entry(
        ".stack",
        "Stack",
        "ranking",
        members=("cdae", "ease"),
        about="The weighted sum of the scores of CDAE and EASE, with weights from validation.",
    ),
    "sequential_ease": Entry(
        ".sequential_ease",
        "SequentialEASE",
        "ranking",
        family="sequential",
        about="Ridge regression of the next item on the latest ones, in closed form, after EASE.",
    ),
    "sequential_dae": Entry(
        ".sequential_dae",
        "SequentialDAE",
        "ranking",
        is_network=True,
        family="sequential",
        about="Denoising autoencoder of the next item, from decaying memories of the history.",
    ),
    "sasrec": Entry(
        ".sasrec",
        "SASRec",
        "ranking",
        is_network=True,
        family="sequential",
        about="Self-attention over the latest items (SASRec; Kang & McAuley, ICDM 2018).",
    ),
    "sequential_stack": Entry(
        ".stack",
        "SequentialStack",
        "ranking",
        members=("sasrec", "sequential_dae", "sequential_ease"),
        family="sequential",
        about="The weighted sum of the three sequential models, with weights from validation.",
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


def run_of(name: str) -> str:
    """Return the command whose pipeline has this model."""
    family = MODELS[name].family if name in MODELS else None
    return f"kedro run --pipelines {family}" if family else "kedro run"


def model_class(name: str) -> Any:
    """Return the class of a model. Raises ValueError if the name is unknown."""
    if name not in MODELS:
        closest = get_close_matches(str(name), MODELS, n=1)
        hint = f" did you mean {closest[0]!r}?" if closest else ""
        raise ValueError(f"unknown model {name!r};{hint} known models: {', '.join(MODELS)}")
    entry = MODELS[name]
    return getattr(import_module(entry.module, __package__), entry.class_name)


def default_models() -> list[str]:
    """Return the names of the models of the default pipeline: those without a family."""
    return [name for name, entry in MODELS.items() if entry.family is None]


def models_for(task: Task) -> list[str]:
    """Return the names of the default models for a task."""
    return [name for name in default_models() if MODELS[name].task == task]


def models_beside(family: Family) -> list[str]:
    """Return the names of the models of a family, and of those to compare them with."""
    beside = BESIDE[family]
    return [name for name, entry in MODELS.items() if entry.family == family or name in beside]


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
