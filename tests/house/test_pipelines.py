"""The pipelines that can be named, each alone."""

import pandas as pd
import projects
import pytest
import tracked

from collaborative_autoencoders.models import MODELS, models_for
from collaborative_autoencoders.pipeline_registry import register_pipelines


def test_the_pipelines_of_the_project_have_the_promised_names():
    assert set(register_pipelines()) == {
        "__default__",
        "data_engineering",
        "training",
        "evaluation",
        "ranking",
        "rating",
        "inference",
        "promotion",
        "tuning",
        "unseen_users",
    }


def test_ranking_and_rating_are_together_the_default():
    nodes = {
        name: {node.name for node in pipeline.nodes}
        for name, pipeline in register_pipelines().items()
    }
    assert nodes["__default__"] == nodes["ranking"] | nodes["rating"]
    assert {*models_for("ranking"), *models_for("rating")} == set(MODELS)


@pytest.mark.parametrize("task", ["ranking", "rating"])
def test_a_task_goes_alone_from_data_to_the_leaderboard_of_its_models(tmp_path, task):
    project = projects.new_project(tmp_path / "world")
    projects.run(project, pipelines=[task])
    board = pd.read_csv(project / "data/08_reporting/test/leaderboard.csv")
    assert sorted(board["model"]) == sorted(models_for(task))
    assert tracked.last_run(project)[0].info.run_name == f"test: {task}"


def test_three_pipelines_one_after_the_other_make_what_the_default_makes(tmp_path):
    project = projects.new_project(tmp_path / "world")
    for pipeline in ("data_engineering", "training", "evaluation"):
        projects.run(project, pipelines=[pipeline])
    board = pd.read_csv(project / "data/08_reporting/test/leaderboard.csv")
    assert sorted(board["model"]) == sorted(MODELS)
