"""The registered pipelines, each run alone."""

from typing import get_args

import pandas as pd
import projects
import pytest
import tracked

from collaborative_autoencoders.models import MODELS, default_models, models_for, networks
from collaborative_autoencoders.models.registry import BESIDE, Family, run_of
from collaborative_autoencoders.pipeline_registry import register_pipelines


def test_the_registered_pipelines_have_these_names():
    assert set(register_pipelines()) == {
        "__default__",
        "data_engineering",
        "training",
        "evaluation",
        "ranking",
        "rating",
        "sequential",
        "variational",
        "all_models",
        "inference",
        "promotion",
        "tuning",
        "unseen_users",
        "new_items",
        "update",
    }


def test_the_default_pipeline_is_ranking_and_rating_together():
    nodes = {
        name: {node.name for node in pipeline.nodes}
        for name, pipeline in register_pipelines().items()
    }
    assert nodes["__default__"] == nodes["ranking"] | nodes["rating"]
    assert {*models_for("ranking"), *models_for("rating")} == set(default_models())


@pytest.mark.parametrize("family", get_args(Family))
def test_a_family_is_beside_baselines_and_all_models_are_all(family):
    pipelines = register_pipelines()
    fitted = {
        name: {output.split(".")[0] for output in pipeline.outputs() | pipeline.all_outputs()}
        & MODELS.keys()
        for name, pipeline in pipelines.items()
    }
    of_family = {name for name, entry in MODELS.items() if entry.family == family}
    assert fitted[family] == of_family | set(BESIDE[family])
    assert not of_family & fitted["__default__"]
    assert fitted["all_models"] == MODELS.keys()


QUICK = {network: {"fitting": {"epochs": 1}} for network in networks()}


@pytest.mark.slow
def test_a_task_runs_alone_from_data_to_the_leaderboard_of_its_models(tmp_path):
    """`ranking`; `rating` is run in `test_interrupts.py`."""
    project = projects.new_project(tmp_path / "world")
    projects.run(project, pipelines=["ranking"], params=QUICK, to_outputs=["leaderboard"])
    board = pd.read_csv(project / "data/08_reporting/test/leaderboard.csv")
    assert sorted(board["model"]) == sorted(models_for("ranking"))
    assert tracked.last_run(project)[0].info.run_name == "test: ranking"


@pytest.mark.slow
def test_the_default_pipeline_is_three_others_and_each_starts_from_files(tmp_path):
    pipelines = register_pipelines()
    names = ("data_engineering", "training", "evaluation")
    assert set(pipelines["__default__"].nodes) == {
        n for name in names for n in pipelines[name].nodes
    }
    project = projects.new_project(tmp_path / "world")
    for name, outputs in zip(names, (None, ["bias.fitted"], ["bias.metrics"]), strict=True):
        projects.run(project, pipelines=[name], to_outputs=outputs)
    assert (project / "data/08_reporting/test/bias/metrics.json").is_file()


@pytest.mark.parametrize("name", MODELS)
def test_a_command_that_is_proposed_for_a_model_has_its_nodes(name):
    pipeline = run_of(name).partition("--pipelines ")[2] or "__default__"

    nodes = {node.name for node in register_pipelines()[pipeline].nodes}
    steps = ("fit_model", "evaluate_model", "register_model")
    assert {f"{name}.{step}" for step in steps} <= nodes
