"""A tracking server holds runs, models and files, and any project folder can use its champion."""

import mlflow
import projects
import pytest
from tracking_server import running_server

from collaborative_autoencoders import config_loader

pytestmark = pytest.mark.slow

POPULARITY = {"registration": {"enabled": True}, "inference": {"model": "popularity"}}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The address of a server that keeps artifacts in its own folder, set in the shell."""
    folder = tmp_path / "server"
    folder.mkdir()
    with projects.empty_store(folder):
        (folder / projects.STORE).rename(folder / "server.db")
    with running_server(folder, "sqlite:///server.db") as address:
        monkeypatch.setattr(config_loader, "SHELL_TRACKING_URI", address)
        yield address
        mlflow.set_tracking_uri(None)


def test_what_one_folder_registers_on_a_server_another_folder_can_use(server, tmp_path, capsys):
    results = ["popularity.registration", "lookup"]
    here, there = (projects.new_project(tmp_path / name) for name in ("here", "there"))
    projects.run(here, params={"registration": {"enabled": True}}, to_outputs=results)
    projects.run(there, params=POPULARITY, pipelines=["inference"])

    assert list((there / "data").rglob("recommendations*"))
    assert list((tmp_path / "server" / "files").rglob("MLmodel"))
    for folder in (here, there):
        assert not (folder / "mlartifacts").exists()
        assert not (folder / "mlflow.db").exists()
    experiment = mlflow.get_experiment_by_name("collaborative_autoencoders")
    runs = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert sum("last_seen" in run.data.tags for run in runs) == 2
