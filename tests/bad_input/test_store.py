"""A store that cannot be used is named before a run, with the fix."""

import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from collaborative_autoencoders.hooks import store
from collaborative_autoencoders.hooks.mlflow_settings import settings_for
from collaborative_autoencoders.hooks.server import impatient, no_answer
from collaborative_autoencoders.hooks.store import check_sqlite, check_store, unusable
from collaborative_autoencoders.tracking.addresses import artifacts_of, local_folder
from collaborative_autoencoders.tracking.sqlite import sqlite_url


def mlflow_yml(folder: Path, **run) -> dict:
    return {
        "server": {"mlflow_tracking_uri": sqlite_url(folder / "mlflow.db")},
        "tracking": {
            "experiment": {
                "create_experiment_kwargs": {"artifact_location": f"{folder}/mlartifacts"}
            },
            "run": run,
        },
    }


def test_a_store_that_does_not_exist_yet_is_valid(tmp_path):
    check_store(mlflow_yml(tmp_path, nested=False), tmp_path)


def test_an_existing_database_is_not_changed(tmp_path):
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE kept (number)")
    before = file.read_bytes()
    check_sqlite(file)

    assert file.read_bytes() == before


def test_an_unknown_key_of_mlflow_yml_is_refused_by_its_full_key(tmp_path):
    with pytest.raises(ValueError, match="mlflow.yml:\n  tracking.run.nestd: unknown key"):
        check_store(mlflow_yml(tmp_path, nestd=False), tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("put", "reason"),
    [
        (lambda file: file.mkdir(), "unable to open database file"),
        (lambda file: file.write_text("no database" * 100), "file is not a database"),
        (lambda file: file.symlink_to("nowhere/else.db"), "unable to open database file"),
    ],
)
def test_a_file_that_is_not_a_database_is_named_with_the_fix(tmp_path, put, reason):
    file = tmp_path / "mlflow.db"
    put(file)

    with pytest.raises(OSError, match=f"{file} cannot be opened: {reason}\nCheck .*mlflow.yml"):
        check_store(mlflow_yml(tmp_path), tmp_path)


def test_a_file_in_place_of_the_folder_of_artifacts_is_named(tmp_path):
    (tmp_path / "mlartifacts").write_text("a file")

    with pytest.raises(OSError, match="mlartifacts, which is not a writable folder"):
        check_store(mlflow_yml(tmp_path), tmp_path)
    assert not (tmp_path / "mlflow.db").exists()


# a project that was moved or copied, with a store that has the one table that is looked at


def project_with_store(folder: Path, artifacts: Path) -> Path:
    folder.mkdir()
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE experiments (name, artifact_location)")
        rows = ("Default", artifacts.as_uri())
        database.execute("INSERT INTO experiments VALUES (?, ?)", rows)
    return folder


def named_artifacts(project: Path) -> Path | None:
    return local_folder(artifacts_of(project / "mlflow.db", "Default"))


@pytest.mark.parametrize("open_store", [check_store, store.use_stores])
@pytest.mark.parametrize("old_is_still_there", [True, False])
def test_the_store_of_a_project_that_was_moved_or_copied_follows_it(
    tmp_path, caplog, old_is_still_there, open_store
):
    """A run opens it with the one, `kedro serve`, `try` and `reproduce` with the other."""
    old = tmp_path / "old"
    if old_is_still_there:
        project_with_store(old, old / "mlartifacts")
        (old / "mlartifacts").mkdir()
    copy = project_with_store(tmp_path / "new 50%20?#é", old / "mlartifacts")
    (copy / "mlartifacts").mkdir()
    open_store(mlflow_yml(copy), copy)

    assert named_artifacts(copy) == copy / "mlartifacts"
    assert f"was moved or copied from {old}" in caplog.text
    if old_is_still_there:
        assert named_artifacts(old) == old / "mlartifacts"
    caplog.clear()
    check_store(mlflow_yml(copy), copy)
    assert not caplog.messages


def test_a_project_that_was_copied_without_its_artifacts_is_refused_with_the_fix(tmp_path):
    copy = project_with_store(tmp_path / "new", tmp_path / "old" / "mlartifacts")
    with pytest.raises(OSError, match="names artifacts in .*old.* no folder .*new.*: mkdir -p "):
        check_store(mlflow_yml(copy), copy)
    assert named_artifacts(copy) == tmp_path / "old" / "mlartifacts"


def test_artifacts_that_were_put_elsewhere_stay_there(tmp_path):
    elsewhere = tmp_path / "network" / "drive"
    elsewhere.mkdir(parents=True)
    project = project_with_store(tmp_path / "project", elsewhere)
    check_store(mlflow_yml(project), project)
    assert named_artifacts(project) == elsewhere


def test_a_project_that_is_reached_through_a_link_was_not_moved(tmp_path):
    project = project_with_store(tmp_path / "project", tmp_path / "project" / "mlartifacts")
    (tmp_path / "link").symlink_to(project)
    check_store(mlflow_yml(tmp_path / "link"), tmp_path / "link")


def test_a_store_that_projects_share_keeps_the_artifacts_of_the_first(tmp_path):
    (tmp_path / "first" / "mlartifacts").mkdir(parents=True)
    shared = project_with_store(tmp_path / "shared", tmp_path / "first" / "mlartifacts")
    config = mlflow_yml(tmp_path / "second")
    config["server"]["mlflow_tracking_uri"] = f"sqlite:///{shared}/mlflow.db"
    check_store(config, tmp_path / "second")
    assert named_artifacts(shared) == tmp_path / "first" / "mlartifacts"


def test_a_question_mark_in_a_typed_url_is_refused_because_it_would_end_the_path(tmp_path):
    config = mlflow_yml(tmp_path)
    config["server"]["mlflow_tracking_uri"] = f"sqlite:///{tmp_path}/really?/mlflow.db"
    with pytest.raises(OSError, match=r"a \? ends the path.*\n.*\$\{sqlite:mlflow.db\}"):
        check_store(config, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_uri_of_the_shell_that_is_not_used_is_said_to_be_ignored(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(store, "SHELL_TRACKING_URI", "http://me:secret@tracking:5000")
    check_store(mlflow_yml(tmp_path), tmp_path)
    (message,) = caplog.messages
    assert message.startswith(
        "MLFLOW_TRACKING_URI=http://me:***@tracking:5000 is ignored: mlflow.yml"
    )


@pytest.mark.parametrize("named", [None, "sqlite:////srv/models.db"])
def test_a_registry_of_the_shell_is_ignored_and_that_of_mlflow_yml_is_used(
    tmp_path, monkeypatch, caplog, named
):
    monkeypatch.setattr(store, "SHELL_REGISTRY_URI", "http://me:secret@models:5000")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://me:secret@models:5000")
    before = mlflow.get_tracking_uri()
    server = mlflow_yml(tmp_path)["server"] | {"mlflow_registry_uri": named}
    try:
        uri = store.use_stores(mlflow_yml(tmp_path) | {"server": server}, tmp_path)
        assert mlflow.get_registry_uri() == (named or uri)
    finally:
        store.use_stores({"server": {"mlflow_tracking_uri": before}}, tmp_path)
    assert caplog.messages[0] == (
        f"MLFLOW_REGISTRY_URI=http://me:***@models:5000 is ignored: the registry is {named or uri}."
        " server.mlflow_registry_uri in mlflow.yml names another"
    )


def test_an_experiment_of_the_shell_is_said_to_be_ignored(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(store, "SHELL_EXPERIMENT", "nightly")
    check_store(mlflow_yml(tmp_path), tmp_path)
    assert caplog.messages == [
        "MLFLOW_EXPERIMENT_NAME=nightly is ignored: mlflow.yml names Default "
        "(tracking.experiment.name)"
    ]


# a tracking server


def test_a_server_uses_its_own_place_for_artifacts_and_a_bucket_is_kept(tmp_path):
    def location(**changes) -> str | None:
        config = mlflow_yml(tmp_path)
        config["server"]["mlflow_tracking_uri"] = "http://tracking:5000"
        config["tracking"]["experiment"]["create_experiment_kwargs"] |= changes
        used = settings_for(config)["tracking"]["experiment"]
        return used["create_experiment_kwargs"]["artifact_location"]

    assert location() is None
    assert location(artifact_location="s3://bucket/here") == "s3://bucket/here"
    assert settings_for(mlflow_yml(tmp_path)) == mlflow_yml(tmp_path)


def test_a_server_that_is_off_is_said_at_once():
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(MlflowException) as refused, impatient():
        MlflowClient(uri).get_experiment_by_name("any")
    assert time.monotonic() - started < 10
    assert f"The tracking server {uri} cannot be used" in no_answer(uri, refused.value)
    assert "Connection refused" in no_answer(uri, refused.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+nosuch"])
def test_a_database_that_is_off_or_has_no_driver_is_named_at_once(tmp_path, scheme):
    place = {"server": {"mlflow_tracking_uri": f"{scheme}://ann:gehe1m@127.0.0.1:1/x"}}
    with pytest.raises(
        OSError, match=r"://ann:\*\*\*@.* cannot be used as MLflow's store"
    ) as error:
        check_store(mlflow_yml(tmp_path) | place, tmp_path)
    assert "gehe1m" not in str(error.value)


def test_the_message_for_a_store_has_no_password():
    message = unusable("postgresql://ann:gehe1m@db/x", "no answer of http://u:gehe1m@proxy:80")
    assert "gehe1m" not in message
    assert message.startswith(
        "MLflow's store postgresql://ann:***@db/x cannot be opened: no answer"
    )
