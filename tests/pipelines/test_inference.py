"""Recommendations for many users: the same lists as those of the served champion."""

import json

import mlflow
import pandas as pd
import projects
import pytest
import tracked

from collaborative_autoencoders.serving.batches import read_users

LIST = ["user_id", "rank", "item_id", "title", "score", "source"]


@pytest.fixture(scope="module")
def project(finished_world, tmp_path_factory):
    """A finished run that registered every model. The champion of mf is deleted."""
    folder = tmp_path_factory.mktemp("inference") / "world"
    project = projects.copy_with_store(finished_world, folder)
    tracked.store(project).delete_registered_model_alias("mf", "champion")
    return project


def infer(project, **options):
    projects.run(project, pipelines=["inference"], params={"inference": {"n": 5} | options})
    return pd.read_parquet(project / "data/07_model_output/recommendations.parquet")


def report_of(project):
    return json.loads((project / "data/08_reporting/recommendations.json").read_text())


def test_every_user_has_the_list_of_the_served_champion(project):
    lists = infer(project, batch_size=7)
    assert lists["user_id"].nunique() == 60
    assert set(lists["model"]) == {"cdae"}
    mlflow.set_tracking_uri(f"sqlite:///{project / 'mlflow.db'}")
    champion = mlflow.pyfunc.load_model("models:/cdae@champion")
    users = lists["user_id"].drop_duplicates()
    served = champion.predict(pd.DataFrame({"user_id": users}), params={"n": 5})
    pd.testing.assert_frame_equal(lists[LIST], served[LIST], check_dtype=False, rtol=0, atol=1e-5)
    assert report_of(project) == {
        "users": 60,
        "users_from_model": 60,
        "users_from_popularity": 0,
        "lines": 300,
        "champion_version": 1,
    }
    head = pd.read_csv(project / "data/07_model_output/recommendations_head.csv")
    assert head["title"].tolist() == lists["title"].head(200).tolist()


def test_a_run_that_is_resumed_asks_the_registry_again(project, caplog):
    infer(project)
    written = "data/07_model_output/recommendations.parquet"
    before = (project / written).stat().st_mtime_ns
    options = {"inference": {"n": 5}}

    projects.run(project, pipelines=["inference"], params=options, only_missing_outputs=True)

    assert (project / written).stat().st_mtime_ns > before
    assert "made again: recommend, as the registry may have changed" in caplog.text


def test_the_counts_are_metrics_of_the_run(project):
    infer(project)
    run, children = tracked.last_run(project)
    assert run.info.run_name == "test: inference"
    assert run.data.metrics["counts/users_from_model"] == 60
    assert children == {}


def test_unseen_users_of_a_file_have_lists_by_popularity(project):
    file = project / "data/01_raw/users.csv"
    file.write_text("user_id\nuser-07\nnew-user\nuser-07\n", encoding="utf-8")
    lists = infer(project, users="file", model="ease")
    file.unlink()
    sources = lists.groupby("user_id")["source"].first()
    assert sources.to_dict() == {"user-07": "model", "new-user": "popularity"}
    assert len(lists) == 10
    assert report_of(project)["users_from_popularity"] == 1


def test_a_missing_file_of_users_is_named(project):
    with pytest.raises(
        ValueError, match=r"users\.csv has no column user_id .* inference.users: all"
    ):
        infer(project, users="file")


def test_a_model_without_a_champion_is_named(project):
    with pytest.raises(ValueError, match="mf has no champion in the registry"):
        infer(project, model="mf")


def table(*ids):
    users = pd.DataFrame({"user_id": pd.Series(ids, dtype="str")})
    users.attrs = {"file": "users.csv"}
    return users


def test_ids_are_converted_to_the_type_of_the_champions_ids():
    assert read_users(table("3", " 12", "3"), int).tolist() == [3, 12]
    assert read_users(table("007", "7"), str).tolist() == ["007", "7"]


@pytest.mark.parametrize(
    ("users", "kind", "message"),
    [
        (table("1", "x"), int, r"users.csv, line 3: 'x' is not an integer"),
        (table("1", ""), str, r"users.csv, line 3: '' is not an id"),
        (table(), int, r"users.csv has no column user_id with an id"),
        (pd.DataFrame({"id": ["1"]}), int, "has no column user_id"),
    ],
)
def test_a_bad_id_is_named_with_file_and_line(users, kind, message):
    with pytest.raises(ValueError, match=message):
        read_users(users, kind)
