"""Leaks that are planted into a finished run, and what finds them."""

from pathlib import Path

import numpy as np
import pandas as pd
import projects
import pytest
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.matrices import matrix_from_bytes, matrix_to_bytes
from collaborative_autoencoders.judging.known import refuse_leak
from collaborative_autoencoders.models import MODELS


@pytest.fixture
def project(finished_world, tmp_path):
    return projects.copy_of(finished_world, tmp_path / "world")


def read_matrix(project: Path, name: str) -> csr_array:
    return matrix_from_bytes(matrix_file(project, name).read_bytes())


def matrix_file(project: Path, name: str) -> Path:
    return project / f"data/05_model_input/test/{name}.npz"


def lists_file(project: Path) -> Path:
    return project / "data/07_model_output/test/cdae/ranked_items.parquet"


def from_node(project: Path, *nodes: str) -> None:
    """What is judged in a new session, from these nodes on."""
    projects.run(project, pipelines=["evaluation"], from_nodes=list(nodes))


def test_the_same_steps_go_through_where_nothing_is_planted(project):
    from_node(project, *(f"{model}.predict_ratings" for model in MODELS))
    from_node(project, "cdae.score_lists")


def test_a_model_that_was_fitted_on_another_split_is_not_judged(project):
    projects.run(project, pipelines=["data_engineering"], params={"split": {"seed": 7}})
    with pytest.raises(ValueError, match="fitted on another split"):
        projects.run(project, pipelines=["evaluation"])


def test_test_ratings_that_models_are_trained_on_are_found(project):
    whole = read_matrix(project, "train_ratings") + read_matrix(project, "test_ratings")
    matrix_file(project, "train_ratings").write_bytes(matrix_to_bytes(whole))
    with pytest.raises(ValueError, match=r"in the test part and in what models know"):
        projects.run(
            project, pipelines=["rating"], from_nodes=["autorec.fit_model", "bias.fit_model"]
        )


@pytest.mark.parametrize(("part", "model"), [("train", "autorec"), ("validation", "popularity")])
def test_a_single_test_rating_in_a_known_part_is_found_whatever_the_model(project, part, model):
    known = read_matrix(project, f"{part}_ratings").tolil()
    user, item = (index[0] for index in read_matrix(project, "test_ratings").nonzero())
    known[user, item] = 5
    matrix_file(project, f"{part}_ratings").write_bytes(matrix_to_bytes(csr_array(known)))
    with pytest.raises(ValueError, match=f"user_index {user} has item_index {item} in the test"):
        from_node(project, f"{model}.predict_ratings")


def test_a_test_rating_of_zero_is_a_leak_too():
    zero_UI = csr_array((np.zeros(1, np.float32), [2], [0, 1, 1]), shape=(2, 3))
    ones_UI = csr_array(np.array([[0, 0, 1], [0, 1, 0]], dtype=np.float32))
    with pytest.raises(ValueError, match="user_index 0 has item_index 2"):
        refuse_leak(zero_UI, ones_UI)


def test_lists_that_keep_what_was_seen_are_found(project):
    train = read_matrix(project, "train_ratings")
    ranked = pd.read_parquet(lists_file(project))
    ranked.loc[ranked["rank"] == 1, "item_index"] = train.indices[train.indptr[:-1]]
    ranked.to_parquet(lists_file(project))
    with pytest.raises(ValueError, match="user_index 0 has an item that was seen in train"):
        from_node(project, "cdae.score_lists")


def test_lists_that_are_worst_first_are_found(project):
    ranked = pd.read_parquet(lists_file(project))
    ranked["rank"] = 11 - ranked["rank"]
    ranked.to_parquet(lists_file(project))
    with pytest.raises(ValueError, match="user_index 0 is not ranked best first"):
        from_node(project, "cdae.score_lists")
