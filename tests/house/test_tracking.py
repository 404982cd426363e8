"""A finished run in MLflow: a parent, a child per model, and everything needed to repeat it."""

import json
import re
import shlex

import pandas as pd
import projects
import pytest
import tracked
import yaml

from collaborative_autoencoders.hooks.dataset_logging import rounded
from collaborative_autoencoders.markdown import escaped
from collaborative_autoencoders.models import MODELS, default_models, model_class
from collaborative_autoencoders.models.network import Network
from collaborative_autoencoders.serving.description import NOTE
from collaborative_autoencoders.tracking import provenance
from collaborative_autoencoders.tracking.metric_names import plain_metrics
from collaborative_autoencoders.tracking.provenance import code_of, git, git_state

NETWORKS = [model for model in default_models() if issubclass(model_class(model), Network)]
LISTS = ("ndcg", "recall", "precision", "map", "mrr", "hit_rate", "gini", "coverage", "novelty")
OF_TWO_MODELS = ["difference", "difference_low", "difference_high", "compared_with_above"]
"""Columns of the leaderboard that are no metrics of one model."""
REPORTS = "data/08_reporting/test"


@pytest.fixture(scope="module")
def parent(finished_world):
    return tracked.last_run(finished_world)[0]


@pytest.fixture(scope="module")
def children(finished_world):
    return tracked.last_run(finished_world)[1]


def test_a_run_is_one_parent_and_one_child_per_model(finished_world, parent, children):
    assert parent.info.run_name == "test: default"
    assert sorted(children) == sorted(default_models())
    assert len(tracked.all_runs(finished_world)) == 1 + len(default_models())
    assert set(tracked.statuses(finished_world).values()) == {"FINISHED"}


def test_networks_have_the_same_parameters_except_for_their_model_block(children):
    shared = [
        {name for name in children[model].data.params if not name.startswith(("model.", "chosen."))}
        for model in NETWORKS
    ]
    assert all(names == shared[0] for names in shared)


@pytest.mark.parametrize("model", default_models())
def test_options_of_a_model_are_flat_and_without_its_name(children, model):
    params = children[model].data.params
    groups = {name.split(".")[0] for name in params}
    assert {"running", "evaluation", "data_facts"} <= groups
    assert ("model" in groups) == bool(model_class(model).options_class.model_fields)
    assert ("fitting" in groups) == (model in NETWORKS)
    assert model not in groups
    assert not [value for value in params.values() if value.startswith("{")]


def test_parameters_are_those_of_the_environment(parent, children):
    assert children["cdae"].data.params["fitting.batch_size"] == "16"
    assert children["autorec"].data.params["model.hidden_sizes"] == "[16]"
    assert float(children["ease"].data.params["chosen.penalty"]) > 0  # which is auto
    assert parent.data.params["core.k"] == "3"
    assert parent.data.params["split.seed"] == "42"


def test_every_run_has_the_parameters_of_data_and_evaluation(parent, children):
    for run in (parent, *children.values()):
        assert run.data.params["core.like_threshold"] == "4.0"
        assert run.data.params["split.seed"] == "42"
        assert run.data.params["cleaning.columns.user_id"] == "user_id"
        assert run.data.params["evaluation.primary_metric"] == "ndcg_at_10"


def test_the_parent_has_the_peak_of_memory(parent):
    assert 50 < parent.data.metrics["cost/peak_memory_mb"] < 10_000


def test_the_parent_has_the_headline_of_the_best_model_and_the_leaderboard(parent, children):
    best = children[parent.data.tags["best_model"]].data.metrics
    plain = {name: value for name, value in parent.data.metrics.items() if "/" not in name}
    assert {"ndcg_at_10", "fit_seconds"} < set(plain)
    assert plain == {name: best[name] for name in plain}
    note = parent.data.tags[NOTE]
    assert note.startswith("`")
    assert "Data: fabricated" in note
    assert all(f"| {escaped(model)}&ensp; |" in note for model in default_models())


@pytest.mark.parametrize("model", default_models())
def test_a_child_says_what_it_is_and_how_to_ask_it(finished_world, children, model):
    note = children[model].data.tags[NOTE]
    version = tracked.store(finished_world).get_model_version(model, "1")
    assert note == version.description
    assert note.startswith(MODELS[model].about)
    assert f"models:/{model}/1 " in note
    assert str(finished_world) not in note


@pytest.mark.parametrize("model", default_models())
def test_a_child_has_every_metric_at_every_k(children, model):
    names = {f"{name}_at_{k}" for name in LISTS for k in (1, 5, 10)}
    assert names | {"fit_seconds", "users_judged"} <= plain_metrics(children[model]).keys()


@pytest.mark.parametrize("model", default_models())
def test_the_metrics_of_a_child_are_its_row_of_the_leaderboard(finished_world, children, model):
    board = pd.read_csv(finished_world / REPORTS / "leaderboard.csv").set_index("model")
    row = board.loc[model].drop(["left_out", *OF_TWO_MODELS]).dropna().astype(float)
    logged = {name: plain_metrics(children[model])[name] for name in row.index}
    assert logged == pytest.approx(row.to_dict())


@pytest.mark.parametrize("model", default_models())
def test_the_metrics_of_groups_are_metrics_of_the_child(finished_world, children, model):
    written = json.loads((finished_world / REPORTS / model / "group_metrics.json").read_text())
    assert {"ndcg_at_10_fifth_1", "recall_at_10_head", "recall_at_10_tail"} < set(written)
    assert ("rmse_tail" in written) == ("rmse" in children[model].data.metrics)
    beyond_accuracy = {"intra_list_diversity_at_10", "popularity_miscalibration_at_10"}
    assert beyond_accuracy < set(written)
    logged = {
        name: children[model].data.metrics[
            f"{'other' if name in beyond_accuracy else 'groups'}/{name}"
        ]
        for name in written
    }
    assert logged == pytest.approx(written)


@pytest.mark.parametrize("model", NETWORKS)
def test_curves_have_a_point_per_epoch(finished_world, children, model):
    client, child = tracked.store(finished_world), children[model]
    facts = json.loads((finished_world / f"data/06_models/test/{model}.fit_facts.json").read_text())
    validation = f"validation_{child.data.params['fitting.validation_metric']}"
    for curve in ("train_loss", "learning_rate", validation):
        points = client.get_metric_history(child.info.run_id, f"curve/{curve}")
        assert [point.step for point in points] == list(range(1, facts["epochs"] + 1))


@pytest.mark.parametrize("model", default_models())
def test_a_child_has_its_curves_as_a_figure(children, model):
    drawn = tracked.artifact(children[model], "curves.svg")
    page = tracked.artifacts(children[model]) / "curves.html"
    assert ("train loss" in drawn) == page.is_file() == (model in NETWORKS)
    assert ("not fitted in epochs" in drawn) == (model not in NETWORKS)


def test_every_run_has_the_resolved_parameters(finished_world, parent, children):
    base, changed = (
        yaml.safe_load((finished_world / f"conf/{env}/parameters_training.yml").read_text())
        for env in ("base", "test")
    )
    logged = tracked.logged_parameters(parent)
    core = {"min_rating": None, "counts": False, "like_threshold": 4, "k": 3}
    assert logged["core"] == core | {"user_k": None, "item_k": None, "ratings": "all"}
    assert logged["cdae"]["model"] == base["cdae"]["model"] | changed["cdae"]["model"]
    assert all(tracked.logged_parameters(child) == logged for child in children.values())


@pytest.mark.parametrize("table", ["leaderboard.csv", "differences.csv"])
def test_the_parent_has_the_leaderboard_and_the_differences_as_tables(
    finished_world, parent, table
):
    written = pd.read_csv(finished_world / REPORTS / table)
    logged = pd.read_csv(tracked.artifacts(parent) / table)
    pd.testing.assert_frame_equal(logged, written, atol=5e-5, rtol=0)
    assert not re.search(r"\d\.\d{9}", tracked.artifact(parent, table))


def test_a_rounded_table_keeps_counts_and_the_digits_of_small_numbers():
    table = pd.DataFrame({"a": [0.382603, 18685.0, 0.000211349, float("nan")], "b": list("wxyz")})
    assert rounded(table)["a"].tolist()[:3] == [0.3826, 18685.0, 0.0002113]
    assert rounded(table)["a"].isna().tolist() == [False, False, False, True]
    assert rounded(table)["b"].tolist() == list("wxyz")


@pytest.mark.parametrize("figure", ["by_activity", "by_popularity", "lorenz", "metric_by_k"])
def test_the_parent_has_the_figures_of_all_models(parent, figure):
    for ending in ("html", "svg"):
        content = tracked.artifact(parent, f"{figure}.{ending}")
        assert [model for model in default_models() if model in content] == default_models()


def test_every_run_has_its_data_as_input(parent, children):
    for run in (parent, *children.values()):
        params, (data,) = run.data.params, run.inputs.dataset_inputs
        assert data.dataset.name == params["data_facts.data_set"] == "fabricated"
        assert params["data_facts.checksum"].startswith(data.dataset.digest)
        assert params["data_facts.users"] == "60"


def test_every_run_has_its_commit_environment_and_command(typed_world):
    parent, children = tracked.last_run(typed_world.project)
    for run in (parent, *children.values()):
        tags = run.data.tags
        assert len(tags["git_commit"]) == 40
        assert tags["environment"] == "test"
        typed = [word.replace(projects.PASSWORD, "***") for word in typed_world.done.args]
        assert tags["command"] == f"python -m kedro {shlex.join(typed)}"


def test_a_run_does_not_change_a_file_in_git(typed_world):
    assert tracked.last_run(typed_world.project)[0].data.tags["git_dirty"] == "false"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose code is in it."""
    project = projects.new_project(tmp_path / "world")
    monkeypatch.setattr(provenance, "PACKAGE", project / projects.CODE)
    return project


def test_a_changed_file_would_be_found_and_a_folder_without_git_is_no_error(project):
    assert git_state(project) == {}
    projects.keep_in_git(project)
    assert git_state(project)["git_dirty"] == "false"
    (project / "conf/base/parameters_training.yml").write_text("")
    assert git_state(project)["git_dirty"] == "true"


def test_what_a_user_makes_is_no_change_of_the_code_and_no_advice_puts_it_aside(project):
    notebook, own = project / "notebooks/explore.ipynb", project / "conf/made/catalog.yml"
    notebook.parent.mkdir(exist_ok=True)
    notebook.write_text("{}")
    projects.keep_in_git(project)
    notebook.write_text("saved")
    own.parent.mkdir()
    own.write_text("ratings: {}")
    assert git_state(project)["git_dirty"] == "false"
    (project / "new.py").touch()
    assert git_state(project)["git_dirty"] == "true"
    stash = ["-c", "user.name=tests", "-c", "user.email=tests@localhost", "stash", "push", "-u"]
    git(project, *stash, "--", *code_of(project))
    assert (git_state(project)["git_dirty"], (project / "new.py").exists()) == ("false", False)
    assert (notebook.read_text(), own.read_text()) == ("saved", "ratings: {}")


def test_an_environment_in_git_is_code(project):
    projects.keep_in_git(project)
    (project / "conf/test/parameters_more.yml").touch()
    assert git_state(project)["git_dirty"] == "true"


@pytest.mark.parametrize("place", ["elsewhere", "world/.venv/lib"])
def test_the_commit_of_a_repository_without_the_code_is_not_that_of_the_code(
    project, monkeypatch, tmp_path, place
):
    installed = tmp_path / place / "collaborative_autoencoders"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    projects.keep_in_git(project)
    assert len(git_state(project)["git_commit"]) == 40
    monkeypatch.setattr(provenance, "PACKAGE", installed)
    assert git_state(project) == {}
