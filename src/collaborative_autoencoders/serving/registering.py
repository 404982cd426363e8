"""A recommender goes into the MLflow registry."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import HISTORY, ITEM, RATINGS, USER

from .recommender import Recommender
from .registry import enter
from .requests import Wanted

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]
REQUIREMENTS = (
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "safetensors",
    "scipy",
    "torch",
)
"""What answering imports; said, since finding it out takes MLflow seconds."""


def register(recommender: Recommender, name: str, metrics: dict[str, float]) -> dict[str, Any]:
    """Log the recommender in the active run and register it under `name`, as the challenger.

    The first of its name is the champion too. Returns name, version and address.
    """
    import mlflow

    example = example_of(recommender)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "recommender"
        folder.mkdir()
        recommender.save(folder)
        logged = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(PACKAGE / "serving" / "pyfunc.py"),
            artifacts={"recommender": str(folder)},
            code_paths=[str(PACKAGE)],
            signature=signature_of(recommender, example),
            input_example=(example, {"n": 10}),
            pip_requirements=[f"{package}=={public(version(package))}" for package in REQUIREMENTS],
            metadata={"metrics": metrics, "data": recommender.data},
        )
    with told_by_us():
        number = int(mlflow.register_model(logged.model_uri, name).version)
    logger.info("%s: version %d is registered, as %s", name, number, enter(name, number))
    return {"name": name, "version": number, "uri": f"models:/{name}/{number}"}


@contextmanager
def told_by_us() -> Iterator[None]:
    """MLflow prints each step of registering on lines of its own; what goes wrong it raises."""
    from mlflow.utils.logging_utils import disable_logging, enable_logging

    disable_logging()
    try:
        yield
    finally:
        enable_logging()


def example_of(recommender: Recommender) -> pd.DataFrame:
    """A request of all kinds: a known user, the same with more history, an unseen one, nobody."""
    known = next(iter(recommender.users[USER].tolist()), None)
    some = recommender.items[ITEM].head(2).tolist()
    ratings = None if recommender.taste.highest is None else [recommender.taste.highest] * len(some)
    rows = [(known, None, None), (known, some, None), (None, some, ratings), (None, None, None)]
    return pd.DataFrame(rows, columns=[USER, HISTORY, RATINGS], dtype=object)


def signature_of(recommender: Recommender, example: pd.DataFrame) -> Any:
    """What goes in, what comes out and which params there are.

    The columns are of any type, since MLflow's own types refuse nulls or answer with 500 where
    they do not fit: what is wrong with a row the recommender says itself.
    """
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import AnyType, ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    ids = "long" if recommender.item_ids.kind is int else "string"
    defaults = Wanted()
    params = [
        ParamSpec("n", "long", defaults.n),
        ParamSpec("exclude_seen", "boolean", defaults.exclude_seen),
        ParamSpec("exclude_items", ids, list(defaults.exclude_items), (-1,)),
        ParamSpec("only_items", ids, list(defaults.only_items), (-1,)),
    ]
    columns: list[ColSpec | TensorSpec] = [
        ColSpec(AnyType(), name, required=False) for name in (USER, HISTORY, RATINGS)
    ]
    answer = recommender.answer(example.head(1), Wanted(n=1))
    outputs = infer_signature(model_output=answer).outputs
    return ModelSignature(Schema(columns), outputs, ParamSchema(params))


def public(installed: str) -> str:
    """The version as a package index has it: a CPU build of torch calls itself 2.13.0+cpu."""
    return installed.partition("+")[0]
