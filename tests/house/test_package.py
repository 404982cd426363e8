"""The package runs without a project: from an installed wheel and a folder conf/."""

import subprocess
import sys

import projects
import tracked


def test_the_package_runs_in_an_empty_folder_and_keeps_everything_there(tmp_path):
    """The configuration is that of another project, which the run must not change."""
    options = ["--env", "test", "--pipelines", "data_engineering"]
    command = ["-m", "collaborative_autoencoders", *options]
    conf = ["--conf-source", str(projects.REPOSITORY / "conf")]
    done = subprocess.run(
        [sys.executable, *command, *conf], capture_output=True, **projects.in_project(tmp_path)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "data/03_primary/test/data_facts.json").is_file()
    (parent,) = tracked.all_runs(tmp_path)
    assert parent.info.status == "FINISHED"
    assert tracked.artifacts(parent).is_relative_to(tmp_path)
    assert parent.data.tags["command"].startswith(f"python {' '.join(command)}")
