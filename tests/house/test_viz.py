"""The pipeline in Kedro-Viz, as `kedro viz build --include-previews` writes it."""

import json
from contextlib import chdir
from pathlib import Path

import projects
import pytest
from kedro.framework.startup import bootstrap_project
from kedro_viz.integrations.deployment.deployer_factory import DeployerFactory
from kedro_viz.server import load_and_populate_data

from collaborative_autoencoders.models import MODELS

LAYERS = [path.name for path in sorted((projects.REPOSITORY / "data").glob("0*")) if path.is_dir()]


@pytest.fixture(scope="module")
def built(finished_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command writes, made by the calls that its process makes."""
    project = projects.copy_of(finished_world, tmp_path_factory.mktemp("viz") / "world")
    bootstrap_project(project)
    with chdir(project):
        load_and_populate_data(project, env="test")
        DeployerFactory.create_deployer("local").deploy(True)
    return project / "build"


def pipeline(built: Path) -> dict:
    return json.loads((built / "api" / "main").read_text())


def preview_of(built: Path, name: str) -> object:
    node = next(node for node in pipeline(built)["nodes"] if node["name"] == name)
    return json.loads((built / "api" / "nodes" / node["id"]).read_text()).get("preview")


def test_the_layers_are_the_folders_of_data(built):
    assert pipeline(built)["layers"] == [layer for layer in LAYERS if layer != "04_feature"]


def test_data_engineering_and_each_model_are_a_box(built):
    boxes = {node["name"] for node in pipeline(built)["modular_pipelines"].values()} - {"__root__"}
    assert boxes == {"data_engineering", *MODELS}


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
        ("cdae.fitted", "hidden_size"),
        ("core_report", "density"),
    ],
)
def test_parts_tables_metrics_and_figures_have_a_preview(built, dataset, shows):
    assert shows in json.dumps(preview_of(built, dataset))
