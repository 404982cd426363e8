"""Recommendations for many users: the same lists as those of the served champion."""

import json

import mlflow
import pandas as pd
import projects
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tracked

from collaborative_autoencoders.datasets.user_list import UserListDataset
from collaborative_autoencoders.serving.batches import read_users

pytestmark = pytest.mark.slow

LIST = ["user_id", "rank", "item_id", "title", "score", "source"]


@pytest.fixture(scope="module")
def project(finished_world, tmp_path_factory):
    """A finished run that registered every model. The champion of mf is deleted."""
    folder = tmp_path_factory.mktemp("inference") / "world"
    project = projects.copy_with_store(finished_world, folder)
    tracked.store(project).delete_registered_model_alias("mf", "champion")
    return project


REGISTERS = {"registration": {"enabled": True}}


def infer(project, file="recommendations", **options):
    params = REGISTERS | {"inference": {"n": 5} | options}
    projects.run(project, pipelines=["inference"], params=params)
    return pd.read_parquet(project / f"data/07_model_output/{file}.parquet")


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


def test_no_list_has_an_item_that_the_user_has_rated_in_any_part(project):
    rated = pd.read_parquet(project / "data/03_primary/test/core_ratings.parquet")
    for model in ("cdae", "popularity", "bias"):
        lists = infer(project, n=40, model=model)
        both = lists.merge(rated, on=["user_id", "item_id"])
        assert len(lists) > 600
        assert both.empty


@pytest.mark.parametrize("name", ["plays", "fabricated"])
def test_a_champion_of_other_data_answers_only_where_models_are_registered(project, caplog, name):
    file = project / "data/03_primary/test/data_facts.json"
    before = file.read_text()
    projects.run(project, pipelines=["inference"])
    assert "WARNING" not in caplog.text

    other = json.loads(before) | {"data_set": name, "checksum": "0123456789abcdef"}
    file.write_text(json.dumps(other))
    said = rf"version 1 was fitted on fabricated .* has {name} \(01234567\)"
    with pytest.raises(ValueError, match=said):
        projects.run(project, pipelines=["inference"])
    infer(project)
    assert f"and data/ holds {name} (01234567)" in " ".join(caplog.text.split())
    file.write_text(before)


@pytest.mark.parametrize("option", [{"diversify": 0.5}, {"users": "file"}])
def test_similar_items_have_no_options_of_lists(project, option):
    with pytest.raises(ValueError, match=f"inference: {next(iter(option))}: task similar_items"):
        infer(project, task="similar_items", **option)


def test_a_run_that_is_resumed_asks_the_registry_again(project, caplog):
    infer(project)
    written = "data/07_model_output/recommendations.parquet"
    before = (project / written).stat().st_mtime_ns
    params = REGISTERS | {"inference": {"n": 5}}

    projects.run(project, pipelines=["inference"], params=params, only_missing_outputs=True)

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
    with pytest.raises(ValueError, match="mf has version 1 and no champion: make it champion"):
        infer(project, model="mf")


def test_similar_items_and_vectors_are_files_of_their_own_beside_the_lists(project):
    lists = infer(project)
    similar = infer(project, "similar_items", task="similar_items", batch_size=7)
    vectors = infer(project, "item_vectors", task="item_vectors", batch_size=7)
    folder = project / "data/07_model_output"
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "recommendations.parquet"), lists)
    items = ["item_id", "title"]
    places = ["rank", "similar_item_id", "similar_title", "similarity"]
    assert [*similar] == [*items, *places, "model", "version"]
    assert similar.groupby("item_id")["rank"].max().le(5).all()
    report = json.loads((project / "data/08_reporting/similar_items.json").read_text())
    of_items = {"items": similar["item_id"].nunique(), "lines": len(similar)}
    assert report == of_items | {"champion_version": 1}
    schema = pq.read_schema(folder / "item_vectors.parquet")
    assert schema.names == [*items, "vector", "model", "version"]
    assert schema.field("vector").type == pa.list_(pa.float32())
    assert vectors["item_id"].is_unique
    assert {*similar["item_id"], *similar["similar_item_id"]} <= {*vectors["item_id"]}
    # the cosine of two vectors is the similarity
    vector_of = dict(zip(vectors["item_id"], vectors["vector"], strict=True))
    for one, other, similarity in similar[["item_id", places[1], places[3]]].itertuples(
        index=False
    ):
        assert vector_of[one] @ vector_of[other] == pytest.approx(similarity, abs=1e-5)
    head = pd.read_csv(folder / "item_vectors_head.csv")
    assert [*head] == [*items, "model", "version"]


def test_a_model_without_item_vectors_is_named_before_a_file_is_written(project):
    file = project / "data/07_model_output/item_vectors.parquet"
    before = file.read_bytes() if file.exists() else None
    with pytest.raises(ValueError, match="ease has no item vectors: ask another model, such as"):
        infer(project, task="item_vectors", model="ease")
    assert (file.read_bytes() if file.exists() else None) == before


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
        (table("1", "x"), int, r"users.csv, row 2: 'x' is not an integer"),
        (table("1", ""), str, r"users.csv, row 2: '' is not an id"),
        (table(), int, r"users.csv has no column user_id with an id"),
        (pd.DataFrame({"id": ["1"]}), int, "has no column user_id"),
    ],
)
def test_a_bad_id_is_named_with_file_and_row(users, kind, message):
    with pytest.raises(ValueError, match=message):
        read_users(users, kind)


def test_a_blank_line_does_not_shift_the_row_of_a_bad_id(tmp_path):
    file = tmp_path / "users.csv"
    file.write_text('user_id,name\n3,"two\nlines"\n\nx,bad\n')
    with pytest.raises(ValueError, match=r"users.csv, row 2: 'x' is not an integer"):
        read_users(UserListDataset(filepath=str(file)).load(), int)
