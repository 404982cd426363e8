"""Imports go downward only, and heavy packages are imported when they are needed."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import projects
import pytest

from collaborative_autoencoders.serving.own_code import ROOMS

PACKAGE = "collaborative_autoencoders"
LINT = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
FORBIDDEN = {
    "Imports go downward only": ("models/popularity.py", f"import {PACKAGE}.learning.fit"),
    "Pipelines do not import each other": (
        "pipelines/training/nodes.py",
        f"import {PACKAGE}.pipelines.evaluation",
    ),
    "Kedro only in assembly, reproduce, pipelines and datasets": (
        "learning/fit.py",
        "import kedro",
    ),
    "Torch only in models and learning": ("pipelines/evaluation/nodes.py", "import torch"),
    "MLflow only where runs are tracked, tuned, served or reproduced": (
        "pipelines/training/nodes.py",
        "import mlflow",
    ),
    "Spark only in the room of the cluster": (
        "pipelines/data_engineering/nodes.py",
        "import pyspark",
    ),
    "No pandas in metrics or models": ("metrics/hits.py", "import pandas"),
}
"""By the name of each contract: a file, and a line that breaks the contract there."""


@pytest.fixture
def copy(tmp_path):
    """The contracts and a copy of the package, which a test may change."""
    shutil.copy(projects.REPOSITORY / "pyproject.toml", tmp_path)
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(projects.SOURCES / PACKAGE, tmp_path / "src" / PACKAGE, ignore=caches)
    return tmp_path


def python(code: str, folder: Path, sources: Path) -> subprocess.CompletedProcess[str]:
    everything = projects.in_project(folder)
    everything["env"] |= {"PYTHONPATH": str(sources)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, **everything)


def test_a_registered_version_has_the_rooms_that_serving_may_import():
    project = tomllib.loads((projects.REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    below = layers[1 + next(n for n, layer in enumerate(layers) if "serving" in layer.split()) :]
    rooms = {room for layer in below for room in layer.split(" | ")}
    folders = {room for room in rooms if (projects.SOURCES / PACKAGE / room).is_dir()}
    assert {*folders, "serving"} == ROOMS


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return python(LINT, folder, folder / "src")


def plant(copy: Path, file: str, line: str) -> None:
    path = copy / "src" / PACKAGE / file
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")


def test_every_contract_is_kept(copy):
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    assert f"{len(FORBIDDEN)} kept, 0 broken" in done.stdout


@pytest.mark.parametrize("contract", FORBIDDEN)
def test_a_forbidden_import_is_refused_by_its_contract(copy, contract):
    plant(copy, *FORBIDDEN[contract])
    done = lint(copy)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout


HEAVY = ["torch", "mlflow", "plotly"]


def heavy_after(code: str, tmp_path: Path, heavy: list[str] = HEAVY) -> list[str]:
    """Return the heavy packages that a new process imports when it runs the code."""
    show = f"import sys; print(*(name for name in {heavy} if name in sys.modules))"
    done = python(f"{code}\n{show}", tmp_path, projects.SOURCES)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_pipelines_are_made_without_torch_mlflow_or_plotly(tmp_path):
    code = f"from {PACKAGE}.pipeline_registry import register_pipelines; register_pipelines()"
    assert heavy_after(code, tmp_path) == []


def test_a_rank_of_several_has_torch_and_no_pandas(tmp_path):
    code = f"from {PACKAGE}.learning import shares"
    assert heavy_after(code, tmp_path, ["torch", "pandas", "pyarrow", "mlflow"]) == ["torch"]


def test_a_heavy_import_would_be_found(tmp_path):
    assert heavy_after("import plotly", tmp_path) == ["plotly"]
