"""Test ratings that are planted into the other parts of a finished run are found."""

from pathlib import Path

import numpy as np
import projects
import pytest

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part_bytes import part_from_bytes, part_to_bytes
from collaborative_autoencoders.interactions.sparse import take_cells

pytestmark = pytest.mark.slow


@pytest.fixture
def project(finished_world, tmp_path):
    return projects.copy_of(finished_world, tmp_path / "world")


def file_of(project: Path, part: str) -> Path:
    return project / f"data/05_model_input/test/{part}.npz"


def read(project: Path, part: str) -> Interactions:
    return part_from_bytes(file_of(project, part).read_bytes())


def plant(project: Path, part: str, leak: Interactions) -> None:
    """Add these ratings to a part."""
    file_of(project, part).write_bytes(part_to_bytes(read(project, part).joined(leak)))


def run_nodes(project: Path, *nodes: str) -> None:
    """Run the nodes on files without records, which would be refused before any node runs."""
    projects.forget_records(project)
    projects.run(project, node_names=list(nodes))


def test_the_same_nodes_run_if_nothing_is_planted(project):
    run_nodes(project, "bias.fit_model", "bias.evaluate_model", "autorec.evaluate_model")


def test_a_model_that_was_fitted_on_another_split_is_not_evaluated(project):
    projects.run(project, pipelines=["data_engineering"], params={"split": {"seed": 7}})
    with pytest.raises(ValueError, match="fitted on another split"):
        run_nodes(project, "cdae.evaluate_model")


def test_a_model_that_is_fitted_on_test_ratings_is_not_evaluated(project):
    plant(project, "train", read(project, "test"))
    with pytest.raises(ValueError, match="in test and in train"):
        run_nodes(project, "bias.fit_model", "bias.evaluate_model")


@pytest.mark.parametrize(("part", "model"), [("train", "autorec"), ("validation", "popularity")])
def test_one_test_rating_in_a_known_part_is_found_with_user_and_item(project, part, model):
    test = read(project, "test")
    others = take_cells(test.ratings, np.arange(test.ratings.nnz) > 0)
    one = test.without_cells(others)
    ((user,), (item,)) = one.ratings.nonzero()
    plant(project, part, one)
    with pytest.raises(ValueError, match=f"user_index {user} has item_index {item} in test and in"):
        run_nodes(project, f"{model}.evaluate_model")
