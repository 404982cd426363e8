"""A tracking server with PostgreSQL holds what runs log, and any folder can use its champions."""

import os
import signal
import subprocess
import sys

import mlflow
import pandas as pd
import postgres
import projects
import pytest
from mlflow import MlflowClient
from served import Client, free_port, wait_until_it_answers

from collaborative_autoencoders import config_loader
from collaborative_autoencoders.page.champions import Champions
from collaborative_autoencoders.serving.model_versions import describe_version, versions

pytestmark = pytest.mark.store

EXPERIMENT = "collaborative_autoencoders"
TEXTS = ("tags", "params", "experiment_tags", "model_versions", "model_version_tags", "datasets")
CHAMPION = """
import sys
def refuse(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith(FOLDER):
        raise PermissionError(arguments[0])
FOLDER = sys.argv[1]
sys.addaudithook(refuse)
import mlflow, pandas
model = mlflow.pyfunc.load_model("models:/cdae@champion")
print(len(model.predict(pandas.DataFrame({"user_id": ["user-00"]}), params={"n": 3})))
"""


def typed(project, address, *arguments):
    """The output of a command with MLFLOW_TRACKING_URI in the shell; it must succeed."""
    environment = projects.in_project(project)["env"] | {"MLFLOW_TRACKING_URI": address}
    done = projects.kedro(project, *arguments, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def world(address, cluster, tmp_path_factory):
    """A project after a whole run, which has registered models on the server."""
    project = projects.new_project(tmp_path_factory.mktemp("world") / "here")
    studies = f"tuning.storage={cluster.url('studies')}"  # with a password, which no file may have
    registration = "registration.enabled=true,registration.models=best+cdae"
    (project / "log").write_text(
        typed(project, address, "run", "--env", "test", "--params", f"{studies},{registration}")
    )
    return project


def runs_of(store, wanted="", experiment=EXPERIMENT):
    client = MlflowClient(store)
    found = client.get_experiment_by_name(experiment)
    return client.search_runs([found.experiment_id], wanted)


def test_the_files_of_a_run_come_back_through_the_server(world, server, server_folder, tmp_path):
    mlflow.set_tracking_uri(server)
    (run,) = runs_of(server, "attributes.run_name = 'test: default' and tags.selection = '{}'")
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    got = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="leaderboard.csv", dst_path=str(tmp_path)
    )
    boards = [
        pd.read_csv(board) for board in (got, world / "data/08_reporting/test/leaderboard.csv")
    ]
    assert boards[0]["model"].tolist() == boards[1]["model"].tolist()
    assert list((server_folder / "files").rglob("leaderboard.csv"))
    assert not (world / "mlartifacts").exists()
    assert not (world / "mlflow.db").exists()


def test_a_process_that_cannot_see_the_folder_of_the_server_loads_the_champion(
    world, address, server_folder, tmp_path
):
    here = projects.in_project(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", CHAMPION, server_folder],
        **here | {"env": here["env"] | {"MLFLOW_TRACKING_URI": address}, "capture_output": True},
    )
    assert done.stdout.split() == ["3"], done.stderr


def test_another_folder_gets_the_champion_and_promotes(world, server, tmp_path):
    there = projects.copy_of(world, tmp_path / "there")
    (there / "data/07_model_output").mkdir(exist_ok=True)
    projects.run(there, pipelines=["inference"], params={"inference": {"model": "cdae"}})
    assert list((there / "data").rglob("recommendations*"))
    projects.run(there, pipelines=["promotion"])
    (promotion,) = runs_of(server, "attributes.run_name = 'test: promotion'")
    assert promotion.info.status == "FINISHED"


def test_kedro_serve_answers_with_the_champion_of_the_server(world, address, tmp_path):
    project, port, log = projects.new_project(tmp_path / "there"), free_port(), tmp_path / "log"
    environment = projects.in_project(project)["env"] | {"MLFLOW_TRACKING_URI": address}
    with log.open("w") as written:
        process = projects.start_kedro(
            *(project, "serve", "cdae", "--port", str(port), "--workers", "1"),
            **{"env": environment, "stdout": written, "start_new_session": True},
        )
    try:
        wait_until_it_answers(port, process, log)
        assert len(Client(port).ask([{"user_id": "user-00"}], n=3).lines) == 3
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_page_of_kedro_try_has_the_champions_of_the_server(world, server):
    mlflow.set_tracking_uri(server)
    champions = Champions("cdae")
    assert champions.shown_first().name == "cdae"
    lines = champions.answer(champions.named("cdae"), "user-00", [], {"n": 3})
    assert len(lines) == 3


def test_a_run_on_the_server_is_reproduced(address, tmp_path):
    project = projects.new_project(tmp_path / "world")
    projects.keep_in_git(project)
    outputs = ("--to-outputs", "data_facts,popularity.metrics")
    typed(project, address, "run", "--env", "test", *outputs)
    run, *_ = runs_of(address)  # the newest first
    typed(project, address, "reproduce", run.info.run_id)


def test_a_password_is_in_nothing_that_runs_wrote(world, address, cluster, server_folder):
    files = [file for folder in (world, server_folder) for file in projects.files_of(folder)]
    secret = cluster.url("studies").encode().partition(b"@")[0].rpartition(b":")[2]
    assert (world / "log") in files
    for word in (postgres.PASSWORD.encode(), secret):
        assert [file for file in files if word in file.read_bytes()] == []
    with cluster.connect("runs") as connection:
        for table in TEXTS:
            rows = str(connection.execute(f"SELECT * FROM {table}").fetchall())
            assert postgres.PASSWORD not in rows
            assert secret.decode() not in rows
        (masked,) = connection.execute("SELECT count(*) FROM tags WHERE value LIKE '%:***@%'")
    assert masked[0] > 0


def test_the_first_runs_of_two_hosts_share_an_experiment(server, tmp_path, monkeypatch):
    project = projects.new_project(tmp_path / "world")
    (project / "conf/test/mlflow.yml").write_text("tracking: {experiment: {name: at_once}}")
    create = MlflowClient.create_experiment

    def after_another_host(client, name, **how):
        create(client, name, **how)
        return create(client, name, **how)

    monkeypatch.setattr(MlflowClient, "create_experiment", after_another_host)
    projects.run(project, to_outputs=["data_facts"])
    (run,) = runs_of(server, experiment="at_once")
    assert run.info.status == "FINISHED"


def test_a_description_that_is_too_long_for_postgresql_is_cut(server):
    mlflow.set_tracking_uri(server)
    client = MlflowClient()
    client.create_registered_model("long")
    client.create_model_version("long", "s3://bucket/none")
    describe_version("long", 1, "Ä" * 9000, "about")
    assert client.get_model_version("long", "1").description == "Ä" * 5000
    assert versions("long") == [1]


def test_a_run_that_writes_to_postgresql_itself_gives_signs_of_life(
    cluster, monkeypatch, tmp_path, caplog
):
    store = cluster.create("direct")
    monkeypatch.setattr(config_loader, "SHELL_TRACKING_URI", store)
    project = projects.new_project(tmp_path / "world")
    projects.run(project, to_outputs=["data_facts"])
    (run,) = runs_of(store)
    assert run.info.status == "FINISHED"
    assert "last_seen" in run.data.tags
    assert postgres.PASSWORD not in caplog.text
    with cluster.connect("direct") as connection:
        connection.execute("UPDATE experiments SET artifact_location = '/of/another/machine'")
    with pytest.raises(OSError, match="in /of/another/machine, which is not a folder of this"):
        projects.run(project, to_outputs=["data_facts"])
    mlflow.set_tracking_uri(None)
