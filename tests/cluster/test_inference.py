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
UDF = 'users.withColumn("recommended"'


@pytest.fixture
def champion(project, tmp_path):
    """The folder of the champion."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{project / 'mlflow.db'}")
    try:
        return mlflow.artifacts.download_artifacts(CHAMPION, dst_path=str(tmp_path))
    finally:
        mlflow.set_tracking_uri(before)


@pytest.fixture
def asked(project):
    """All users, and a null."""
    ids = pd.read_parquet(project / "data/03_primary/test/user_ids.parquet")["user_id"]
    return pd.DataFrame({"user_id": [*ids, None]})


def run_recipe(last_line, champion, users, spark):
    """Return the table of the code in the docs that ends with this line."""
    page = (projects.REPOSITORY / "docs" / "serving.md").read_text(encoding="utf-8")
    recipes = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (recipe,) = (code for code in recipes if last_line in code)
    recipe = re.sub("(user|item)_id (array<)?long", r"\1_id \2string", recipe)  # as here
    names = {"mlflow": mlflow, "spark": spark, "users": spark.createDataFrame(users).coalesce(1)}
    exec(recipe.replace(CHAMPION, champion).replace(last_line, f"found = {last_line}"), names)
    return names["found"].toPandas()


@pytest.mark.usefixtures("one_thread")
def test_the_recipe_of_the_docs_gives_the_lists_of_the_champion(champion, asked, spark):
    found = run_recipe(IN, champion, asked, spark)
    expected = mlflow.pyfunc.load_model(champion).predict(asked, params={"n": 10})
    pd.testing.assert_frame_equal(in_order(found), in_order(expected))


@pytest.mark.usefixtures("one_thread")
def test_a_function_of_spark_adds_the_lists_of_the_champion(champion, asked, spark):
    found = run_recipe(UDF, champion, asked, spark)
    lines = mlflow.pyfunc.load_model(champion).predict(asked, params={"n": 10})
    assert found["user_id"].isna().sum() == 1
    for row, own in lines.groupby("row"):
        added = found["recommended"][row]
        for name in ("item_id", "title", "score"):
            assert [*added[name]] == own[name].tolist()


def in_order(lists: pd.DataFrame) -> pd.DataFrame:
    """Return lists by row and rank, with None for a null: Spark has another one."""
    lists = lists.sort_values(["row", "rank"], ignore_index=True).astype(object)
    return lists.where(lists.notna(), None)


def test_without_a_session_the_command_is_named(monkeypatch):
    monkeypatch.setattr(SparkSession, "getActiveSession", staticmethod(lambda: None))
    monkeypatch.setattr(SparkSession, "_instantiatedSession", None)
    with pytest.raises(RuntimeError, match="kedro run --env spark"):
        compute_on_workers([])
