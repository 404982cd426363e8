"""`kedro run --pipelines tuning`: what a person gets of it, in files and in MLflow."""

import json
import shutil
import signal
import sqlite3
import time
from contextlib import closing

import pandas as pd
import projects
import pytest
import tracked
import yaml
from optuna import load_study
from optuna.trial import TrialState

from collaborative_autoencoders.models import networks
from collaborative_autoencoders.pipeline_registry import register_pipelines

REPORTS = "data/08_reporting/test"
PARENT = "mlflow.parentRunId"
GRID = {
    "search_spaces": {
        "small": {
            "cdae": {
                "model": {"hidden_size": [2, 4, 8], "corruption": [0.3, 0.6]},
            }
        }
    }
}
CDAE = ("--env", "test", "--pipelines", "tuning", "--namespaces", "cdae")
TO_BEGIN, TO_END = 120, 60


def tune(project, namespaces=("cdae",), **tuning):
    params = {"tuning": tuning} if tuning else None
    projects.run(project, pipelines=["tuning"], namespaces=list(namespaces), params=params)


def with_grid(project, **fitting):
    """The project with a grid of six in the small space."""
    file = project / "conf/test/parameters_tuning.yml"
    block = yaml.safe_load(file.read_text())
    block["tuning"] |= {"sampler": "grid", "n_trials": 6, "pruner": "none"}
    block |= GRID
    file.write_text(yaml.safe_dump(block))
    return project


def search_of(project, model="cdae"):
    return json.loads((project / REPORTS / model / "search.json").read_text())


def trial_runs(project):
    runs = [run for run in tracked.all_runs(project) if "trial" in run.data.tags]
    return sorted(runs, key=lambda run: int(run.data.tags["trial"]))


def study_in(project, name):
    return load_study(study_name=name, storage=f"sqlite:///{project}/optuna.db")


@pytest.fixture(scope="module")
def tuned(finished_world, tmp_path_factory):
    """A finished run, and a search of every network after it; for tests that only read."""
    project = projects.copy_of(finished_world, tmp_path_factory.mktemp("tuned") / "world")
    projects.run(project, pipelines=["tuning"])
    return project


@pytest.fixture
def project(finished_world, tmp_path):
    return projects.copy_of(finished_world, tmp_path / "world")


def test_the_pipeline_asks_for_no_test_row_and_has_a_namespace_per_network():
    pipeline = register_pipelines()["tuning"]
    assert not [name for name in pipeline.inputs() if name.startswith("test_")]
    assert {node.namespace for node in pipeline.nodes} == set(networks())


# --- in MLflow ---


def test_trials_are_nested_under_the_run_of_their_search(tuned):
    parent, children = tracked.last_run(tuned)
    assert parent.info.run_name == "test: tuning"
    assert set(children) == set(networks())
    for model in ("cdae", "autorec"):
        below = children[model].info.run_id
        trials = [run for run in trial_runs(tuned) if run.data.tags[PARENT] == below]
        assert [run.info.run_name for run in trials] == [f"trial {number}" for number in range(4)]
        assert {run.info.status for run in trials} == {"FINISHED"}
        assert {run.data.tags["state"] for run in trials} <= {"complete", "pruned"}


def test_a_trial_has_the_parameters_of_a_training_run_under_the_same_names(tuned, finished_world):
    trained = tracked.last_run(finished_world)[1]["cdae"].data.params
    groups = ("model.", "fitting.", "running.", "data_facts.")
    expected = {name for name in trained if name.startswith(groups)}
    for run in trial_runs(tuned)[:4]:
        if run.data.params["model.name"] == "cdae":
            assert set(run.data.params) == expected
            assert run.data.params["fitting.batch_size"] == trained["fitting.batch_size"]


def test_a_trial_has_its_curve_and_its_best_validation(tuned):
    search, client = search_of(tuned), tracked.store(tuned)
    for trial in search["trials"]:
        run = client.get_run(trial["mlflow_run"])
        curve = client.get_metric_history(run.info.run_id, "validation_ndcg_at_5")
        assert [point.step for point in curve] == list(range(1, trial["epochs"] + 1))
        best = run.data.metrics["best_validation_ndcg_at_5"]
        assert best == max(point.value for point in curve)
        assert run.data.metrics["best_epoch"] == trial["best_epoch"]
        if trial["state"] == "complete":
            assert best == trial["value"]


def test_the_search_has_the_best_parameters_and_what_mattered(tuned):
    search, run = search_of(tuned), tracked.last_run(tuned)[1]["cdae"]
    assert run.data.tags["study"] == search["study"]
    best = search["best"]["params"]["model"]
    assert run.data.params["best.model.hidden_size"] == str(best["hidden_size"])
    assert run.data.params["best.model.corruption"] == str(best["corruption"])
    metrics = run.data.metrics
    assert metrics["best_validation_ndcg_at_5"] == search["best"]["value"]
    shares = [metrics["importance.model.hidden_size"], metrics["importance.model.corruption"]]
    assert sum(shares) == pytest.approx(1)
    assert metrics["trials_complete"] + metrics["trials_pruned"] == 4
    for figure in ("search_history", "parallel_coordinates", "importances"):
        assert "plotly" in tracked.artifact(run, f"{figure}.html").lower()
    assert not [name for name in run.data.params if name.startswith("search_spaces")]


def test_a_failed_trial_is_a_failed_run_with_the_error(project):
    file = project / "conf/test/parameters_tuning.yml"
    block = yaml.safe_load(file.read_text())
    block["search_spaces"]["small"]["cdae"] = {"model": {"loss": ["square", "logistic"]}}
    file.write_text(yaml.safe_dump(block))
    tune(project, sampler="grid")
    runs = {run.data.tags["state"]: run for run in trial_runs(project)}
    assert runs["failed"].info.status == "FAILED"
    assert "logistic needs output_activation: sigmoid" in runs["failed"].data.tags["error"]
    assert runs["complete"].info.status == "FINISHED"
    assert tracked.statuses(project) == {"": "FINISHED", "cdae": "FINISHED"}


# --- in files ---


def test_the_table_of_trials_has_a_row_per_trial_the_best_first(tuned):
    trials = pd.read_csv(tuned / REPORTS / "cdae/trials.csv")
    search = search_of(tuned)
    assert sorted(trials["number"]) == [0, 1, 2, 3]
    assert trials["number"][0] == search["best"]["number"]
    assert {"model.hidden_size", "model.corruption", "state", "seconds"} < set(trials)


def test_a_network_without_a_space_is_left_out_and_says_so(tuned):
    assert search_of(tuned, "mf")["left_out"] == "search_spaces.small has no space for mf"
    proposal = (tuned / REPORTS / "mf/proposed_parameters.yml").read_text()
    assert proposal == "# Nothing is proposed: search_spaces.small has no space for mf.\n"


@pytest.mark.parametrize("model", ["cdae", "autorec"])
def test_a_run_with_the_proposal_repeats_the_best_validation_to_the_last_digit(
    tuned, tmp_path, model
):
    project = projects.copy_of(tuned, tmp_path / "world")
    shutil.copytree(project / "conf/test", project / "conf/tuned")
    training = project / "conf/tuned/parameters_training.yml"
    block = yaml.safe_load(training.read_text())
    del block[model]
    training.write_text(yaml.safe_dump(block))
    proposal = tuned / REPORTS / model / "proposed_parameters.yml"
    shutil.copy(proposal, project / f"conf/tuned/parameters_{model}.yml")
    nodes = [f"{model}.fit_model"]
    projects.run(project, "tuned", ["training"], {"outputs": "test"}, node_names=nodes)
    history = json.loads((project / REPORTS / model / "history.json").read_text())
    facts = json.loads((project / REPORTS / model / "fit_facts.json").read_text())
    (curve,) = [points for name, points in history.items() if name.startswith("validation_")]
    best = search_of(tuned, model)["best"]
    assert curve[facts["best_epoch"] - 1]["value"] == best["value"]
    assert facts["best_epoch"] == best["best_epoch"]


def test_the_proposal_says_where_it_is_from(tuned):
    text = (tuned / REPORTS / "cdae/proposed_parameters.yml").read_text()
    search = search_of(tuned)
    assert f"the study {search['study']} on " in text
    assert f"# Validation ndcg_at_5 {search['best']['value']!r} in epoch" in text
    assert "# Commit " in text
    assert "# It repeats with running.threads 1 on device cpu." in text
    found = [line for line in text.splitlines() if line.endswith("# found")]
    assert [line.split(":")[0].strip() for line in found] == ["hidden_size", "corruption"]


def test_whatever_is_planted_in_the_test_part_changes_nothing(tuned, project):
    for part in ("test_ratings", "test_likes"):
        (project / f"data/05_model_input/test/{part}.npz").write_bytes(b"planted")
    tune(project)
    searches = [search_of(of) for of in (tuned, project)]
    for search in searches:
        for trial in [search["best"], *search["trials"]]:
            del trial["seconds"], trial["mlflow_run"]
    assert searches[0] == searches[1]


def test_a_table_without_ratings_leaves_out_what_learns_from_them(project):
    facts = project / "data/03_primary/test/data_facts.json"
    told = json.loads(facts.read_text()) | {"rated": False}
    facts.write_text(json.dumps(told))
    tune(project, ["autorec"])
    assert "the table has none" in search_of(project, "autorec")["left_out"]


def test_wrong_spaces_and_options_are_refused_before_anything_is_done(project):
    file = project / "conf/test/parameters_tuning.yml"
    block = yaml.safe_load(file.read_text())
    block["search_spaces"]["small"]["cdae"]["model"]["speed"] = [1, 2]
    file.write_text(yaml.safe_dump(block))
    with pytest.raises(ValueError, match=r"search_spaces: small\.cdae: model\.speed: there is no"):
        tune(project, sampler="cmaes")
    assert not (project / "mlflow.db").exists()
    assert not (project / "optuna.db").exists()


def test_a_space_that_is_not_there_is_named(project):
    with pytest.raises(ValueError, match=r"tuning\.space: 'large' is none of default, small"):
        tune(project, space="large")


# --- gone on with, and shared ---


def test_a_search_that_is_gone_on_with_has_all_trials_under_its_newest_run(project):
    tune(project, n_trials=2)
    first = search_of(project)
    tune(project)
    second = search_of(project)
    assert second["trials"][:2] == first["trials"]
    assert len(second["trials"]) == 4
    newest = tracked.last_run(project)[1]["cdae"].info.run_id
    assert {run.data.tags[PARENT] for run in trial_runs(project)} == {newest}


def test_the_proposal_names_the_threads_of_its_trial_not_of_the_last_run(project):
    tune(project)
    params = {"running": {"threads": 2}, "tuning": {"n_trials": 4}}
    projects.run(project, pipelines=["tuning"], namespaces=["cdae"], params=params)
    text = (project / REPORTS / "cdae/proposed_parameters.yml").read_text()
    assert "# It repeats with running.threads 1 on device cpu." in text


def test_a_search_goes_on_where_a_trial_s_run_and_the_search_s_were_deleted(project):
    tune(project, n_trials=2)
    client = tracked.store(project)
    first = trial_runs(project)[0]
    client.delete_run(first.info.run_id)
    client.delete_run(first.data.tags[PARENT])
    tune(project)
    assert len(search_of(project)["trials"]) == 4
    newest = tracked.last_run(project)[1]["cdae"].info.run_id
    assert {run.data.tags[PARENT] for run in trial_runs(project)} == {newest}
    assert len(trial_runs(project)) == 3


def begun(project):
    """How many trials have ended, and whether another is being done."""
    if not (project / "optuna.db").exists():
        return 0, False
    with closing(sqlite3.connect(f"file:{project}/optuna.db?mode=ro", uri=True)) as database:
        try:
            states = [state for (state,) in database.execute("SELECT state FROM trials")]
        except sqlite3.OperationalError:  # not made yet
            return 0, False
    return states.count("COMPLETE"), "RUNNING" in states


def stop_in_a_later_trial(project, number):
    run = projects.start_kedro(
        project, "run", *CDAE, "--params", "cdae.fitting.epochs=150,cdae.fitting.patience=150"
    )
    deadline = time.monotonic() + TO_BEGIN
    while (state := begun(project))[0] < 2 or not state[1]:
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(number)
    return run.communicate(timeout=TO_END)[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_search_that_is_killed_goes_on_and_no_trial_is_lost_or_done_twice(project, number):
    with_grid(project)
    output = stop_in_a_later_trial(project, number)
    if number == signal.SIGTERM:
        assert "Told to stop; go on with: the same command" in output
    before = {run.info.run_id: run for run in trial_runs(project)}
    params = {"cdae": {"fitting": {"epochs": 150, "patience": 150}}}
    projects.run(project, pipelines=["tuning"], namespaces=["cdae"], params=params)
    search = search_of(project)
    points = {tuple(trial["params"].values()) for trial in search["trials"]}
    assert len(points) == len(search["trials"]) == 6
    runs = {run.info.run_id: run for run in trial_runs(project)}
    states = [run.data.tags["state"] for run in runs.values()]
    assert states.count("complete") == 6
    assert states.count("interrupted") == len(states) - 6 <= 1
    for run_id, run in before.items():
        if run.data.tags["state"] == "complete":
            assert runs[run_id].data.metrics == run.data.metrics
        else:
            assert runs[run_id].info.status == "KILLED"


def test_two_processes_share_a_grid_and_find_what_one_finds(project, finished_world, tmp_path):
    with_grid(project)
    workers = [projects.start_kedro(project, "run", *CDAE) for _ in range(2)]
    for worker in workers:
        output = worker.communicate(timeout=TO_BEGIN)[0]
        assert worker.returncode == 0, output
    search = search_of(project)
    alone = with_grid(projects.copy_of(finished_world, tmp_path / "alone"))
    tune(alone)
    values = [
        {tuple(trial["params"].values()): trial["value"] for trial in found["trials"]}
        for found in (search, search_of(alone))
    ]
    assert values[0] == values[1]
    study = study_in(project, search["study"])
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert len(complete) == 6
    assert len({run.data.tags[PARENT] for run in trial_runs(project)}) == 1


def test_the_terminal_says_what_was_found_and_where_the_proposal_lies(project, capsys):
    tune(project)
    printed = capsys.readouterr().out
    assert "cdae: validation ndcg_at_5 0." in printed
    assert "4 complete" in printed or "pruned" in printed
    assert "importance" in printed
    assert "cdae/proposed_parameters.yml" in printed
    assert "kedro mlflow ui" in printed
