"""A finished run on the artificial data set of conf/test, and what reads each of its files."""

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline.node import Node

from collaborative_autoencoders.evaluation.known import known_of
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part_bytes import part_to_bytes
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.models.bytes import model_to_bytes
from collaborative_autoencoders.models.model import Fitted
from collaborative_autoencoders.serving.recommender import Recommender
from collaborative_autoencoders.serving.requests import Wanted

ROOT = Path(__file__).parents[2]
FITS = ("popularity", "bias", "cdae")
"""Models that are fitted again if a part or the facts are changed."""

TIMES = ("fit_seconds",)


class Finished:
    """The project of a finished run."""

    def __init__(self, folder: Path) -> None:
        """Write the configuration and run the default pipeline."""
        self.folder = folder
        shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        for empty in ("conf/local", "data/01_raw", "src"):
            (folder / empty).mkdir(parents=True)
        bootstrap_project(folder)
        with redirect_stdout(io.StringIO()), KedroSession.create(folder, env="test") as session:
            session.run()
            self.catalog = session.load_context().catalog
        self.pipeline = pipelines["__default__"]
        self.right: dict[str, dict[str, Any]] = {}

    def run(self, **selection: Any) -> None:
        """Do what `kedro run` with this selection does."""
        with (
            redirect_stdout(io.StringIO()),
            KedroSession.create(self.folder, env="test") as session,
        ):
            session.run(**selection)

    def file_of(self, name: str) -> Path:
        """Return the file of a catalog entry."""
        return self.folder / str(self.catalog.get(name).filepath)

    def readers(self, name: str) -> list[Node]:
        """Return the nodes that read an entry; of the models' nodes, those of `FITS`."""
        found = [node for node in self.pipeline.nodes if name in node.inputs]
        if "." in name:
            return found
        others = MODELS.keys() - {*FITS}
        return [node for node in found if node.name.split(".")[0] not in others]

    def results(self, name: str) -> dict[str, Any]:
        """Return what the readers of an entry make of the files as they are now."""
        made: dict[str, Any] = {}
        for node in self.readers(name):
            made |= node.run({given: self.catalog.load(given) for given in node.inputs})
        if not made:
            return {name: self.loaded(name)}
        return {key: plain(value) for key, value in made.items()}

    def loaded(self, name: str) -> Any:
        """Return the content of an entry in a form that `==` compares."""
        return plain(self.catalog.load(name))

    def parameters(self) -> dict[str, Any]:
        """Return all parameters of the environment."""
        with KedroSession.create(project_path=self.folder, env="test") as session:
            raw: dict[str, Any] = session.load_context().config_loader["parameters"]
        return raw

    def attempt(self, name: str) -> Callable[[], bool]:
        """Return a function that says whether the readers make what they made before a change."""
        if name not in self.right:
            self.right[name] = self.results(name)
        return lambda: self.results(name) == self.right[name]

    def recommender(self, model: str) -> Recommender:
        """Return the model as it is registered."""
        parts = {name: self.catalog.load(name) for name in ("train", "validation")}
        fitted: Fitted = self.catalog.load(f"{model}.fitted")
        return Recommender.of(fitted, self.catalog.load("lookup"), known_of(fitted, **parts))


def answers(folder: Path) -> bytes:
    """Return the answers of a saved recommender for all users, as bytes."""
    recommender = Recommender.load(folder)
    asked = pd.DataFrame({"user_id": recommender.users["user_id"]})
    return recommender.answer(asked, Wanted(n=10)).to_csv().encode()


def plain(value: Any) -> Any:
    """Return a result in a form that `==` compares, without the times of a fit."""
    if isinstance(value, Interactions):
        return part_to_bytes(value)
    if isinstance(value, Fitted):
        return model_to_bytes(value)
    if isinstance(value, pd.DataFrame):
        return value.drop(columns=list(TIMES), errors="ignore").to_csv()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key not in TIMES}
    return value.to_json() if hasattr(value, "to_json") else repr(value)


@contextmanager
def replaced(file: Path, content: bytes) -> Iterator[None]:
    """Give the file other content, and its own again after the block."""
    before = file.read_bytes()
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(before)
