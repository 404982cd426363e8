"""The real MovieLens 100K, once and whole: bounds that a broken model would miss.

Measured with the committed parameters (seed 42): NDCG@10 of CDAE 0.383, of popularity 0.173; RMSE
of AutoRec 0.875, of the biases 0.938.
"""

import json
from pathlib import Path

import pandas as pd
import projects
import pytest

RAW = "data/01_raw"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole default run; the data arrives where `make run` has put it, or will look for it."""
    project = projects.new_project(tmp_path_factory.mktemp("movielens") / "project")
    (project / RAW).rmdir()
    (project / RAW).symlink_to(projects.REPOSITORY / RAW)
    projects.run(project, env=None, params={"registration": {"enabled": False}})
    return project


@pytest.fixture(scope="module")
def leaderboard(project: Path) -> pd.DataFrame:
    return pd.read_csv(next(project.glob("data/08_reporting/*/leaderboard.csv"))).set_index("model")


def test_the_data_is_the_official_one(project):
    facts = json.loads(next(project.glob("data/03_primary/*/data_facts.json")).read_text())
    assert facts["data_set"] == "ml-100k"
    assert facts["checksum_is_official"] is True
    assert (facts["lowest_rating"], facts["highest_rating"]) == (1, 5)


def test_cdae_ranks_well_above_popularity(leaderboard):
    ndcg = leaderboard["ndcg_at_10"]
    assert ndcg["cdae"] >= 0.34
    assert 0.14 < ndcg["popularity"] < 0.20
    assert ndcg["cdae"] > 1.8 * ndcg["popularity"]


def test_autorec_tells_ratings_better_than_the_biases(leaderboard):
    rmse = leaderboard["rmse"]
    assert rmse["autorec"] <= 0.89
    assert 0.91 < rmse["bias"] < 0.96


def test_every_list_has_a_hundred_items(project):
    lists = pd.read_parquet(next(project.glob("data/07_model_output/*/cdae/ranked_items.parquet")))
    assert (lists.groupby("user_index").size() == 100).all()


def test_nearly_everybody_is_judged(leaderboard):
    assert (leaderboard["users_judged"] > 900).all()
