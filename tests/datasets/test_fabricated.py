"""The fabricated world is what it says, at any size."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kedro.io import DatasetError

from collaborative_autoencoders.datasets.fabricated import FabricatedDataset, fabricate_ratings


@given(st.data(), st.integers(1, 12), st.integers(1, 12), st.integers(0, 3))
def test_there_are_as_many_ratings_as_asked_for_and_no_pair_comes_twice(
    data: st.DataObject, n_users: int, n_items: int, seed: int
) -> None:
    n_ratings = data.draw(st.integers(0, n_users * n_items))
    ratings = fabricate_ratings(n_users, n_items, n_ratings, seed)
    assert len(ratings) == n_ratings
    assert not ratings.duplicated(["user_id", "item_id"]).any()
    assert ratings["user_id"].between(0, n_users - 1).all()
    assert ratings["item_id"].between(0, n_items - 1).all()


def test_even_users_like_even_items_and_odd_users_odd_items() -> None:
    ratings = fabricate_ratings(60, 40)
    alike = ratings["user_id"] % 2 == ratings["item_id"] % 2
    assert set(ratings["rating"][alike]) == {4, 5}
    assert set(ratings["rating"][~alike]) == {1, 2}


def test_low_items_are_popular_and_no_user_rates_everything() -> None:
    ratings = fabricate_ratings(60, 40)
    per_item = ratings["item_id"].value_counts().sort_index()
    assert per_item.iloc[:10].min() > per_item.iloc[-10:].max()
    assert ratings["user_id"].value_counts().max() < 40


def test_the_same_arguments_give_the_same_table_and_another_seed_another() -> None:
    pd.testing.assert_frame_equal(fabricate_ratings(9, 8, seed=1), fabricate_ratings(9, 8, seed=1))
    assert not fabricate_ratings(9, 8, seed=1).equals(fabricate_ratings(9, 8, seed=2))


def test_more_ratings_than_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="2 users x 3 items cannot hold 7 ratings"):
        fabricate_ratings(2, 3, 7)


def test_catalog_tables_have_text_ids_that_meet_and_titles() -> None:
    world = {"users": 60, "items": 40, "seed": 1}
    ratings = FabricatedDataset(**world, table="ratings").load()
    items = FabricatedDataset(**world, table="items").load()
    assert set(ratings["item_id"]) <= set(items["item_id"])
    assert ratings["user_id"].min() == "user-00"
    assert items.iloc[12].tolist() == ["film-12", "Even film 12", "Even", 1972]
    assert ratings.attrs["data_set"] == "fabricated"


def test_a_table_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DatasetError, match="unknown value 'genres'; use ratings, newer_ratings"):
        FabricatedDataset(users=2, items=2, seed=1, table="genres")


def test_a_preview_shows_the_first_rows() -> None:
    preview = FabricatedDataset(users=6, items=4, seed=1, table="items").preview(nrows=2)
    assert preview["data"] == [
        ["film-0", "Even film 0", "Even", 1960],
        ["film-1", "Odd film 1", "Odd", 1961],
    ]
