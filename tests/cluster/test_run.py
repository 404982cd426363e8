"""A run with Spark, from the ratings to the leaderboard."""

import shutil

import pytest
from kedro.io import DatasetError
from projects import new_project, run

from collaborative_autoencoders.datasets.fabricated import FabricatedDataset
from collaborative_autoencoders.datasets.interactions import InteractionsDataset
from collaborative_autoencoders.datasets.sharded_part import ShardedPartDataset
from collaborative_autoencoders.interactions.part_bytes import part_to_bytes

pytestmark = pytest.mark.spark

ONE_MACHINE = """
ratings:
  type: pandas.ParquetDataset
  filepath: data/01_raw/ratings/one.parquet
"""
ENGINE = "evaluation:\n  engine: spark"
TABLES = ("user_scores.parquet", "group_metrics.json", "breakdown.json")
FILES = {
    "05_model_input": ["split_report.json"],
    "03_primary": ["user_ids.parquet", "item_ids.parquet", "core_report.json"],
    "08_reporting": [
        *(f"{model}/{name}" for model in ("bias", "autorec") for name in TABLES),
        "differences.csv",
        "groups.csv",
    ],
}


def test_a_run_on_spark_writes_the_files_of_one_machine(tmp_path, spark):
    project = new_project(tmp_path / "project")
    table = FabricatedDataset(users=60, items=40, seed=1, table="ratings").load()
    raw = project / "data/01_raw/ratings"
    raw.mkdir()
    table.to_parquet(raw / "one.parquet")
    for env in ("spark", "one"):
        (project / "conf" / env).mkdir(exist_ok=True)
        for file in (project / "conf/test").glob("parameters_*.yml"):
            shutil.copy(file, project / "conf" / env)
    of_evaluation = project / "conf/spark/parameters_evaluation.yml"
    of_evaluation.write_text(of_evaluation.read_text().replace("evaluation:", ENGINE))
    (project / "conf/one/catalog.yml").write_text(ONE_MACHINE)
    for env in ("one", "spark"):
        run(project, env, ["rating"])
    for folder, names in FILES.items():
        for name in names:
            one, other = (project / "data" / folder / env / name for env in ("one", "spark"))
            assert one.read_bytes() == other.read_bytes(), name
    for part in ("train", "validation", "test"):
        path = (project / "data/05_model_input/one" / f"{part}.npz").as_posix()
        mine = InteractionsDataset(filepath=path).load()
        folder = (project / "data/05_model_input/spark" / part).as_posix()
        theirs = ShardedPartDataset(filepath=folder).load()
        assert part_to_bytes(mine) == part_to_bytes(theirs)

    shutil.rmtree(raw)
    with pytest.raises(DatasetError, match=r"there is no .*data/01_raw/ratings\. Put the table"):
        run(project, "spark", ["data_engineering"])
