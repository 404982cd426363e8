"""Recommendations that workers compute are those of one machine, to the last digit."""

import json
import re

import mlflow
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


CHAMPION, IN = "models:/cdae@champion", "users.mapInPandas("


@pytest.mark.usefixtures("one_thread")
def test_the_recipe_of_the_docs_gives_the_lists_of_the_champion(project, spark, tmp_path):
    page = (projects.REPOSITORY / "docs" / "serving.md").read_text(encoding="utf-8")
    (recipe,) = (code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if IN in code)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{project / 'mlflow.db'}")
    try:
        folder = mlflow.artifacts.download_artifacts(CHAMPION, dst_path=str(tmp_path))
    finally:
        mlflow.set_tracking_uri(before)
    ids = pd.read_parquet(project / "data/03_primary/test/user_ids.parquet")["user_id"]
    asked = pd.DataFrame({"user_id": [*ids, None]})
    recipe = re.sub("(user|item)_id long", r"\1_id string", recipe)  # as those of this world are
    names = {"mlflow": mlflow, "users": spark.createDataFrame(asked).coalesce(1)}
    exec(recipe.replace(CHAMPION, folder).replace(IN, f"found = {IN}"), names)
    expected = mlflow.pyfunc.load_model(folder).predict(asked, params={"n": 10})
    pd.testing.assert_frame_equal(in_order(names["found"].toPandas()), in_order(expected))


def in_order(lists: pd.DataFrame) -> pd.DataFrame:
    """Return lists by row and rank, with None for a null: Spark has another one."""
    lists = lists.sort_values(["row", "rank"], ignore_index=True).astype(object)
    return lists.where(lists.notna(), None)


def test_without_a_session_the_command_is_named(monkeypatch):
    monkeypatch.setattr(SparkSession, "getActiveSession", staticmethod(lambda: None))
    monkeypatch.setattr(SparkSession, "_instantiatedSession", None)
    with pytest.raises(RuntimeError, match="kedro run --env spark"):
        compute_on_workers([])
