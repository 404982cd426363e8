"""The same input gives the same bytes, in another process and in another order of the rows."""

import json
from pathlib import Path

import pandas as pd
import projects
import pytest
import yaml

from collaborative_autoencoders.datasets.fabricated import FabricatedDataset
from collaborative_autoencoders.models import default_models
from collaborative_autoencoders.tracking.provenance import COSTS

pytestmark = pytest.mark.slow

PARTS = ("train", "validation", "test")
RAW = "data/01_raw/ratings.parquet"
NOT_EXACT = {
    *("metrics.json", "history.json", "curves.json", "leaderboard.csv"),
    *("registration.json", "registered_models.csv", "to_register.json", "best_models.json"),
    *(f"{model}.fit_facts.json" for model in default_models()),
}
"""Files with seconds, memory or registered versions, which differ from run to run."""

WITH_ROWS = (
    "data/02_intermediate/test/clean_ratings.parquet",
    "data/03_primary/test/core_ratings.parquet",
)
"""Tables that keep the number of the raw row, which is another in another order."""

WITH_SOURCE = (
    "data/02_intermediate/test/data_source.json",
    "data/03_primary/test/data_facts.json",
    "data/03_primary/test/lookup.zip",
)
"""Files that keep the name and checksum of the raw table, which are those of the other file."""


def exact_files(project: Path) -> dict[str, bytes]:
    """Parts, weights, lists and scores, as bytes."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in projects.files_of(project / "data")
        if path.name not in NOT_EXACT
    }


def figures(project: Path, model: str) -> dict[str, float]:
    """The metrics of a model, without its costs."""
    file = project / "data/08_reporting/test" / model / "metrics.json"
    metrics = json.loads(file.read_text(encoding="utf-8"))
    return {name: value for name, value in metrics.items() if name not in COSTS}


@pytest.fixture(scope="module")
def shuffled_world(tmp_path_factory):
    """A run in this process on the same ratings, read from a file in another order."""
    project = projects.new_project(tmp_path_factory.mktemp("shuffled") / "world")
    catalog = project / "conf/test/catalog_data_engineering.yml"
    entries = yaml.safe_load(catalog.read_text(encoding="utf-8"))
    world = {name: entries["ratings"][name] for name in ("users", "items", "seed", "table")}
    table = FabricatedDataset(**world).load()
    shuffled = table.sample(frac=1, random_state=3, ignore_index=True)
    assert not shuffled.equals(table)
    shuffled.to_parquet(project / RAW)
    entry = {"type": "pandas.ParquetDataset", "filepath": RAW}
    catalog.write_text(yaml.safe_dump(entries | {"ratings": entry}), encoding="utf-8")
    projects.run(project)
    return project


def test_another_process_and_another_order_of_the_rows_write_the_same_bytes(
    finished_world, shuffled_world
):
    ours, theirs = exact_files(finished_world), exact_files(shuffled_world)
    del theirs[RAW]
    assert {f"data/06_models/test/{model}.safetensors" for model in default_models()} < set(ours)
    assert {f"data/05_model_input/test/{part}.npz" for part in PARTS} < set(ours)
    assert {name for name in ours if ours[name] != theirs[name]} <= {*WITH_ROWS, *WITH_SOURCE}
    for name in WITH_ROWS:
        one, other = (pd.read_parquet(world / name) for world in (finished_world, shuffled_world))
        pd.testing.assert_frame_equal(one.drop(columns="row"), other.drop(columns="row"))
    assert set(ours) == set(theirs)


@pytest.mark.parametrize("model", default_models())
def test_another_process_and_another_order_of_the_rows_compute_the_same_metrics(
    finished_world, shuffled_world, model
):
    assert figures(finished_world, model) == figures(shuffled_world, model)


@pytest.mark.parametrize("change", [{"split": {"seed": 43}}, {"cdae": {"fitting": {"seed": 43}}}])
def test_another_seed_gives_another_model(finished_world, tmp_path, change):
    other = projects.new_project(tmp_path / "world")
    projects.run(other, params=change, to_outputs=["cdae.fitted"])
    name = "data/06_models/test/cdae.safetensors"
    assert (other / name).read_bytes() != (finished_world / name).read_bytes()
