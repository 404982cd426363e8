"""A password in the parameters of a run is in nothing that the run wrote."""

import projects
import tracked


def files_with(text, folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]


def test_no_file_of_a_run_has_the_password_of_its_parameters(finished_world):
    assert files_with(projects.PASSWORD, finished_world) == []


def test_the_search_finds_what_is_written(finished_world):
    store = finished_world / projects.STORE
    assert store in files_with("postgresql://ann:***@db/studies", finished_world)


def test_the_runtime_parameters_of_a_run_are_logged_with_the_password_masked(finished_world):
    (parent,) = tracked.parents(finished_world)
    assert "postgresql://ann:***@db/studies" in parent.data.tags["runtime_params"]
