"""`kedro serve`: how many processes answer, and the command and environment that it starts."""

import os
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from mlflow.exceptions import MlflowException
from mlflow.models.cli import commands
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from collaborative_autoencoders.cli import cli
from collaborative_autoencoders.serving.workers import is_free, serve_environment, workers_for

GIB = 2**30


@pytest.mark.parametrize(
    ("model", "memory", "cores", "workers"),
    [
        (0, GIB, 2, 2),  # two of half a GiB
        (0, GIB - 1, 2, 1),
        (GIB // 4, 2 * GIB, 8, 2),  # two of half a GiB and two copies of a quarter
        (GIB // 4, 2 * GIB - 1, 8, 1),
        (0, 64 * GIB, 1, 1),
        (0, None, 2, 1),
    ],
)
def test_two_processes_serve_where_cores_and_memory_allow(model, memory, cores, workers):
    assert workers_for(model, memory, cores) == workers


def test_the_processes_share_the_cores_unless_the_shell_says_otherwise():
    assert serve_environment({}, "store", 2, 8)["OMP_NUM_THREADS"] == "4"
    assert serve_environment({}, "store", 2, 1)["OMP_NUM_THREADS"] == "1"
    given = serve_environment({"OMP_NUM_THREADS": "3"}, "store", 2, 8)
    assert given["OMP_NUM_THREADS"] == "3"


@pytest.fixture
def serve(registered, monkeypatch):
    """`kedro serve` in this process: what it would start, and what it prints."""
    monkeypatch.setenv("DO_NOT_TRACK", "true")

    def serve(*arguments):
        started = []
        monkeypatch.setattr(os, "execve", lambda *call: started.append(call))
        done = CliRunner().invoke(
            cli, ["serve", *arguments], obj=bootstrap_project(registered), catch_exceptions=False
        )
        return started, done.output

    return serve


def test_kedro_serve_starts_mlflow_with_the_store_and_options_that_it_knows(serve, registered):
    ((program, command, environment),), _ = serve("--workers", "3", "--port", "5003")
    assert (program, command[:5]) == (sys.executable, [program, "-m", "mlflow", "models", "serve"])
    parsed = commands.commands["serve"].make_context("serve", command[5:]).params
    assert parsed["model_uri"] == "models:/cdae@champion"
    assert (parsed["workers"], parsed["port"], parsed["host"]) == ("3", 5003, "127.0.0.1")
    assert environment["MLFLOW_TRACKING_URI"].endswith(f"{registered.as_posix()}/mlflow.db")
    subprocess.run(["uvicorn", "--version"], env=environment, check=True, capture_output=True)


def test_a_registry_of_the_shell_does_not_reach_the_server(serve, monkeypatch):
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///elsewhere/other.db")
    ((_, _, environment),), _ = serve()
    assert "MLFLOW_REGISTRY_URI" not in environment


def test_a_model_that_is_not_registered_is_named_with_the_command_that_registers_it(serve):
    started, output = serve("sasrec")
    assert not started
    command = "kedro run --pipelines sequential --only-missing-outputs --params registration.models"
    assert f"{command}=sasrec" in output


def test_a_model_without_a_champion_is_named_with_the_command_that_makes_one(serve, monkeypatch):
    def no_alias(_):
        raise MlflowException("alias champion not found", error_code=INVALID_PARAMETER_VALUE)

    monkeypatch.setattr("collaborative_autoencoders.serving.workers.bytes_of", no_alias)
    started, output = serve("ease")
    assert not started
    assert "alias champion not found" in output
    assert "--pipelines promotion --params promotion.roll_back.ease=1`" in output


def test_a_name_that_is_no_model_gets_the_names_of_models(serve):
    started, output = serve("nobody")
    assert not started
    assert "unknown model 'nobody': known are popularity, itemknn, ease" in output


def test_a_port_that_is_taken_is_named_with_another(serve):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        started, output = serve("--port", str(port))
    assert not started
    assert f"127.0.0.1:{port} is taken. Choose another: --port {port + 1}" in output


def test_a_port_is_free_until_a_server_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free("127.0.0.1", port)
    assert is_free("127.0.0.1", port)
