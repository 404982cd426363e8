"""A tracking server with PostgreSQL, which all tests of this folder share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mlflow
import postgres
import pytest
from tracking_server import running_server

from collaborative_autoencoders import config_loader


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """A private PostgreSQL. Its folder is not pytest's, which another user cannot enter."""
    if postgres.programs() is None:
        pytest.skip("PostgreSQL is missing: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        with postgres.running_cluster(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tracking server keeps artifacts."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def address(cluster: postgres.Cluster, server_folder: Path) -> Iterator[str]:
    """The address of a tracking server whose runs are in PostgreSQL."""
    with running_server(server_folder, cluster.create("runs")) as running:
        yield running


@pytest.fixture
def server(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address, as MLFLOW_TRACKING_URI says it."""
    monkeypatch.setattr(config_loader, "SHELL_TRACKING_URI", address)
    yield address
    mlflow.set_tracking_uri(None)
