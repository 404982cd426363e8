"""Registered models: what is in the registry, and that they rank as in the run."""

from pathlib import Path

import mlflow
import pandas as pd
import projects
import pytest
import tracked
from lists import evaluated_lists, first_of_lists
from mlflow.exceptions import MlflowException
from mlflow.models import validate_schema
from mlflow.types.schema import AnyType, Array, ColSpec, DataType, Schema

from collaborative_autoencoders.models import default_models
from collaborative_autoencoders.serving import model_versions, own_code, registration, stored
from collaborative_autoencoders.serving.request_schema import row_schema, row_table
from collaborative_autoencoders.state.code import code_version


def store_of(project: Path) -> str:
    return f"sqlite:///{project / 'mlflow.db'}"


def test_a_loaded_model_has_the_lists_that_were_evaluated(registered):
    """AutoRec in this process; CDAE in one with only the artifact's code: `test_server.py`."""
    mlflow.set_tracking_uri(store_of(registered))
    model = mlflow.pyfunc.load_model("models:/autorec@champion")
    evaluated = evaluated_lists(registered, "autorec")
    answer = model.predict(pd.DataFrame({"user_id": list(evaluated)}))
    assert first_of_lists(answer, evaluated) == evaluated
    assert 60 < sum(map(len, evaluated.values())) < len(answer)


@pytest.mark.parametrize(("code", "proposed"), [("of 0.2.0", 2), (None, 1)])
def test_a_champion_of_an_older_format_is_named_with_the_commands_that_replace_it(
    registered, monkeypatch, code, proposed
):
    mlflow.set_tracking_uri(store_of(registered))
    monkeypatch.setattr(stored, "FORMAT", stored.FORMAT + 1)
    monkeypatch.setattr(model_versions, "answering_code", lambda: code or own_code.answering_code())
    with pytest.raises(ValueError, match="autorec version 1 was registered in format") as refused:
        model_versions.load("autorec", 1)
    register = "--only-missing-outputs --params registration.models=autorec ("
    assert (register in str(refused.value)) == (proposed == 2)
    assert str(refused.value).endswith(f"--params promotion.roll_back.autorec={proposed}")


def test_every_model_is_registered_with_signature_example_and_alias(registered):
    mlflow.set_tracking_uri(store_of(registered))
    client = mlflow.MlflowClient()
    names = {model.name for model in client.search_registered_models()}
    assert names == set(default_models())
    for name in names:
        version = client.get_model_version_by_alias(name, "champion")
        run = client.get_run(version.run_id)
        assert run.info.run_name == name
        info = mlflow.models.get_model_info(version.source)
        inputs = [column.name for column in info.signature.inputs]
        assert inputs == ["user_id", "history", "ratings", "item_id"]
        params = {param.name: param.default for param in info.signature.params}
        lists = {"exclude_items": [], "only_items": []}
        numbers = {"n": 10, "explain": 0, "diversify": 0}
        flags = {"exclude_seen": True, "one_line_per_row": False}
        assert params == {**flags, **lists, **numbers, "task": "lists"}
        assert info.saved_input_example_info is not None
        nullable = [column.name for column in info.signature.outputs if not column.required]
        assert nullable == ["user_id"]


def test_a_version_says_the_types_of_a_request(numbered):
    described = row_schema(numbered)["properties"]
    assert described == {
        "user_id": {"type": ["integer", "null"]},
        "history": {"type": ["array", "null"], "items": {"type": "integer"}},
        "ratings": {
            "type": ["array", "null"],
            "items": {"type": "number", "minimum": 1.0, "maximum": 5.0},
        },
        "item_id": {"type": "integer"},
    }


def test_the_page_of_a_version_has_the_columns_of_a_request_with_their_types(numbered):
    lines = row_table(numbered).replace("&ensp;", "").splitlines()
    assert "| user_id | integer or null |" in lines[2]
    assert "| history | list of integers or null |" in lines[3]
    assert "| ratings | list of numbers from 1 to 5 or null |" in lines[4]
    assert "| item_id | integer | alone, with the param task similar_items" in lines[5]


@pytest.mark.parametrize(
    ("narrower", "cells"),
    [
        (DataType.long, [7, None]),
        (DataType.string, [float("nan")]),
        (Array(DataType.long), [float("nan"), [10, 20]]),
        (Array(DataType.long), [(10, 20)]),
        (Array(DataType.double), [[4, 5]]),
    ],
)
def test_every_narrower_type_of_mlflow_refuses_what_is_right(narrower, cells):
    """A column whose case no longer fails can have that type in `signature_of`."""
    table = pd.DataFrame({"column": cells})
    validate_schema(table, Schema([ColSpec(AnyType(), "column", required=False)]))
    with pytest.raises(MlflowException):
        validate_schema(table, Schema([ColSpec(narrower, "column", required=False)]))


def test_the_first_version_is_champion_and_challenger_with_the_reason(registered):
    client = mlflow.MlflowClient(store_of(registered))
    for name in default_models():
        first = client.get_model_version(name, "1")
        assert first.tags["promotion"] == "promoted"
        assert "no earlier version" in first.tags["promotion_reason"]
        assert set(first.aliases) == {"champion", "challenger"}


@pytest.mark.slow
def test_a_later_version_becomes_challenger_and_the_champion_stays(registered, tmp_path, capfd):
    project = projects.copy_with_store(registered, tmp_path / "world")
    client = mlflow.MlflowClient(store_of(project))
    steps = (
        *("fit_model", "evaluate_model", "average_scores"),
        *("order_registration", "register_model"),
    )
    projects.run(
        project,
        params={"registration": {"enabled": True}, "ease": {"model": {"penalty": 30}}},
        node_names=[f"ease.{step}" for step in steps],
    )
    assert int(client.get_model_version_by_alias("ease", "champion").version) == 1
    assert int(client.get_model_version_by_alias("ease", "challenger").version) == 2
    printed = "".join(capfd.readouterr())
    assert "ease: version 2 is challenger" in printed
    assert "Created version" not in printed
    assert "Downloading artifacts" not in printed


@pytest.mark.slow
def test_a_registration_that_is_not_tracked_opens_no_run(registered, tmp_path):
    """A run that nothing ends would be joined by the next session of the process."""
    project = projects.copy_of(registered, tmp_path / "world")
    disabled = "tracking: {disable_tracking: {pipelines: [ranking]}}"
    (project / "conf/test/mlflow.yml").write_text(disabled, encoding="utf-8")
    with projects.empty_store(project):
        projects.run(
            project,
            pipelines=["ranking"],
            params={"registration": {"enabled": True}},
            node_names=["ease.order_registration", "ease.register_model"],
        )
        assert mlflow.active_run() is None
        assert tracked.all_runs(project) == []
        version = tracked.store(project).get_model_version_by_alias("ease", "champion")
    assert (int(version.version), version.run_id or None) == (1, None)


def test_the_versions_of_a_run_are_in_a_table(registered):
    table = pd.read_csv(registered / "data/08_reporting/test/registered_models.csv")
    row = table.set_index("model").loc["cdae"]
    assert row["uri"] == f"models:/cdae/{row['version']}"
    version = mlflow.MlflowClient(store_of(registered)).get_model_version("cdae", row["version"])
    assert version.tags["content"][:12] == row["content"]
    assert version.tags["code_version"] == code_version()


@pytest.mark.parametrize("file", ["models/ease.py", "columns.py"])
def test_nothing_is_registered_if_the_code_that_answers_was_edited_in_the_run(
    numbered, store, monkeypatch, caplog, file
):
    monkeypatch.setattr(own_code, "changed_since", lambda: ["tuning/study.py", file])
    with mlflow.start_run():
        outcome = registration.register(numbered, {})
    assert outcome["not_registered"].startswith(f"{file} has changed since this run began")
    assert outcome["edited"] == file
    assert f"autorec: not registered: {file}" in caplog.text
    assert not store.search_registered_models()


def test_an_edit_of_code_that_no_version_has_does_not_matter(numbered, store, monkeypatch, caplog):
    monkeypatch.setattr(own_code, "changed_since", lambda: ["tuning/study.py"])
    with mlflow.start_run():
        outcome = registration.register(numbered, {}, started_from=7)
    tags = store.get_model_version("autorec", "1").tags
    assert outcome["version"] == 1
    assert outcome["content"] == tags["content"]
    assert tags["started_from"] == "7"
    model_versions.load_champion("autorec")
    assert "other code" not in caplog.text
    store.set_model_version_tag("autorec", "1", "answering_code", "older")
    model_versions.load_champion("autorec")
    assert "autorec: version 1 has other code than this project" in caplog.text


@pytest.fixture
def store(tmp_path):
    """An empty store that is in use."""
    before = mlflow.get_tracking_uri()
    with projects.empty_store(tmp_path):
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path.as_posix()}/mlflow.db")
        mlflow.set_experiment(
            experiment_id=mlflow.create_experiment("one", (tmp_path / "artifacts").as_uri())
        )
        yield mlflow.MlflowClient()
        mlflow.set_tracking_uri(before)


def test_nothing_in_an_artifact_is_pickled(registered):
    names = {path.suffix for path in (registered / "mlartifacts").rglob("*") if path.is_file()}
    assert not names & {".pkl", ".pickle", ".pt", ".pth", ".joblib"}
    assert {".safetensors", ".parquet", ".npz"} <= names
