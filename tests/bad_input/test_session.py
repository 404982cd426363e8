"""Bad input to `kedro run`: one error, no model is fitted and no file is left incomplete."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import projects
import pytest
from projects import empty_store, kedro_here, new_project
from tracked import parents, statuses

pytestmark = pytest.mark.slow

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
    return {path.name for path in projects.files_of(project / "data")}


@pytest.fixture
def stop_of(project: Path, monkeypatch, capsys) -> Callable[..., str]:
    """Run `kedro run` in this process and return the error it prints."""

    def stopped(*arguments: str) -> str:
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # restored after the test
        done = kedro_here(project, "run", "--env", "test", *arguments)
        assert done.exit_code != 0
        sys.excepthook(*done.exc_info)  # as Python does at the end of a process
        return error_in(capsys.readouterr().err)

    return stopped


def error_in(printed: str) -> str:
    """The printed error, without the lines before it."""
    assert "site-packages" not in printed, "frames of libraries"
    return printed.partition("The run stopped")[2]


def test_an_unknown_key_on_the_command_line_stops_before_a_run_is_logged(project, stop_of):
    printed = stop_of("--params", "cdae.model.hiden_size=3,cdea.model.hidden_size=3")

    assert "cdae.model.hiden_size: unknown key" in printed
    assert "cdea: unknown key; did you mean 'cdae'?" in printed
    assert files_of(project) == set()
    assert not (project / "mlflow.db").exists()


def test_a_bad_rating_fails_the_run_before_any_model_is_fitted(project, stop_of):
    (project / SOURCE).write_text(OWN_RATINGS, encoding="utf-8")
    rows = "user_id,item_id,rating,timestamp\n1,2,4,1\n1,3,good,1\n"
    (project / "data/01_raw/plays.csv").write_text(rows, encoding="utf-8")

    with empty_store(project):
        printed = stop_of()
    assert "row 2 (user_id: 1, item_id: 3): rating 'good' is not a finite number" in printed
    assert files_of(project) == {"plays.csv"}
    assert statuses(project) == {"": "FAILED"}
    assert "row 2" in parents(project)[0].data.tags["error"]


def test_a_store_that_is_not_a_database_stops_at_once(project, stop_of):
    (project / "mlflow.db").write_text("no database" * 100, encoding="utf-8")

    printed = stop_of()
    assert "mlflow.db cannot be opened: file is not a database" in printed
    assert files_of(project) == set()


def test_an_unknown_pipeline_is_refused_with_the_closest_name(stop_of):
    printed = stop_of("--pipelines", "rnking")

    assert "'rnking'" in printed
    assert "ranking" in printed


def test_a_truncated_part_is_named_by_its_file_with_the_fix(finished_world, project, stop_of):
    for layer in ("03_primary", "05_model_input"):
        shutil.copytree(finished_world / "data" / layer, project / "data" / layer)
    part = project / "data/05_model_input/test/train.npz"
    part.write_bytes(part.read_bytes()[:300])
    before = files_of(project)

    printed = stop_of("--pipelines", "training")
    assert f"train: {part} has changed since data_engineering.split_ratings wrote it" in printed
    assert "kedro run --env test --from-nodes data_engineering.split_ratings" in printed
    assert files_of(project) == before
    assert parents(project) == []
