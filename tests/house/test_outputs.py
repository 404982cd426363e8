"""The files of a run lie in folders named after the environment, or after `outputs`."""

import projects
import pytest
import tracked
from model_options import configuration_of

from collaborative_autoencoders.config_loader import folder_name


def test_a_run_with_outputs_writes_there_and_nowhere_else(tmp_path):
    project = projects.new_project(tmp_path / "world")
    projects.run(project, pipelines=["data_engineering"], params={"outputs": "test/split-1"})
    files = projects.files_of(project / "data")
    assert files
    assert {path.parent.relative_to(project / "data").parts[1:] for path in files} == {
        ("test", "split-1")
    }


def test_outputs_is_not_logged_as_a_parameter(tmp_path):
    project = projects.new_project(tmp_path / "world")
    projects.run(project, pipelines=["data_engineering"], params={"outputs": "a", "core": {"k": 2}})
    parent, _ = tracked.last_run(project)
    assert "outputs" not in tracked.logged_parameters(parent)
    assert tracked.logged_parameters(parent)["core"]["k"] == 2


@pytest.mark.parametrize(
    "name", ["../b", "/a", "a//b", "a/", "", "a/..", ".", " ", "a ", "a*", "a[1]", "{b}"]
)
def test_a_name_that_leads_out_of_the_layer_is_refused(name):
    with pytest.raises(ValueError, match="not a valid folder name"):
        folder_name(name)


def test_an_environment_that_is_no_folder_is_named_as_the_environment():
    with pytest.raises(ValueError, match="environment: 'a:b' is not a valid folder name"):
        configuration_of("a:b")


@pytest.mark.parametrize(
    "name", ["cdae-article", "recbole/split-1", "repeat-1a2b.3", "a_b", "my data", "été"]
)
def test_a_name_or_a_path_of_names_is_a_folder(name):
    assert folder_name(name) == name
