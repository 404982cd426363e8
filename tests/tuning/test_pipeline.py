"""`kedro run --pipelines tuning`: what it leaves in files, in MLflow and on the terminal."""

import io
import json
import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import projects
import pytest
import tracked
import yaml

from collaborative_autoencoders.models.registry import single_models
from collaborative_autoencoders.pipeline_registry import register_pipelines
from collaborative_autoencoders.tracking.metric_names import plain_metrics
from collaborative_autoencoders.tuning import trial as trial_module

pytestmark = pytest.mark.slow

REPORTS = "data/08_reporting/test"
PARENT = "mlflow.parentRunId"
TO_START = 120


class Tuned(NamedTuple):
    project: Path
    printed: str


def tune(project, **params):
    params = params or None
    projects.run(project, pipelines=["tuning"], namespaces=["cdae"], params=params)


def change_spaces(project, cdae, **tuning):
    """Give the small space another block for CDAE."""
    file = project / "conf/test/parameters_tuning.yml"
    parameters = yaml.safe_load(file.read_text())
    parameters["search_spaces"]["small"]["cdae"] = cdae
    parameters["tuning"] |= tuning
    file.write_text(yaml.safe_dump(parameters))


def search_of(project, model="cdae"):
    return json.loads((project / REPORTS / model / "search.json").read_text())


def proposal_of(project, model="cdae"):
    return project / REPORTS / model / "proposed_parameters.yml"


def trial_runs(project):
    runs = [run for run in tracked.all_runs(project) if "trial" in run.data.tags]
    return sorted(runs, key=lambda run: int(run.data.tags["trial"]))


@pytest.fixture(scope="module")
def tuned(finished_world, tmp_path_factory):
    """A finished run and a search of every model after it, for tests that only read."""
    project = projects.copy_of(finished_world, tmp_path_factory.mktemp("tuned") / "world")
    with redirect_stdout(io.StringIO()) as printed:
        projects.run(project, pipelines=["tuning"])
    return Tuned(project, printed.getvalue())


@pytest.fixture
def project(finished_world, tmp_path):
    return projects.copy_of(finished_world, tmp_path / "world")


def test_the_pipeline_reads_no_test_part_and_has_a_namespace_per_model():
    pipeline = register_pipelines()["tuning"]
    assert not [name for name in pipeline.inputs() if name.startswith("test")]
    assert {node.namespace for node in pipeline.nodes} == set(single_models())


# --- in MLflow ---


def test_trials_are_nested_under_the_run_of_their_search(tuned):
    parent, children = tracked.last_run(tuned.project)
    assert parent.info.run_name == "test: tuning"
    assert set(children) == set(single_models())
    for model in ("ease", "cdae", "autorec"):
        search = children[model].info.run_id
        trials = [run for run in trial_runs(tuned.project) if run.data.tags[PARENT] == search]
        assert [run.info.run_name for run in trials] == [f"trial {number}" for number in range(4)]
        assert {run.info.status for run in trials} == {"FINISHED"}
        assert {run.data.tags["state"] for run in trials} <= {"complete", "pruned"}


def test_a_trial_has_the_parameters_of_a_training_run_under_the_same_names(tuned, finished_world):
    client = tracked.store(tuned.project)
    groups = ("model.", "fitting.", "running.", "data_facts.")
    for model in ("ease", "cdae"):
        trained = tracked.last_run(finished_world)[1][model].data.params
        expected = {name: trained[name] for name in trained if name.startswith(groups)}
        for trial in search_of(tuned.project, model)["trials"]:
            params = client.get_run(trial["mlflow_run"]).data.params
            assert set(params) == set(expected)
            changed = {name for name in params if params[name] != expected[name]}
            assert changed <= set(trial["params"])


def test_a_trial_has_its_curve_and_its_best_validation(tuned):
    client = tracked.store(tuned.project)
    for trial in search_of(tuned.project)["trials"]:
        run = client.get_run(trial["mlflow_run"])
        curve = client.get_metric_history(run.info.run_id, "curve/validation_ndcg_at_5")
        assert [point.step for point in curve] == list(range(1, trial["epochs"] + 1))
        best = run.data.metrics["best_validation_ndcg_at_5"]
        assert best == max(point.value for point in curve)
        assert run.data.metrics["counts/best_epoch"] == trial["best_epoch"]
        if trial["state"] == "complete":
            assert best == trial["value"]


def test_a_trial_of_a_formula_has_its_validation_and_no_curve(tuned):
    client = tracked.store(tuned.project)
    for trial in search_of(tuned.project, "ease")["trials"]:
        metrics = client.get_run(trial["mlflow_run"]).data.metrics
        assert metrics.keys() == {"best_validation_ndcg_at_5", "fit_seconds"}
        assert metrics["best_validation_ndcg_at_5"] == trial["value"]


def test_the_search_has_the_best_parameters_and_its_figures(tuned):
    search, run = search_of(tuned.project), tracked.last_run(tuned.project)[1]["cdae"]
    assert run.data.tags["study"] == search["study"]
    best = search["best"]["params"]["model"]
    assert run.data.params["best.model.hidden_size"] == str(best["hidden_size"])
    assert run.data.params["best.model.corruption"] == str(best["corruption"])
    metrics = plain_metrics(run)
    assert metrics["best_validation_ndcg_at_5"] == search["best"]["value"]
    assert metrics["trials_complete"] + metrics["trials_pruned"] == 4
    for figure in ("search_history", "parallel_coordinates"):
        assert (tracked.artifacts(run) / f"{figure}.html").is_file()
        assert "cdae" in tracked.artifact(run, f"{figure}.svg")
    assert "importances need 10 complete trials" in tracked.artifact(run, "importances.svg")
    assert not [name for name in run.data.params if name.startswith("search_spaces")]


# --- in files and on the terminal ---


def test_the_table_of_trials_has_a_row_per_trial_the_best_first(tuned):
    trials = pd.read_csv(tuned.project / REPORTS / "cdae/trials.csv")
    assert sorted(trials["number"]) == [0, 1, 2, 3]
    assert trials["number"][0] == search_of(tuned.project)["best"]["number"]
    assert {"model.hidden_size", "model.corruption", "state", "seconds"} < set(trials)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("autorec_user", "search_spaces.small has no space for autorec_user"),
        ("mf", "search_spaces.small has no space for mf"),
        ("popularity", "it has no options"),
    ],
)
def test_a_model_that_is_not_searched_is_left_out_with_the_reason(tuned, model, reason):
    assert search_of(tuned.project, model)["left_out"] == reason
    proposal = proposal_of(tuned.project, model).read_text()
    assert proposal == f"# Nothing is proposed: {reason}.\n"
    assert f"{model} is left out: {reason}" in tuned.printed


def test_the_terminal_shows_the_best_options_and_the_path_of_the_proposal(tuned):
    assert "cdae: validation ndcg_at_5 0." in tuned.printed
    assert "4 trials: " in tuned.printed
    assert "importance" not in tuned.printed  # of four trials
    assert str(proposal_of(tuned.project)) in tuned.printed
    assert "kedro mlflow ui" in tuned.printed


def test_a_run_with_the_proposal_repeats_the_best_validation_to_the_last_digit(tuned, tmp_path):
    project, models = projects.copy_of(tuned.project, tmp_path / "world"), ("cdae", "autorec")
    shutil.copytree(project / "conf/test", project / "conf/tuned")
    training = project / "conf/tuned/parameters_training.yml"
    blocks = yaml.safe_load(training.read_text())
    training.write_text(yaml.safe_dump({k: v for k, v in blocks.items() if k not in models}))
    for model in models:
        shutil.copy(proposal_of(project, model), project / f"conf/tuned/parameters_{model}.yml")
    nodes = [f"{model}.fit_model" for model in models]
    projects.run(project, "tuned", ["training"], {"outputs": "test"}, node_names=nodes)
    for model in models:
        history = json.loads((project / REPORTS / model / "history.json").read_text())
        facts = json.loads((project / f"data/06_models/test/{model}.fit_facts.json").read_text())
        (curve,) = [points for name, points in history.items() if name.startswith("validation_")]
        best = search_of(tuned.project, model)["best"]
        assert curve[facts["best_epoch"] - 1]["value"] == best["value"]
        assert facts["best_epoch"] == best["best_epoch"]


def test_wrong_spaces_and_options_are_refused_before_anything_is_written(project):
    change_spaces(project, {"model": {"speed": [1, 2]}})
    with pytest.raises(ValueError, match=r"search_spaces: small\.cdae: model\.speed: unknown opt"):
        tune(project, tuning={"sampler": "cmaes"})
    assert not (project / "mlflow.db").exists()
    assert not (project / "optuna.db").exists()


# --- resumed and shared ---


def test_a_search_that_was_stopped_resumes_and_has_all_its_trials_under_the_newest_run(
    project, monkeypatch, capsys
):
    change_spaces(project, {"model": {"loss": ["logistic", "square"], "hidden_size": [4, 8]}})
    grid = {"tuning": {"sampler": "grid", "pruner": "none"}}
    fit, fitted = trial_module.fit_with_validation, []

    def stopped_in_the_second(*args, **named):
        fitted.append(args)
        if len(fitted) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return fit(*args, **named)

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(trial_module, "fit_with_validation", stopped_in_the_second)
        tune(project, **grid)
    assert "the same command resumes the search" in capsys.readouterr().out
    first = trial_runs(project)[0].info.run_id
    tracked.store(project).delete_run(first)
    tune(project, **grid)
    trials = search_of(project)["trials"]
    assert len({tuple(trial["params"].values()) for trial in trials}) == len(trials) == 4
    newest = tracked.last_run(project)[1]["cdae"].info.run_id
    runs = {run.info.run_id: run for run in trial_runs(project)}
    assert first not in runs
    counted = [trial for trial in trials if trial["mlflow_run"] != first]
    for trial in counted:
        run = runs.pop(trial["mlflow_run"])
        failed = trial["params"]["model.loss"] == "logistic"
        assert run.data.tags[PARENT] == newest
        assert run.data.tags["state"] == ("failed" if failed else "complete")
        assert run.info.status == ("FAILED" if failed else "FINISHED")
        assert failed == ("needs output_activation: sigmoid" in run.data.tags.get("error", ""))
    (interrupted,) = runs.values()
    assert interrupted.data.tags["state"] == "interrupted"
    assert interrupted.info.status == "KILLED"
    assert tracked.statuses(project) == {"": "FINISHED", "cdae": "FINISHED"}


def states_in(project):
    """The states of the trials in the database, as optuna names them."""
    if not (project / "optuna.db").exists():
        return []
    with closing(sqlite3.connect(f"file:{project}/optuna.db?mode=ro", uri=True)) as database:
        try:
            return [state for (state,) in database.execute("SELECT state FROM trials")]
        except sqlite3.OperationalError:  # the table is not there yet
            return []


def can_be_written(database):
    with closing(sqlite3.connect(database, timeout=0)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")  # fails beside a reader too
        except sqlite3.OperationalError:
            return False
        return True


def pause_in_a_trial(process, project):
    """Pause the process in its second trial or a later one, while it locks no database."""
    deadline = time.monotonic() + TO_START
    while True:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        if {"COMPLETE", "RUNNING"} <= set(states_in(project)):
            process.send_signal(signal.SIGSTOP)
            assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
            free = all(can_be_written(project / name) for name in ("optuna.db", "mlflow.db"))
            if free and "RUNNING" in states_in(project):
                return
            process.send_signal(signal.SIGCONT)
        time.sleep(0.01)


def test_two_processes_share_a_grid_and_one_that_is_killed_loses_no_trial(project):
    change_spaces(
        project,
        {"model": {"hidden_size": [2, 4, 8], "corruption": [0.3, 0.6]}},
        **{"sampler": "grid", "n_trials": 6, "pruner": "none"},
    )
    selection = ("--env", "test", "--pipelines", "tuning", "--namespaces", "cdae")
    other = projects.start_kedro(project, "run", *selection)
    pause_in_a_trial(other, project)
    before = {run.info.run_id: run for run in trial_runs(project)}
    tune(project)
    shared = search_of(project)["trials"]
    assert sorted(trial["state"] for trial in shared) == ["complete"] * 5 + ["running"]
    other.kill()
    other.communicate()
    tune(project)
    trials = search_of(project)["trials"]
    assert [trial for trial in shared if trial["state"] == "complete"] == trials[:5]
    assert {trial["state"] for trial in trials} == {"complete"}
    assert len({tuple(trial["params"].values()) for trial in trials}) == len(trials) == 6
    runs = {run.info.run_id: run for run in trial_runs(project)}
    for trial in trials:
        run = runs.pop(trial["mlflow_run"])
        assert run.info.status == "FINISHED"
        assert run.data.tags[PARENT] == tracked.last_run(project)[1]["cdae"].info.run_id
        if run.info.run_id in before:
            assert run.data.metrics == before[run.info.run_id].data.metrics
    assert {run.info.status for run in runs.values()} <= {"KILLED"}
