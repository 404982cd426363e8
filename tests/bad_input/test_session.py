"""What a person meets at `kedro run`: one error, nothing trained, nothing half written."""

from pathlib import Path

import pytest
from projects import kedro, new_project
from tracked import parents, statuses

SOURCE = "conf/test/catalog_data_engineering.yml"
OWN_RATINGS = """
ratings:
  type: pandas.CSVDataset
  filepath: data/01_raw/plays.csv
"""


@pytest.fixture
def project(tmp_path) -> Path:
    return new_project(tmp_path / "project")


def files_of(project: Path) -> set[str]:
    return {path.name for path in (project / "data").rglob("*") if path.is_file()}


def stop_of(project: Path, *arguments: str) -> str:
    """What `kedro run` says when it stops, without the lines before."""
    done = kedro(project, "run", "--env", "test", *arguments)
    assert done.returncode != 0
    assert "site-packages" not in done.stderr, "frames of libraries"
    return done.stderr.partition("The run stopped")[2]


def test_a_typo_on_the_command_line_stops_before_there_is_a_run(project):
    said = stop_of(project, "--params", "cdae.model.hiden_size=3,cdea.model.hidden_size=3")

    assert "cdae.model.hiden_size: nobody reads this key" in said
    assert "cdea: nobody reads this key; did you mean 'cdae'?" in said
    assert files_of(project) == set()
    assert not (project / "mlflow.db").exists()


def test_a_bad_rating_fails_the_run_before_any_model(project):
    (project / SOURCE).write_text(OWN_RATINGS, encoding="utf-8")
    rows = "user_id,item_id,rating,timestamp\n1,2,4,1\n1,3,good,1\n"
    (project / "data/01_raw/plays.csv").write_text(rows, encoding="utf-8")

    said = stop_of(project)
    assert "row 2 (user_id: 1, item_id: 3): rating 'good' is no finite number" in said
    assert files_of(project) == {"plays.csv"}
    assert statuses(project) == {"": "FAILED"}
    assert "row 2" in parents(project)[0].data.tags["error"]


def test_a_store_that_is_no_database_stops_at_once(project):
    (project / "mlflow.db").write_text("no database" * 100, encoding="utf-8")

    said = stop_of(project)
    assert "mlflow.db cannot be opened: file is not a database" in said
    assert files_of(project) == set()


def test_a_pipeline_that_does_not_exist_is_answered_with_the_nearest(project):
    said = stop_of(project, "--pipelines", "rnking")

    assert "'rnking'" in said
    assert "ranking" in said


def test_a_truncated_matrix_names_its_file_and_the_mend(project):
    assert kedro(project, "run", "--env", "test", "--pipelines", "data_engineering").returncode == 0
    matrix = project / "data/05_model_input/test/train_likes.npz"
    matrix.write_bytes(matrix.read_bytes()[:300])
    before = files_of(project)

    said = stop_of(project, "--pipelines", "training")
    assert f"{matrix} is not a whole sparse matrix" in said
    assert "Delete it" in said
    assert files_of(project) == before
    assert statuses(project)[""] == "FAILED"
