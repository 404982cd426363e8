"""Workers share a search, and none of its trials is lost or run twice."""

from pathlib import Path

import killed_worker
import mlflow
import pytest
from small_search import GRID, small_search

from collaborative_autoencoders import cluster
from collaborative_autoencoders.tuning import on_workers, study
from collaborative_autoencoders.tuning.search import run_search

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]


def grid_in(folder, workers):
    storage = f"sqlite:///{folder}/study.db"
    return small_search(storage, GRID, sampler="grid", n_trials=6, workers=workers)


def values(found):
    return {tuple(trial.params.values()): trial.value for trial in found.trials()}


def test_two_workers_run_each_trial_once_also_if_one_is_killed(
    spark, tmp_path, monkeypatch, caplog
):
    spark.sparkContext.addPyFile(str(Path(killed_worker.__file__)))
    one, two = (tmp_path / name for name in ("one", "two"))
    one.mkdir(), two.mkdir()
    here = run_search(grid_in(one, workers=1))
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_experiment("search")  # a run of another test has set one of another store
    with mlflow.start_run() as parent:
        with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="Spark has ended"):
            patched.setattr(on_workers, "Share", killed_worker.KilledInItsSecondTrial)
            run_search(grid_in(two, workers=2))
        with caplog.at_level("INFO"):
            there = run_search(grid_in(two, workers=2))
    assert values(there) == values(here)
    assert len(there.trials()) == 6
    given_back = [each for each in there.all_trials() if study.INTERRUPTED in each.user_attrs]
    assert given_back, "the trial of the killed worker was not claimed again"
    processes = {each.user_attrs[study.PROCESS] for each in there.all_trials()}
    assert len(processes) >= 2
    assert study.this_process() not in processes
    runs = mlflow.search_runs(output_format="list")
    of_trials = {run.info.run_id for run in runs if "mlflow.parentRunId" in run.data.tags}
    assert {each.user_attrs["mlflow_run"] for each in there.trials()} <= of_trials
    assert parent.info.run_id not in of_trials
    assert any("cdae: trial" in record.getMessage() for record in caplog.records)


def test_more_workers_than_cores_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"tuning\.workers: 3 run at once, .* cores for 2 tasks"):
        run_search(grid_in(tmp_path, workers=3))


def test_a_file_of_one_machine_is_no_store_for_others(spark, monkeypatch):
    cluster.refuse_own_file("tuning.storage", "sqlite:///optuna.db")
    monkeypatch.setattr(spark.sparkContext, "master", "spark://host:7077")
    cluster.refuse_own_file("tuning.storage", "postgresql://host/studies")
    with pytest.raises(ValueError, match=r"tuning\.storage: sqlite:///optuna\.db is a file"):
        cluster.refuse_own_file("tuning.storage", "sqlite:///optuna.db")
