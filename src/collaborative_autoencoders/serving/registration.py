"""Registration of a fitted model, with its data, as a version in the MLflow registry."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import (
    CONTENT,
    EDITED,
    HISTORY,
    ITEM,
    NOT_REGISTERED,
    RATINGS,
    USER,
)
from collaborative_autoencoders.state.code import CODE, code_version
from collaborative_autoencoders.state.content import Stored, digest_of

from .description import NOTE, about_model, describe, how_to_ask
from .model_versions import STARTED_FROM, add_challenger, describe_version, version_with
from .own_code import ANSWERING_CODE, PACKAGE, answering_code, copy_code, edited
from .recommender import Recommender
from .request_schema import row_schema
from .requests import Wanted

logger = logging.getLogger(__name__)

ONE_AT_A_TIME = threading.Lock()
"""MLflow changes modules of the process while it logs a model, so threads wait for each other."""

CODE_HAS_CHANGED = (
    "%s has changed since this run began, so a server would answer by other code than that which "
    "was evaluated: run again, in a new process"
)
REQUIREMENTS = (
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "safetensors",
    "scipy",
    "threadpoolctl",
    "torch",
)
"""Packages that a served model imports. Listed because MLflow needs seconds to infer them."""


def register(
    recommender: Recommender, metrics: dict[str, float], started_from: int | None = None
) -> dict[str, Any]:
    """Log the recommender, in the active run if there is one, and register it as its model.

    The new version becomes challenger, and the first version also champion. If a version has the
    same model, data and code, no version is added and that one becomes challenger. `started_from`
    is the version of a warm start. Returns name, version, uri and content; only the reason, and the
    file, if the code that answers was edited in the run.
    """
    import mlflow

    name = recommender.fitted.name
    with ONE_AT_A_TIME, TemporaryDirectory() as temporary:
        folder = Path(temporary) / "recommender"
        folder.mkdir()
        recommender.save(folder)
        content = content_of(folder)
        number = version_with(name, content)
        if number is None:
            code = copy_code(Path(temporary) / "code")
            if file := edited():
                logger.warning("%s: not registered: %s", name, CODE_HAS_CHANGED % file)
                return {NOT_REGISTERED: CODE_HAS_CHANGED % file, EDITED: file}
            tags = {CONTENT: content, CODE: code_version(), ANSWERING_CODE: answering_code()}
            if started_from is not None:
                tags[STARTED_FROM] = str(started_from)
            number = add_version(recommender, metrics, folder, code, tags)
            logger.info("%s: version %d is %s", name, number, add_challenger(name, number))
        else:
            logger.info(
                "%s: the same model, data and code as version %d, which is %s; no version is added",
                *(name, number, add_challenger(name, number)),
            )
    text = describe(name, metrics, recommender.data)
    asking = how_to_ask(recommender, number, mlflow.get_tracking_uri())
    describe_version(name, number, f"{text}\n\n{asking}", about_model(name))
    if mlflow.active_run():  # otherwise MLflow would open a run, which nothing ends
        mlflow.set_tag(NOTE, f"{text}\n\n{asking}")
    uri = f"models:/{name}/{number}"
    return {"name": name, "version": number, "uri": uri, CONTENT: content}


def add_version(
    recommender: Recommender,
    metrics: dict[str, float],
    folder: Path,
    code: Path,
    tags: dict[str, str],
) -> int:
    """Log the recommender, which is saved in `folder`, and register it; return the version.

    `code` is the folder of the package that answers.
    """
    import mlflow

    name, example = recommender.fitted.name, example_of(recommender)
    logged = mlflow.pyfunc.log_model(
        name=name,
        python_model=str(PACKAGE / "serving" / "pyfunc.py"),
        artifacts={"recommender": str(folder)},
        code_paths=[str(code)],
        signature=signature_of(recommender, example),
        input_example=(example, {"n": 10}),
        pip_requirements=[f"{package}=={public(version(package))}" for package in REQUIREMENTS],
        metadata={
            "metrics": metrics,
            "data": recommender.data,
            "row_of_a_request": row_schema(recommender),
        },
    )
    with no_mlflow_output():
        registered = mlflow.register_model(logged.model_uri, name, tags=tags)
    return int(registered.version)


def content_of(folder: Path) -> str:
    """Return a digest of all files of a saved recommender and of the code that serves it."""
    files = {file.name: Stored.local(file).content() for file in folder.iterdir()}
    digests = {name: found.digest for name, found in files.items() if found is not None}
    return digest_of(digests | {"code": code_version()})


@contextmanager
def no_mlflow_output() -> Iterator[None]:
    """Disable MLflow's own messages about each step of a registration. Errors are still raised."""
    from mlflow.utils.logging_utils import disable_logging, enable_logging

    disable_logging()
    try:
        yield
    finally:
        enable_logging()


def example_of(recommender: Recommender) -> pd.DataFrame:
    """Return an example request with one row of each kind.

    A known user, the same user with a history, an unseen user with a history, and neither.
    """
    known = next(iter(recommender.users[USER].tolist()), None)
    some = recommender.items[ITEM].head(2).tolist()
    ratings = None if recommender.taste.highest is None else [recommender.taste.highest] * len(some)
    rows = [(known, None, None), (known, some, None), (None, some, ratings), (None, None, None)]
    return pd.DataFrame(rows, columns=[USER, HISTORY, RATINGS], dtype=object)


def signature_of(recommender: Recommender, example: pd.DataFrame) -> Any:
    """Return the signature: input columns, output columns and params.

    Input columns have the type Any, and each may be left out. Any other type of MLflow refuses
    requests that are right: `long` refuses null, `string` a column of nulls from pandas, and an
    array refuses the rows without one in a request of several kinds. The recommender checks the
    values itself, with a message per row; `row_schema` has the types. In an answer, `user_id` may
    be null. Output columns are those of lists, one line per place: an answer of similar items has
    others, and with `one_line_per_row` some are lists.
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
        ParamSpec("explain", "long", defaults.explain),
        ParamSpec("task", "string", defaults.task),
        ParamSpec("diversify", "double", defaults.diversify),
        ParamSpec("one_line_per_row", "boolean", defaults.one_line_per_row),
    ]
    columns: list[ColSpec | TensorSpec] = [
        ColSpec(AnyType(), name, required=False) for name in (USER, HISTORY, RATINGS, ITEM)
    ]
    answer = recommender.answer(example.head(1), Wanted(n=1))
    outputs = infer_signature(model_output=answer).outputs
    answered: list[ColSpec | TensorSpec] = [
        ColSpec(column.type, column.name, required=column.name != USER) for column in outputs
    ]
    return ModelSignature(Schema(columns), Schema(answered), ParamSchema(params))


def public(installed: str) -> str:
    """Return the version without its local part: 2.13.0+cpu, a CPU build of torch, → 2.13.0."""
    return installed.partition("+")[0]
