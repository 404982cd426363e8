"""What describes an item: categories, bins of numbers, hashed words."""

import numpy as np
import pandas as pd
import pytest

from collaborative_autoencoders.interactions.item_features import (
    ItemFeatureOptions,
    describe_items,
    feature_matrix,
)
from collaborative_autoencoders.interactions.titles import TitleOptions

TITLES = TitleOptions(item_id="film", title="name", duplicates="refuse")
FILMS = pd.DataFrame(
    {
        "film": [9, 7, 8],
        "name": ["The Alien", "Alien Three", None],
        "genres": ["Horror| Sci-Fi |Horror", "Horror", None],
        "year": [1979.0, 1992.0, np.nan],
    }
)
IDS = pd.DataFrame({"item_index": [0, 1], "item_id": ["8", "9"]})


def options(**changes):
    nothing = {"categories": [], "separator": "|", "numbers": [], "bins": 2, "text": []}
    return ItemFeatureOptions.model_validate(nothing | {"text_size": 1000} | changes)


def features_of(items=FILMS, **changes):
    return describe_items(items, IDS, TITLES, options(**changes))["features"].tolist()


def test_every_item_of_the_table_is_described_rated_or_not():
    described = describe_items(FILMS, IDS, TITLES, options(categories=["genres"]))
    assert described["item_id"].tolist() == [7, 8, 9], "sorted"
    assert described["item_index"].tolist() == [-1, 0, 1], "nobody has rated 7"
    assert described["title"].tolist() == ["Alien Three", "8", "The Alien"]


def test_a_category_a_bin_and_a_word_are_features():
    assert features_of(categories=["genres"]) == [
        "genres: Horror",
        "",
        "genres: Horror\tgenres: Sci-Fi",
    ]
    assert features_of(numbers=["year"]) == ["year: 1992 to 1992", "", "year: 1979 to 1979"]
    three, nothing, the = (set(cell.split("\t")) for cell in features_of(text=["name"]))
    assert (len(three), nothing, len(the)) == (2, {""}, 2)
    assert len(three & the) == 1, "Alien"


def test_the_bins_of_a_number_have_about_as_many_items_each():
    years = pd.DataFrame({"film": range(100), "name": "A", "year": np.arange(100) ** 2})
    counts = pd.Series(features_of(years, numbers=["year"], bins=4)).value_counts()
    assert counts.tolist() == [25] * 4


def test_a_column_without_any_number_describes_nothing():
    assert features_of(FILMS.assign(year=np.nan), numbers=["year"]) == ["", "", ""]


def test_features_do_not_depend_on_the_order_of_the_rows():
    every = {"categories": ["genres"], "numbers": ["year"], "text": ["name"]}
    backwards = FILMS.iloc[::-1].reset_index(drop=True)
    assert features_of(backwards, **every) == features_of(**every)


def test_the_matrix_has_a_one_for_each_feature_of_an_item():
    features_IF, names = feature_matrix(pd.Series(["b\ta", "", "b"]))
    assert names == ["a", "b"]
    assert features_IF.toarray().tolist() == [[1, 1], [0, 0], [0, 1]]
    assert feature_matrix(pd.Series(["", ""]))[0].shape == (2, 0)


@pytest.mark.parametrize(
    ("items", "changes", "reason"),
    [
        (pd.DataFrame(), {}, "There is no table `items`.*add a catalog entry `items`"),
        (
            FILMS,
            {"categories": ["genre"]},
            r"`new_items.features.categories` is 'genre'.*Did you mean 'genres'\?.*off the list",
        ),
        (
            FILMS,
            {"numbers": ["genres"]},
            r"genres 'Horror\| Sci-Fi \|Horror' is not a number \(2 such rows\).*categories",
        ),
    ],
)
def test_what_does_not_describe_items_is_refused_with_a_fix(items, changes, reason):
    with pytest.raises(ValueError, match=reason):
        features_of(items, **changes)
