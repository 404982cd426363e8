"""A run reads files of earlier runs only if they belong together."""

import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import projects
import pytest
import tracked
from kedro.framework.session import KedroSession
from kedro.io import DatasetError

from collaborative_autoencoders.datasets import movielens
from collaborative_autoencoders.hooks import state
from collaborative_autoencoders.hooks.state import OtherState
from collaborative_autoencoders.models import models_for
from collaborative_autoencoders.state.content import Stored
from collaborative_autoencoders.state.running import Claim, Running, names_of

pytestmark = pytest.mark.slow

BOARD = "data/08_reporting/test/leaderboard.csv"
DIFFERENCES = "data/08_reporting/test/differences.csv"
METRICS = "data/08_reporting/test/cdae/metrics.json"
TRAIN = "data/05_model_input/test/train.npz"
EVALUATED = [
    "data/07_model_output/test/cdae/ranked_items.parquet",
    "data/07_model_output/test/cdae/predicted_ratings.parquet",
    "data/08_reporting/test/cdae/user_scores.parquet",
]
"""The files of one node, which are written together."""


@pytest.fixture
def project(finished_world, tmp_path):
    return projects.copy_of(finished_world, tmp_path / "world")


@pytest.fixture
def stored(finished_world, tmp_path):
    """A project like that, with its store: the registry has its models."""
    return projects.copy_with_store(finished_world, tmp_path / "world")


def written(project: Path) -> dict[str, int]:
    """The time at which each file of the project's data was written."""
    files = [path for path in (project / "data").rglob("*") if path.is_file()]
    return {name_of(path, project): path.stat().st_mtime_ns for path in files}


def name_of(path: Path, project: Path) -> str:
    return path.relative_to(project).as_posix()


def changed_by(project: Path, **session_run) -> set[str]:
    """Run, and return the files that were written."""
    before = written(project)
    projects.run(project, **session_run)
    return {name for name, time in written(project).items() if before.get(name) != time}


REGISTERED = {"registration": {"enabled": True}}
"""The options of the finished world that are not those of conf/."""

SMALLER = {"cdae": {"model": {"hidden_size": 5}}}


def changed_by_resuming(project: Path, **params) -> set[str]:
    """Resume up to the leaderboard, and return the files that were written, without records."""
    changed = changed_by(
        project, only_missing_outputs=True, to_outputs=["leaderboard"], params=REGISTERED | params
    )
    return {name for name in changed if "/." not in name}


def test_a_run_that_lacks_a_file_names_a_command_that_makes_it(stored, monkeypatch):
    (stored / METRICS).unlink()
    monkeypatch.setattr("sys.argv", ["/bin/kedro"])
    named = {"node_names": ["find_best"]}
    with pytest.raises(DatasetError, match=r"cdae\.metrics: there is no .*metrics") as missing:
        projects.run(stored, **named)

    command = str(missing.value).partition("Make what is missing: ")[2]
    assert command == "kedro run --env test --only-missing-outputs"
    changed = changed_by(stored, only_missing_outputs=True, params=REGISTERED)
    assert METRICS in changed
    assert not any("06_models" in name for name in changed)
    projects.run(stored, **named)


def test_a_run_that_lacks_data_alone_names_a_command_that_fits_no_model(stored, monkeypatch):
    (stored / TRAIN).unlink()
    monkeypatch.setattr("sys.argv", ["/bin/kedro"])
    with pytest.raises(DatasetError, match=r"train: there is no .*train\.npz") as missing:
        projects.run(stored, pipelines=["tuning"], namespaces=["ease"])

    command = str(missing.value).partition("Make what is missing: ")[2]
    assert command == "kedro run --env test --pipelines data_engineering --only-missing-outputs"
    made = changed_by(stored, pipelines=["data_engineering"], only_missing_outputs=True)
    assert TRAIN in made
    assert not any("06_models" in name for name in made)


def test_what_the_run_that_downloads_the_data_has_made_is_read_by_the_next(tmp_path, monkeypatch):
    project = projects.new_project(tmp_path / "project")
    monkeypatch.setattr(movielens, "_fetch", lay_down)
    projects.run(project, env=None, pipelines=["data_engineering"])

    names = ["data_engineering.split_ratings"]
    assert "train.npz" in {
        Path(file).name for file in changed_by(project, env=None, node_names=names)
    }


def lay_down(name: str, data_set: movielens.MovieLensSet, folder: movielens.Folder) -> None:
    """Write a table of random ratings, as a download does."""
    rating_UI = np.random.default_rng(0).integers(1, 6, (500, 200))
    ratings = (
        f"{u + 1}\t{i + 1}\t{rating}\t{u + i}" for (u, i), rating in np.ndenumerate(rating_UI)
    )
    items = (f"{i + 1}|film {i}" + "|" * 22 for i in range(1682))
    folder.file(data_set.ratings.name).write_bytes("\n".join(ratings).encode())
    folder.file(data_set.items.name).write_bytes("\n".join(items).encode())


def test_nothing_runs_if_nothing_is_missing_or_out_of_date(stored):
    assert changed_by(stored, only_missing_outputs=True, params=REGISTERED) == set()


def test_versions_that_the_registry_has_lost_are_registered_again(project, caplog):
    """The copy of the project has no mlflow.db."""
    changed = changed_by(project, only_missing_outputs=True, params=REGISTERED)
    assert "the registry does not have version 1 of cdae" in caplog.text
    assert {name.rpartition("/")[2] for name in changed if "/." not in name} == {
        "registration.json",
        "registered_models.csv",
    }
    assert tracked.store(project).get_model_version_by_alias("cdae", "champion").version == 1
    # no node of this run has fitted, evaluated or compared a model: the figures are of its files
    parent, children = tracked.last_run(project)
    assert (
        children["cdae"].data.params["fitting.seed"]
        and "model.hidden_size" in children["cdae"].data.params
    )
    assert parent.data.tags["best_model"] in parent.data.tags["mlflow.note.content"]
    assert parent.data.metrics.keys() > {"cost/peak_memory_mb"}
    figures = json.loads((project / METRICS).read_text())
    of_version = children["cdae"].data.metrics
    assert of_version["at_5/ndcg_at_5"] == figures["ndcg_at_5"]
    assert any(name.startswith("groups/") for name in of_version)


def test_a_model_is_registered_with_the_figures_of_its_order_if_its_file_is_deleted(project):
    figures = json.loads((project / METRICS).read_text())
    (project / METRICS).unlink()
    changed_by(project, node_names=["cdae.register_model"], params=REGISTERED)
    of_version = tracked.last_run(project)[1]["cdae"].data.metrics
    assert of_version["at_5/ndcg_at_5"] == figures["ndcg_at_5"]


def test_a_version_that_another_store_has_under_the_same_number_is_not_taken_for_this_one(
    project, caplog
):
    """The copy of the project has no mlflow.db; a colleague has registered EASE in this one."""
    with projects.empty_store(project):
        store = tracked.store(project)
        store.create_registered_model("ease")
        tags = {"content": "of a colleague"}
        store.create_model_version("ease", source=project.as_uri(), tags=tags)
    projects.run(project, params=REGISTERED, only_missing_outputs=True)
    assert "version 1 of ease in the registry is another one" in caplog.text
    assert store.get_model_version_by_alias("ease", "challenger").version == 2
    assert changed_by(project, params=REGISTERED, only_missing_outputs=True) == set()


@pytest.mark.parametrize(
    ("replaced", "nodes"),
    [
        ("cdae.fitted", ["cdae.fit_model", "cdae.evaluate_model"]),  # saved in the run
        ("train", ["cdae.fit_model", "cdae.evaluate_model"]),  # read in the run
    ],
)
def test_a_file_that_another_project_replaces_in_a_run_is_not_taken_for_its_own(
    project, monkeypatch, replaced, nodes
):
    """Two projects with the same files in a store have no common place for claims."""
    files = {
        "cdae.fitted": "06_models/test/cdae.safetensors",
        "train": "05_model_input/test/train.npz",
    }
    theirs = project / "data" / files[replaced]
    record = state.write_record

    def record_then_replace(stored, made):
        record(stored, made)
        if stored.path.endswith("cdae.safetensors"):
            theirs.write_bytes(theirs.read_bytes() + b"of another run")

    monkeypatch.setattr(state, "write_record", record_then_replace)
    with pytest.raises(state.OtherState, match=f"^{replaced} has been replaced since") as error:
        projects.run(project, node_names=nodes)
    assert "write to other folders: kedro run --env test" in str(error.value)
    assert "outputs=" in str(error.value)


def test_a_missing_model_is_made_again_with_all_that_depends_on_it_and_no_other(project):
    """The stack adds its scores."""
    weights = project / "data/06_models/test/cdae.safetensors"
    before, lists = weights.read_bytes(), (project / EVALUATED[0]).read_bytes()
    weights.unlink()
    changed = changed_by_resuming(project)
    assert changed >= {name_of(weights, project), METRICS, BOARD, *EVALUATED}
    models = {name.split("/")[3].partition(".")[0] for name in changed - {BOARD, DIFFERENCES}}
    assert models == {"cdae", "stack"}
    assert (weights.read_bytes(), (project / EVALUATED[0]).read_bytes()) == (before, lists)


def test_a_run_that_was_stopped_resumes_with_its_own_options_only(project, caplog):
    """The run stopped after CDAE was fitted with other options than the rest of the world."""
    ended = json.loads((project / METRICS).read_text())["ndcg_at_10"]
    projects.run(project, node_names=["cdae.fit_model"], params=REGISTERED | SMALLER)
    changed = changed_by_resuming(project, **SMALLER)
    of_cdae = {METRICS, BOARD, DIFFERENCES, *EVALUATED}
    assert {name for name in changed if "stack" not in name} == of_cdae
    assert {name.replace("cdae", "stack") for name in of_cdae} < changed
    assert json.loads((project / METRICS).read_text())["ndcg_at_10"] != ended
    assert "was made from another cdae.fitted" in caplog.text


def test_models_of_different_options_are_neither_compared_nor_shown_without_a_word(project):
    projects.run(project, node_names=["cdae.fit_model"], params=SMALLER)
    for later in ({"from_nodes": ["compare_models"]}, {"pipelines": ["unseen_users"]}):
        with pytest.raises(OtherState, match=r"cdae\.model\.hidden_size was 5, is 16") as caught:
            projects.run(project, **later)
        assert "kedro run --env test --from-nodes cdae.fit_model" in str(caught.value)
        assert "--params cdae.model.hidden_size=5" in str(caught.value)

    with KedroSession.create(project, env="test", runtime_params=REGISTERED) as session:
        catalog = session.load_context().catalog
        with pytest.warns(UserWarning, match=r"hidden_size was 5, is 16"):
            catalog.load("leaderboard")
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            catalog.load("train")


def test_a_run_is_refused_while_another_writes_its_files(project):
    board = (project / BOARD).as_posix()
    other, before = Running(project / "data/.running"), (project / BOARD).read_text()
    other.claim(Claim.of("kedro run --env test", [], [board], None))
    with pytest.raises(OtherState) as caught:
        projects.run(project, params=SMALLER)
    assert f"process {os.getpid()} on" in str(caught.value)
    command = "kedro run --env test --params cdae.model.hidden_size=5,outputs=NAME"
    assert str(caught.value).endswith(command)
    other.release()
    assert (project / BOARD).read_text() == before


def test_a_run_is_refused_while_another_writes_its_files_by_a_link(project, tmp_path):
    clone = projects.new_project(tmp_path / "clone")
    shutil.rmtree(clone / "data")
    (clone / "data").symlink_to(project / "data")
    board, other = Stored.local(project / BOARD), Running(project / "data/.running")
    other.claim(Claim.of("kedro run", [], names_of(board, project / "data"), None))
    with pytest.raises(OtherState, match=f"process {os.getpid()} on"):
        projects.run(clone, params=SMALLER)
    other.release()


def test_titles_in_another_order_are_not_registered(project):
    titles = project / "data/03_primary/test/item_titles.parquet"
    pd.read_parquet(titles).iloc[::-1].to_parquet(titles)
    with pytest.raises(
        OtherState, match=r"item_titles: \S+/item_titles\.parquet has changed since"
    ):
        projects.run(project, node_names=["data_engineering.make_lookup"])


def test_a_run_starts_at_any_node_from_the_files_of_earlier_nodes(stored):
    changed = changed_by(stored, from_nodes=["cdae.average_scores"], params=REGISTERED)
    assert {name.split("/")[1] for name in changed} == {"08_reporting"}
    assert {BOARD, METRICS, "data/08_reporting/test/cdae/registration.json"} < changed


def test_an_evaluation_that_is_repeated_has_its_new_options(project):
    nodes = [f"{model}.evaluate_model" for model in models_for("ranking")]
    options = {"evaluation": {"k": [5, 10], "primary_metric": "mrr_at_5"}}
    wanted = {"from_nodes": nodes, "to_outputs": ["leaderboard"]}
    projects.run(project, pipelines=["ranking"], params=options, **wanted)
    board = pd.read_csv(project / BOARD)
    assert board["mrr_at_5"].is_monotonic_decreasing
    assert "ndcg_at_1" not in board
