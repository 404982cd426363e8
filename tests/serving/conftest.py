"""Registered models and servers of them, for all tests that only send requests."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import projects
import pytest
import served
import tracked
from checkerboard import checkerboard
from mlflow.pyfunc import PyFuncModel
from model_options import RUNNING, options_of

from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.serving.recommender import Recommender
from collaborative_autoencoders.serving.registration import register

SCALE = {"rated": True, "lowest_rating": 1.0, "highest_rating": 5.0}


@pytest.fixture(scope="session")
def registered(finished_world: Path) -> Path:
    """The project of a finished run that registered every model."""
    return finished_world


@pytest.fixture(scope="session")
def champion(registered: Path) -> PyFuncModel:
    """The champion of CDAE, loaded by MLflow into this process."""
    client = tracked.store(registered)
    version = client.get_model_version_by_alias("cdae", "champion")
    logged = client.get_logged_model(version.source.removeprefix("models:/"))
    return mlflow.pyfunc.load_model(logged.artifact_location)


@pytest.fixture(scope="session")
def server(registered: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[served.Server]:
    """A server of the same champion. Its ids are strings."""
    store = f"sqlite:///{registered.as_posix()}/mlflow.db"
    with served.serving(store, "cdae@champion", tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def numbered() -> Recommender:
    """Item-based AutoRec on the checkerboard: users 1000, 1001, …, items 0, 10, 20, …"""
    world = checkerboard()
    options = options_of("autorec")
    fitted = fit_model(options, True, RUNNING, world.catalogue, **world.parts).fitted
    users = pd.DataFrame({"user_id": 1000 + np.arange(world.catalogue.users)})
    items = 10 * np.arange(world.catalogue.items)
    titles = pd.DataFrame({"item_id": items, "title": [f"Number {item}" for item in items]})
    lookup = Lookup(users, titles, SCALE, 4)
    return Recommender.of(fitted, lookup, world.known_to(fitted.model))


@pytest.fixture(scope="session")
def numbered_server(
    numbered: Recommender, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[served.Client]:
    """A server of the same model, registered in a store of its own. Its ids are integers."""
    folder = tmp_path_factory.mktemp("numbered")
    store, before = f"sqlite:///{folder.as_posix()}/mlflow.db", mlflow.get_tracking_uri()
    with projects.empty_store(folder):
        mlflow.set_tracking_uri(store)
        try:
            experiment = mlflow.create_experiment("numbers", (folder / "artifacts").as_uri())
            with mlflow.start_run(experiment_id=experiment):
                register(numbered, {})
            model = mlflow.pyfunc.load_model("models:/autorec@champion")
        finally:
            mlflow.set_tracking_uri(before)
    with served.serving_here(model) as client:
        yield client
