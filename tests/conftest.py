"""The environment of every test, and finished runs for the tests that only read."""

import gc
import os
import pickle
import sqlite3
import subprocess
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from omegaconf import OmegaConf
from sqlalchemy import Engine, event

NEEDS = {
    "cluster": "pyspark",
    "page/test_in_a_browser.py": "playwright",
    "store": "psycopg",
}
collect_ignore = [tests for tests, package in NEEDS.items() if not find_spec(package)]

for absent in ("ibis", "pyspark"):  # Kedro and MLflow look for them hundreds of times in a run
    if not find_spec(absent):
        sys.modules[absent] = None  # an import then fails at once

os.environ["DO_NOT_TRACK"] = "true"
os.environ.pop("MLFLOW_TRACKING_URI", None)  # tests write to stores of their own
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in settings.py: before torch is imported

# As in settings.py, which is imported later: what is imported is never garbage.
gc.set_threshold(50_000)

# A deadline per example fails on a machine that does other work. Every run draws new examples.
settings.register_profile("quick", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=400)
settings.load_profile("quick")


@event.listens_for(Engine, "connect")
def do_not_wait_for_the_disk(connection: Any, _: Any) -> None:
    """Let a commit to a store of this process return at once: a run has hundreds of them.

    What was committed is lost only if the machine stops, not if a process is killed.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


make_config, MISSING = OmegaConf.create, object()


@lru_cache(maxsize=256)
def made_of(pickled: bytes) -> bytes:
    """Return what OmegaConf makes of a dictionary, pickled as the dictionary is."""
    return pickle.dumps(make_config(pickle.loads(pickled)))


def make_once(obj: Any = MISSING, *place: Any, **options: Any) -> Any:
    """Do what `OmegaConf.create` does; equal dictionaries are turned into nodes only once.

    That takes a third of a small run, and most tests have the configuration of this repository.
    Each call returns a config of its own, which the caller may change.
    """
    is_alone = not place and options.keys() <= {"max_yaml_expanded_nodes"}  # which is for text
    try:
        pickled = pickle.dumps(obj) if is_alone and type(obj) is dict else None
    except (AttributeError, TypeError, pickle.PicklingError):
        pickled = None
    if pickled is None:
        return make_config(*([] if obj is MISSING else [obj]), *place, **options)
    return pickle.loads(made_of(pickled))


OmegaConf.create = staticmethod(make_once)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked `gpu` where there is no card."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch  # which the marked tests have imported

    if not torch.cuda.is_available():
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


def pytest_collection_finish() -> None:
    """Leave the modules and tests, which stay until the end, out of every later collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Set the folder that the workers of this session share: `projects.once`.

    The shell may have set one that several sessions share.
    """
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    os.environ.setdefault("TESTS_SHARED", str(common / "shared"))


class Typed(NamedTuple):
    """A project and its typed run."""

    project: Path
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def typed_world() -> Typed:
    """A project in git after `kedro run`, typed in its folder of notebooks: `finished_world`."""
    import projects  # so that tests without a run do not import Kedro

    def make(folder: Path) -> None:
        project = projects.new_project(folder / "world")
        projects.keep_in_git(project)
        (project / "notebooks").mkdir()
        with projects.empty_store(project):
            done = projects.kedro(project, *typed, cwd=project / "notebooks")
        (folder / "stdout").write_text(done.stdout, encoding="utf-8")
        (folder / "stderr").write_text(done.stderr, encoding="utf-8")
        (folder / "status").write_text(str(done.returncode), encoding="utf-8")

    storage = f"postgresql://ann:{projects.PASSWORD}@db/studies"
    params = f"registration.enabled=true,tuning.storage={storage}"
    typed = ("run", "--env", "test", "--params", params)
    folder = projects.once("typed", make)
    status, stdout, stderr = (
        (folder / name).read_text(encoding="utf-8") for name in ("status", "stdout", "stderr")
    )
    done = subprocess.CompletedProcess(typed, int(status), stdout, stderr)
    return Typed(folder / "world", done)


@pytest.fixture(scope="session")
def finished_world(typed_world: Typed) -> Path:
    """A project after a default run on the fabricated world, with every model registered.

    The run has a password in a parameter, which must be in no file: tests/house/test_passwords.py.
    All workers share it, so tests only read it. `projects.copy_of` and `projects.copy_with_store`
    return copies that a test may change.
    """
    assert typed_world.done.returncode == 0, typed_world.done.stdout + typed_world.done.stderr
    return typed_world.project
