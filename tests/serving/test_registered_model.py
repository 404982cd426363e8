"""Registered models, loaded from the registry in a process outside the project."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import projects

from collaborative_autoencoders.models import MODELS

COLUMNS = ["row", "user_id", "rank", "item_id", "title", "score", "source"]

ASK = """
import json, sys
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
users = pd.DataFrame({"user_id": json.loads(sys.argv[3])})
answers = {}
for name in json.loads(sys.argv[2]):
    model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    answers[name] = model.predict(users, params={"n": 3}).to_dict("list")
import collaborative_autoencoders
print(json.dumps({"code": collaborative_autoencoders.__file__, "answers": answers}))
"""


def store_of(project: Path) -> str:
    return f"sqlite:///{project / 'mlflow.db'}"


def ask(project: Path, models: list[str], users: list[str], folder: Path) -> dict:
    """The answers of the champions in a separate process, outside the project."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", ASK, store_of(project), json.dumps(models), json.dumps(users)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def reported_lists(project: Path, model: str, user: str) -> list[str]:
    """The raw ids of the first three items that the pipeline ranked for this user."""
    primary = project / "data" / "03_primary" / "test"
    users = pd.read_parquet(primary / "user_ids.parquet")["user_id"].tolist()
    items = pd.read_parquet(primary / "item_titles.parquet")["item_id"]
    lists = pd.read_parquet(
        project / "data" / "07_model_output" / "test" / model / "ranked_items.parquet"
    )
    own = lists[lists["user_index"] == users.index(user)].nsmallest(3, "rank")
    return items[own["item_index"]].tolist()


def test_a_new_process_has_the_lists_that_were_evaluated(registered, tmp_path):
    models, users = ["cdae", "autorec"], ["user-07", "user-30"]
    found = ask(registered, models, users, tmp_path)
    for model in models:
        answer = pd.DataFrame(found["answers"][model])
        assert list(answer)[:-1] == COLUMNS
        assert answer["rank"].tolist() == [1, 2, 3, 1, 2, 3]
        for user in users:
            own = answer[answer["user_id"] == user]
            assert own["item_id"].tolist() == reported_lists(registered, model, user)
            assert own["score"].is_monotonic_decreasing
        assert answer["title"].str.endswith(tuple(" " + str(n) for n in range(40))).all()
    assert Path(found["code"]).is_relative_to(registered / "mlartifacts")


def test_every_model_is_registered_with_signature_example_and_alias(registered):
    mlflow.set_tracking_uri(store_of(registered))
    client = mlflow.MlflowClient()
    names = {model.name for model in client.search_registered_models()}
    assert names == set(MODELS)
    for name in names:
        version = client.get_model_version_by_alias(name, "champion")
        run = client.get_run(version.run_id)
        assert run.info.run_name == name
        info = mlflow.models.get_model_info(version.source)
        inputs = [column.name for column in info.signature.inputs]
        assert inputs == ["user_id", "history", "ratings"]
        params = {param.name: param.default for param in info.signature.params}
        assert params == {"n": 10, "exclude_seen": True, "exclude_items": [], "only_items": []}
        assert info.saved_input_example_info is not None


def test_the_first_version_is_champion_and_challenger_with_the_reason(registered):
    client = mlflow.MlflowClient(store_of(registered))
    for name in MODELS:
        first = client.get_model_version(name, "1")
        assert first.tags["promotion"] == "promoted"
        assert "no champion yet" in first.tags["promotion_reason"]
        assert set(first.aliases) == {"champion", "challenger"}


def test_a_later_version_becomes_challenger_and_the_champion_stays(registered, tmp_path, capfd):
    project = projects.copy_with_store(registered, tmp_path / "world")
    client = mlflow.MlflowClient(store_of(project))
    projects.run(
        project,
        pipelines=["evaluation"],
        params={"registration": {"enabled": True}},
        node_names=["popularity.register_model"],
    )
    assert int(client.get_model_version_by_alias("popularity", "champion").version) == 1
    assert int(client.get_model_version_by_alias("popularity", "challenger").version) == 2
    printed = "".join(capfd.readouterr())
    assert "popularity: version 2 is registered, as challenger" in printed
    assert "Created version" not in printed
    assert "Downloading artifacts" not in printed


def test_the_versions_of_a_run_are_in_a_table(registered):
    table = pd.read_csv(registered / "data/08_reporting/test/registered_models.csv")
    row = table.set_index("model").loc["cdae"]
    assert row["uri"] == f"models:/cdae/{row['version']}"


def test_nothing_in_an_artifact_is_pickled(registered):
    names = {path.suffix for path in (registered / "mlartifacts").rglob("*") if path.is_file()}
    assert not names & {".pkl", ".pickle", ".pt", ".pth", ".joblib"}
    assert {".safetensors", ".parquet", ".npz"} <= names
