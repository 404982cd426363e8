"""A run that is killed in a fit: `--only-missing-outputs` goes on in the middle of the fit."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import projects
import pytest

pytestmark = pytest.mark.slow

FIT = "cdae.fit_model"
MODELS = Path("data/06_models/test")
RESULTS = (MODELS / "cdae.safetensors", MODELS / "cdae.on_train.safetensors")
HISTORY = Path("data/08_reporting/test/cdae/history.json")
AT_ONCE = {"checkpoint_seconds": 0}
KILLED = """
import os, signal
from itertools import count
from kedro.framework.cli import main
from collaborative_autoencoders.learning import checkpoints

checkpoint, replace = count(1), checkpoints.Path.replace

def replace_or_die(path, target):
    if ".fit/" in path.as_posix() and next(checkpoint) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, target)

checkpoints.Path.replace = replace_or_die
main()
"""
"""`kedro`, killed when the fifth checkpoint is written, but not yet in the place of the fourth."""


def checkpoints_of(project: Path) -> list[str]:
    """The names of the folders of checkpoints and of the files in them."""
    folders = (project / MODELS).glob(".*.fit")
    return sorted(each.name for folder in folders for each in (folder, *folder.iterdir()))


def run(project: Path, **session_run):
    projects.run(project, pipelines=["ranking"], to_nodes=[FIT], **session_run)


def results_of(project: Path):
    """The bytes of the models, and the curves without seconds."""
    curves = json.loads((project / HISTORY).read_text(encoding="utf-8"))
    del curves["epoch_seconds"]
    return [(project / result).read_bytes() for result in RESULTS], curves


@pytest.fixture(scope="module")
def killed() -> Path:
    """A project after a run that `kill -9` has ended in a fit. Tests work on copies."""

    def make(folder):
        project = projects.new_project(folder / "world")
        selected = ("--env", "test", "--pipelines", "ranking", "--to-nodes", FIT)
        params = ("--params", "running.checkpoint_seconds=0")
        with projects.empty_store(project):
            done = subprocess.run(
                [sys.executable, "-c", KILLED, "run", *selected, *params],
                **projects.in_project(project) | {"capture_output": True},
            )
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr

    return projects.once("killed_fit", make) / "world"


@pytest.fixture
def project(killed, tmp_path):
    return projects.copy_with_store(killed, tmp_path / "world")


def test_a_killed_fit_goes_on_to_the_bits_of_one_that_was_not(project, finished_world, caplog):
    """The finished world has kept no checkpoint: to keep one changes no result."""
    assert not (project / RESULTS[0]).exists()
    run(project, only_missing_outputs=True, params={"running": AT_ONCE})
    assert "cdae: goes on after epoch 4 of 15" in caplog.text
    assert results_of(project) == results_of(finished_world)
    assert checkpoints_of(project) == []


@pytest.mark.parametrize(
    ("session_run", "why"),
    [
        ({}, "an interrupted run"),
        (
            {"only_missing_outputs": True, "params": {"cdae": {"fitting": {"epochs": 1}}}},
            "other parameters, data or code",
        ),
    ],
)
def test_a_plain_run_and_one_with_other_parameters_start_anew(project, caplog, session_run, why):
    assert len(checkpoints_of(project)) == 3, "a folder, a checkpoint and half of the next one"
    run(project, **session_run)
    assert f"{FIT}: starts anew, not from a checkpoint of {why}" in caplog.text
    assert "goes on" not in caplog.text
    assert checkpoints_of(project) == []
