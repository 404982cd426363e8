"""A page over champions on the checkerboard."""

from collections.abc import Iterator

import mlflow
import projects
import pytest
import served
import tried

from collaborative_autoencoders.page.app import make_app
from collaborative_autoencoders.page.champions import Champions


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a store with the champions EASE and item-KNN, and MF on other data."""
    folder = tmp_path_factory.mktemp("champions")
    uri, before = f"sqlite:///{folder.as_posix()}/mlflow.db", mlflow.get_tracking_uri()
    with projects.empty_store(folder):
        mlflow.set_tracking_uri(uri)
        tried.fill_store(folder)
        mlflow.set_tracking_uri(before)
        yield uri


@pytest.fixture
def tracking(store: str) -> Iterator[None]:
    """The store is that of this process."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store)
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="session")
def loaded() -> Champions:
    """The champions, which are loaded once for all tests. EASE is first: MF is on other data."""
    return Champions("ease")


@pytest.fixture
def page(tracking: None, loaded: Champions) -> Iterator[tried.Page]:
    """The page over the champions of the store."""
    with served.running(make_app(loaded)) as port:
        yield tried.Page(port)
