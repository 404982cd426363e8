"""What the indices stand for, as one value and one file."""

import pandas as pd
import pytest
from kedro.io import DatasetError

from collaborative_autoencoders.datasets.lookup import LookupDataset
from collaborative_autoencoders.interactions.lookup import make_lookup

FACTS = {"data_set": "mine", "checksum": "00ff", "users": 2, "items": 3, "rated": True}
FACTS |= {"lowest_rating": 1.0, "highest_rating": 5.0}
USERS = pd.DataFrame({"user_index": [0, 1], "user_id": ["ann", "bob"]})
TITLES = pd.DataFrame({"item_index": [0, 1, 2], "item_id": [10, 20, 30], "title": ["A", "B", "30"]})


@pytest.fixture
def lookup():
    return make_lookup(USERS, TITLES, FACTS, 4.0)


def dataset_in(folder):
    return LookupDataset(filepath=(folder / "lookup.zip").as_posix())


def test_ids_titles_and_facts_come_back_as_they_were_saved(tmp_path, lookup):
    dataset_in(tmp_path).save(lookup)
    found = dataset_in(tmp_path).load()
    pd.testing.assert_frame_equal(found.users, USERS[["user_id"]])
    pd.testing.assert_frame_equal(found.items, TITLES[["item_id", "title"]])
    assert (found.facts, found.like_threshold) == (FACTS, 4.0)


def test_the_same_lookup_gives_the_same_bytes(lookup):
    dataset = LookupDataset(filepath="lookup.zip")
    assert dataset.to_bytes(lookup) == dataset.to_bytes(lookup)


def test_ids_of_another_run_are_refused_with_the_command_that_makes_them_again():
    with pytest.raises(ValueError, match=r"1 users have ids, but data_facts counts 2.*kedro run"):
        make_lookup(USERS.head(1), TITLES, FACTS, 4.0)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_a_truncated_file_is_named(tmp_path, lookup, share):
    dataset = dataset_in(tmp_path)
    dataset.save(lookup)
    whole = (tmp_path / "lookup.zip").read_bytes()
    (tmp_path / "lookup.zip").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DatasetError, match=r"lookup\.zip is not a valid lookup"):
        dataset.load()


def test_the_preview_shows_the_facts_and_the_first_titles(tmp_path, lookup):
    assert dataset_in(tmp_path).preview() == "{}"
    dataset_in(tmp_path).save(lookup)
    preview = dataset_in(tmp_path).preview()
    assert '"data_set": "mine"' in preview
    assert '"first_titles": ["A", "B", "30"]' in preview
