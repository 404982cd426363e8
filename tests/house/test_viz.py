"""The pipeline in Kedro-Viz, as `kedro viz build --include-previews` writes it."""

import json
import re
import shutil
import subprocess
from collections import defaultdict
from contextlib import chdir
from pathlib import Path

import projects
import pytest
from kedro.framework.startup import bootstrap_project
from kedro_viz.integrations.deployment.deployer_factory import DeployerFactory
from kedro_viz.server import load_and_populate_data

from collaborative_autoencoders.models import default_models

LAYERS = [path.name for path in sorted((projects.REPOSITORY / "data").glob("0*")) if path.is_dir()]


@pytest.fixture(scope="module")
def built(finished_world: Path) -> Path:
    """The folder that the command writes, made by the calls that its process makes."""

    def make(folder: Path) -> None:
        project = projects.copy_of(finished_world, folder / "world")
        bootstrap_project(project)
        with chdir(project):
            load_and_populate_data(project, env="test")
            DeployerFactory.create_deployer("local").deploy(True)

    return projects.once("viz", make) / "world" / "build"


def pipeline(built: Path) -> dict:
    return json.loads((built / "api" / "main").read_text())


def preview_of(built: Path, name: str) -> object:
    node = next(node for node in pipeline(built)["nodes"] if node["name"] == name)
    return json.loads((built / "api" / "nodes" / node["id"]).read_text()).get("preview")


def test_the_site_asks_no_other_host_for_anything(built, tmp_path):
    (tmp_path / "kedro").write_text("#!/bin/sh\n")  # `built` is what it would write
    (tmp_path / "kedro").chmod(0o755)
    shutil.copytree(built, tmp_path / "build")
    before, after = (tmp_path / "build" / page for page in ("404.html", "index.html"))
    assert addresses_in(before) == {"https://fonts.googleapis.com", "https://fonts.gstatic.com"}
    makefile = projects.REPOSITORY / "Makefile"
    arguments = ["viz-site", "VENV=.", "BIN=.", "--assume-old=./.installed"]
    subprocess.run(["make", f"--file={makefile}", *arguments], cwd=tmp_path, check=True)
    assert addresses_in(after) == addresses_in(before) == set()
    assert 'rel="stylesheet"' in after.read_text()
    assert not list(tmp_path.rglob("*.bak"))


def addresses_in(page: Path) -> set[str]:
    return set(re.findall(r"https?://[^/\"]+", page.read_text()))


def test_the_layers_are_the_folders_of_data_and_no_pipeline_is_without(built):
    folders = [layer for layer in pipeline(built)["layers"] if layer in LAYERS]
    assert folders == [layer for layer in LAYERS if layer != "04_feature"]
    for path in (built / "api" / "pipelines").iterdir():  # none if two layers wait for each other
        assert json.loads(path.read_text())["layers"], path.name


def in_the_opened_box(answer: dict) -> dict[str, set[str]]:
    """The datasets in the picture with the box of models opened, without the model, by layer."""
    children = {child["id"] for child in answer["modular_pipelines"]["models"]["children"]}
    rows = defaultdict(set)
    for node in answer["nodes"]:
        if node["id"] in children and node["type"] == "data":
            rows[node["layer"]].add(node["name"].rpartition(".")[2])
    return rows


def at_first_sight(answer: dict) -> set[str]:
    """The names in the picture with all boxes collapsed and without parameters, as it opens."""
    children = answer["modular_pipelines"]["__root__"]["children"]
    names = {node["id"]: node["name"] for node in answer["nodes"]}
    return {names[child["id"]] for child in children if child["type"] != "parameters"}


def test_each_model_is_a_box_in_the_box_of_all_models(built):
    boxes = set(pipeline(built)["modular_pipelines"]) - {"__root__"}
    assert boxes == {
        "data_engineering",
        "models",
        *(f"models.{model}" for model in default_models()),
    }


@pytest.mark.parametrize(
    ("name", "most"), [("__default__", 30), ("ranking", 20), ("rating", 20), ("update", 32)]
)
def test_a_pipeline_opens_with_few_boxes_and_no_result_of_a_single_model(built, name, most):
    shown = at_first_sight(json.loads((built / "api" / "pipelines" / name).read_text()))
    assert {"ratings", "data_engineering", "train", "models", "leaderboard", "lorenz"} < shown
    assert not [each for each in shown if "." in each]
    assert len(shown) <= most


@pytest.mark.parametrize("name", ["__default__", "ranking", "all_models"])
def test_in_the_opened_box_each_result_of_the_models_is_a_row(built, name):
    rows = in_the_opened_box(json.loads((built / "api" / "pipelines" / name).read_text()))
    assert rows.pop("06_models") == {"fitted", "fitted_on_train", "fit_facts"}
    rows["registration"].discard("best_models")  # which the registration waits for
    assert len(rows) == 6
    assert rows == {result: {result} for result in rows}


def test_the_picture_of_a_network_has_its_layers_and_its_equation(built):
    shown = [
        words["text"] for words in preview_of(built, "autorec_user.fitted")["layout"]["annotations"]
    ]
    assert [text for text in shown if text.startswith("<b>")] == [
        "<b>40</b>",
        "<b>16</b><br>sigmoid",
        "<b>40</b><br>identity",
    ]
    assert any("h(r) = f(W g(V r + μ) + b)" in text for text in shown)


def test_a_node_says_how_to_run_it_without_the_box(built):
    (fit,) = [
        node
        for node in pipeline(built)["nodes"]
        if node["name"] == "fit_model" and node["modular_pipelines"] == ["models.cdae"]
    ]
    facts = json.loads((built / "api" / "nodes" / fit["id"]).read_text())
    assert facts["run_command"] == "kedro run --to-nodes='cdae.fit_model'"


@pytest.mark.parametrize(
    ("dataset", "shows"),
    [
        ("train", "likes"),
        ("item_titles", "Even film"),
        ("leaderboard", "popularity"),
        ("cdae.metrics", "ndcg_at_10"),
        ("cdae.curves", "train_loss"),
        ("differences", "no significant difference"),
        ("lorenz", "equal shares"),
        ("curves", "autorec_user<br>validation rmse"),
        ("groups", "ndcg_at_10_fifth_1"),
        ("cdae.fitted", "hidden_size"),
        ("core_report", "density"),
    ],
)
def test_parts_tables_metrics_and_figures_have_a_preview(built, dataset, shows):
    assert shows in json.dumps(preview_of(built, dataset))
