"""Configuration that is not in `conf/` of the working directory is found, or named."""

import logging
from types import SimpleNamespace

import pytest
from kedro.config import MissingConfigException
from kedro.framework.project import LOGGING
from model_options import CONF, configuration_of

from collaborative_autoencoders.config_loader import ProjectConfigLoader
from collaborative_autoencoders.hooks.configuration import (
    parameters_of,
    refuse_unknown_namespaces,
    use_logging_of,
)
from collaborative_autoencoders.hooks.mlflow_settings import is_tracked
from collaborative_autoencoders.hooks.next_commands import to_compare_runs, to_look_at_the_pipeline
from collaborative_autoencoders.pipeline_registry import register_pipelines


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A working directory that is in no Kedro project."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_missing_environment_is_named_with_the_closest_one():
    with pytest.raises(MissingConfigException, match="no environment 'tset' in .* mean 'test'"):
        parameters_of(configuration_of("tset"))


def test_a_folder_without_configuration_is_named_with_the_option(elsewhere):
    loader = ProjectConfigLoader(str(elsewhere / "conf"), base_env="base", default_run_env="local")
    with pytest.raises(MissingConfigException, match="no configuration in .*--conf-source"):
        parameters_of(loader)


def test_an_unknown_namespace_is_named_with_those_that_the_pipelines_have():
    every = register_pipelines()
    says = r"tuning has no 'eese'; did you mean 'ease'\? \(it has autorec, .*, vae\)"
    with pytest.raises(ValueError, match=says):
        refuse_unknown_namespaces(every, pipelines=["tuning"], namespaces=["cdae", "eese"])
    refuse_unknown_namespaces(every, pipelines=["tuning"], namespaces=["cdae", "ease"], env="test")
    refuse_unknown_namespaces(every, namespaces=["data_engineering", "models", "models.cdae"])
    refuse_unknown_namespaces(every, pipelines=["no pipeline"], namespaces=["cdae"])
    with pytest.raises(ValueError, match=r"'eese'; did you mean 'ease'\? \(it has .*, cdae, "):
        refuse_unknown_namespaces(every, namespaces=["cdae", "eese"])


def test_the_logging_of_another_folder_is_used_unless_kedro_has_found_one(elsewhere, monkeypatch):
    before = dict(LOGGING.data)
    level = logging.getLogger("kedro.io.data_catalog").level
    try:
        monkeypatch.setenv("KEDRO_LOGGING_CONFIG", "mine.yml")
        logging.getLogger("kedro.io.data_catalog").setLevel("DEBUG")
        use_logging_of(CONF)
        assert logging.getLogger("kedro.io.data_catalog").level == logging.DEBUG
        monkeypatch.delenv("KEDRO_LOGGING_CONFIG")
        use_logging_of(CONF)
        assert logging.getLogger("kedro.io.data_catalog").level == logging.WARNING
    finally:
        LOGGING.data = before
        logging.getLogger("kedro.io.data_catalog").setLevel(level)


def test_commands_that_need_a_kedro_project_are_printed_in_one_only(elsewhere, monkeypatch):
    monkeypatch.setattr("mlflow.get_tracking_uri", lambda: f"sqlite:///{elsewhere}/my runs.db")
    monkeypatch.setattr("mlflow.last_active_run", lambda: None)
    asked = {"env": None}, {"ui": {"port": "7"}}
    assert (to_compare_runs(*asked), to_look_at_the_pipeline()) == ([], [])
    (elsewhere / "my runs.db").touch()
    typed = "mlflow ui --backend-store-uri 'sqlite:///my runs.db' --port 7"
    assert to_compare_runs(*asked) == [typed]
    monkeypatch.chdir(CONF.parent)
    assert (to_compare_runs(*asked), to_look_at_the_pipeline()) == (
        ["kedro mlflow ui"],
        ["kedro viz run"],
    )


def test_the_address_is_that_of_the_command_or_of_the_tracking_server(monkeypatch):
    run = SimpleNamespace(info=SimpleNamespace(experiment_id="3"))
    monkeypatch.setattr("mlflow.last_active_run", lambda: run)
    monkeypatch.setattr("mlflow.get_tracking_uri", lambda: "sqlite:///mlflow.db")
    monkeypatch.chdir(CONF.parent)
    runs = "/#/experiments/3/runs?workflowType=machine_learning"
    asked = {"env": None}, {"ui": {"port": "7"}}
    assert to_compare_runs(*asked) == ["kedro mlflow ui", f"http://127.0.0.1:7{runs}"]
    monkeypatch.setattr("mlflow.get_tracking_uri", lambda: "http://me:secret@host:5000/")
    saved = f"http://me:***@host:5000{runs}&viewStateShareKey=key"
    assert to_compare_runs(*asked, "key") == [saved]


def test_a_run_that_is_not_tracked_is_not_taken_for_an_earlier_one(monkeypatch):
    monkeypatch.setattr("mlflow.last_active_run", lambda: pytest.fail("of an earlier session"))
    monkeypatch.setattr("mlflow.get_tracking_uri", lambda: "sqlite:///mlflow.db")
    monkeypatch.chdir(CONF.parent)
    run_params = {"env": None, "pipeline_names": ["ranking"]}
    disabled = {"tracking": {"disable_tracking": {"pipelines": ["ranking", "rating"]}}}
    assert to_compare_runs(run_params, disabled) == ["kedro mlflow ui"]
    assert not is_tracked(run_params, disabled)
    assert is_tracked(run_params | {"pipeline_names": ["ranking", "tuning"]}, disabled)
    assert is_tracked({"pipeline_names": None}, {"tracking": None})
