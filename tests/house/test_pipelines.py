"""The registered pipelines, each run alone."""

import pandas as pd
import projects
import tracked

from collaborative_autoencoders.models import default_models, models_for, networks
from collaborative_autoencoders.pipeline_registry import register_pipelines


def test_the_registered_pipelines_have_these_names():
    assert set(register_pipelines()) == {
        "__default__",
        "data_engineering",
        "training",
        "evaluation",
        "ranking",
        "rating",
        "variational",
        "inference",
        "promotion",
        "tuning",
        "unseen_users",
    }


def test_the_default_pipeline_is_ranking_and_rating_together():
    nodes = {
        name: {node.name for node in pipeline.nodes}
        for name, pipeline in register_pipelines().items()
    }
    assert nodes["__default__"] == nodes["ranking"] | nodes["rating"]
    assert {*models_for("ranking"), *models_for("rating")} == set(default_models())


QUICK = {network: {"fitting": {"epochs": 1}} for network in networks()}


def test_a_task_runs_alone_from_data_to_the_leaderboard_of_its_models(tmp_path):
    """`ranking`; `rating` is run in `test_interrupts.py`."""
    project = projects.new_project(tmp_path / "world")
    projects.run(project, pipelines=["ranking"], params=QUICK, to_outputs=["leaderboard"])
    board = pd.read_csv(project / "data/08_reporting/test/leaderboard.csv")
    assert sorted(board["model"]) == sorted(models_for("ranking"))
    assert tracked.last_run(project)[0].info.run_name == "test: ranking"


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
