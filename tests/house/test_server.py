"""A tracking server holds runs, models and files, and any project folder can use its champion."""

import os
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from urllib.error import URLError
from urllib.request import urlopen

import mlflow
import projects
import pytest

from collaborative_autoencoders import config_loader

TO_START = 120  # seconds; 5 on an idle machine
POPULARITY = {"registration": {"enabled": True}, "inference": {"model": "popularity"}}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The address of a server that keeps artifacts in its own folder, set in the shell."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    folder = tmp_path / "server"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port]
    store = ["--backend-store-uri", "sqlite:///server.db", "--artifacts-destination", "files"]
    with projects.empty_store(folder):
        (folder / projects.STORE).rename(folder / "server.db")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, *store, "--workers", "1"],
            **{
                "cwd": folder,
                "stdout": log,
                "stderr": subprocess.STDOUT,
                "start_new_session": True,
                "env": os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            },
        )
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + TO_START
    while not answers(address):
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    monkeypatch.setattr(config_loader, "SHELL_TRACKING_URI", address)
    yield address
    mlflow.set_tracking_uri(None)
    os.killpg(process.pid, 9)
    process.wait()


def answers(address: str) -> bool:
    with suppress(URLError, ConnectionError):
        return urlopen(f"{address}/health", timeout=5).status == 200
    return False


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
