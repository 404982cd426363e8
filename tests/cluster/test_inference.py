"""Recommendations that workers compute are those of one machine, to the last digit."""

import json

import pandas as pd
import projects
import pytest
import torch
from pyspark.sql import SparkSession

from collaborative_autoencoders.cluster import compute_on_workers

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def project(finished_world, tmp_path_factory):
    """A finished run that registered every model."""
    folder = tmp_path_factory.mktemp("inference") / "world"
    return projects.copy_with_store(finished_world, folder)


@pytest.fixture
def one_thread():
    """As many threads as a worker has: the sums in a product depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def infer(project, env, model, table):
    options = {"n": 5, "batch_size": 7, "model": model, "users": "file"}
    params = {"registration": {"enabled": True}, "inference": options}
    projects.run(project, env, pipelines=["inference"], params=params)
    lists = pd.read_parquet(project / "data/07_model_output" / table)
    report = json.loads((project / "data/08_reporting/recommendations.json").read_text())
    return lists.sort_values(["user_id", "rank"], ignore_index=True), report


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("model", ["cdae", "ease"])
def test_workers_write_the_lists_and_the_report_of_one_machine(project, spark, model):
    known = pd.read_parquet(project / "data/03_primary/test/user_ids.parquet")["user_id"]
    users = pd.Series([*known, "new-user"], name="user_id")
    users.to_csv(project / "data/01_raw/users.csv", index=False)
    one, report = infer(project, "test", model, "recommendations.parquet")
    other, same_report = infer(project, "spark", model, "recommendations")
    pd.testing.assert_frame_equal(other, one, check_exact=True)
    assert same_report == report
    assert report["users_from_popularity"] == 1
    assert len(list((project / "data/07_model_output/recommendations").glob("*.parquet"))) > 1


def test_without_a_session_the_command_is_named(monkeypatch):
    monkeypatch.setattr(SparkSession, "getActiveSession", staticmethod(lambda: None))
    monkeypatch.setattr(SparkSession, "_instantiatedSession", None)
    with pytest.raises(RuntimeError, match="kedro run --env spark"):
        compute_on_workers([])
