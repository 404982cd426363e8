"""The package runs without a project: from an installed wheel and a folder conf/."""

import runpy
import sys

import projects
import pytest
import tracked
import yaml


def test_the_package_runs_in_an_empty_folder_and_keeps_everything_there(tmp_path, monkeypatch):
    """The configuration is that of another project, which the run must not change.

    `runpy` does what `python -m` does, in this process.
    """
    options = ["--env", "test", "--pipelines", "data_engineering"]
    conf = ["--conf-source", str(projects.REPOSITORY / "conf")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["-m", *options, *conf])
    with projects.empty_store(tmp_path), pytest.raises(SystemExit) as ended:
        runpy.run_module("collaborative_autoencoders", run_name="__main__", alter_sys=True)
    assert ended.value.code == 0
    assert (tmp_path / "data/03_primary/test/data_facts.json").is_file()
    (parent,) = tracked.all_runs(tmp_path)
    assert parent.info.status == "FINISHED"
    assert tracked.artifacts(parent).is_relative_to(tmp_path)
    command = "python -m collaborative_autoencoders " + " ".join(options)
    assert parent.data.tags["command"].startswith(command)


def test_telemetry_is_denied_in_every_clone():
    """Otherwise a command of Kedro adds an id to pyproject.toml, and the code has a change."""
    ignored = (projects.REPOSITORY / ".gitignore").read_text(encoding="utf-8").split()
    assert ".telemetry" not in ignored
    told = yaml.safe_load((projects.REPOSITORY / ".telemetry").read_text(encoding="utf-8"))
    assert told == {"consent": False}
