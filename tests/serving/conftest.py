"""Registered models, and servers of them, for all tests that only ask."""

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

from collaborative_autoencoders.interactions.matrices import together
from collaborative_autoencoders.judging.known import Known
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.serving.recommender import Recommender
from collaborative_autoencoders.serving.registering import register

SCALE = {"rated": True, "lowest_rating": 1.0, "highest_rating": 5.0}


@pytest.fixture(scope="session")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after a default run on the fabricated world that registered every model."""
    project = projects.new_project(tmp_path_factory.mktemp("registered") / "world")
    projects.run(project, params={"registration": {"enabled": True}})
    return project


@pytest.fixture(scope="session")
def champion(registered: Path) -> PyFuncModel:
    """CDAE's champion as MLflow loads it into this process."""
    client = tracked.store(registered)
    version = client.get_model_version_by_alias("cdae", "champion")
    logged = client.get_logged_model(version.source.removeprefix("models:/"))
    return mlflow.pyfunc.load_model(logged.artifact_location)


@pytest.fixture(scope="session")
def server(registered: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[served.Server]:
    """The same champion, served: text ids."""
    store = f"sqlite:///{registered.as_posix()}/mlflow.db"
    with served.serving(store, "cdae@champion", tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def numbered() -> Recommender:
    """Item-based AutoRec on the checkerboard: users 1000, 1001, …, items 0, 10, 20, …"""
    world = checkerboard()
    fitted = fit_model(
        options_of("autorec"), True, RUNNING, world.train, world.validation, world.catalogue
    ).fitted
    users = pd.DataFrame({"user_id": 1000 + np.arange(world.catalogue.users)})
    items = 10 * np.arange(world.catalogue.items)
    titles = pd.DataFrame({"item_id": items, "title": [f"Number {item}" for item in items]})
    ratings = together(world.train, world.validation).ratings
    return Recommender.of(fitted, users, titles, Known(ratings, ratings), 4, SCALE)


@pytest.fixture(scope="session")
def numbered_server(
    numbered: Recommender, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[served.Server]:
    """The same, registered in a store of its own and served: whole numbers as ids."""
    folder = tmp_path_factory.mktemp("numbered")
    store, before = f"sqlite:///{folder.as_posix()}/mlflow.db", mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store)
    try:
        experiment = mlflow.create_experiment("numbers", (folder / "artifacts").as_uri())
        with mlflow.start_run(experiment_id=experiment):
            register(numbered, "autorec", {})
    finally:
        mlflow.set_tracking_uri(before)
    with served.serving(store, "autorec@champion", folder) as server:
        yield server
