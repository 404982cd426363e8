"""MovieLens 100K with four models, within bounds that a broken model would not meet.

The networks have the committed parameters, but 30 epochs and no second fit on train + validation,
which takes a third of the time. Measured so: NDCG@10 of CDAE 0.352, of popularity 0.169; RMSE of
AutoRec 0.886, of the biases 0.939. With all epochs and the second fit: 0.380, 0.173, 0.874, 0.938.
"""

import json
from pathlib import Path

import pandas as pd
import projects
import pytest

RAW = "data/01_raw"
FITTED = ("autorec", "bias", "cdae", "popularity")
SHORT = {
    "training": {"refit": False},
    "autorec": {"fitting": {"epochs": 30}},
    "cdae": {"fitting": {"epochs": 30}},
    "evaluation": {"bootstrap_resamples": 10},
    "running": {"threads": 1},  # the other core has tests of its own
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of these models; the data are downloaded to the folder of `make run`."""
    project = projects.new_project(tmp_path_factory.mktemp("movielens") / "project")
    (project / RAW).rmdir()
    (project / RAW).symlink_to(projects.REPOSITORY / RAW)
    outputs = ["data_facts", *(f"{model}.metrics" for model in FITTED)]
    projects.run(project, env=None, params=SHORT, to_outputs=outputs)
    return project


@pytest.fixture(scope="module")
def metrics(project: Path) -> pd.DataFrame:
    """One row of metrics per model."""
    files = {
        model: next(project.glob(f"data/08_reporting/*/{model}/metrics.json")) for model in FITTED
    }
    return pd.DataFrame({m: json.loads(f.read_text()) for m, f in files.items()}).T


def test_the_data_are_the_official_file(project):
    facts = json.loads(next(project.glob("data/03_primary/*/data_facts.json")).read_text())
    assert facts["data_set"] == "ml-100k"
    assert facts["checksum_is_official"] is True
    assert (facts["lowest_rating"], facts["highest_rating"]) == (1, 5)


def test_cdae_ranks_well_above_popularity(metrics):
    ndcg = metrics["ndcg_at_10"]
    assert ndcg["cdae"] >= 0.34
    assert 0.14 < ndcg["popularity"] < 0.20
    assert ndcg["cdae"] > 1.8 * ndcg["popularity"]


def test_autorec_predicts_ratings_better_than_the_biases(metrics):
    rmse = metrics["rmse"]
    assert rmse["autorec"] <= 0.89
    assert 0.91 < rmse["bias"] < 0.96


def test_every_list_has_100_items(project):
    lists = pd.read_parquet(next(project.glob("data/07_model_output/*/cdae/ranked_items.parquet")))
    assert (lists.groupby("user_index").size() == 100).all()


def test_nearly_all_users_are_evaluated(metrics):
    assert (metrics["users_judged"] > 900).all()
