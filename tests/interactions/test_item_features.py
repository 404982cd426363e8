"""What describes an item: categories, bins of numbers, hashed words."""

import re

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


@pytest.mark.parametrize("first", [1_577_836_800, 10_000_000, 1 / 3])
def test_bins_whose_ends_agree_in_six_digits_are_different_features(first):
    numbers = [first + place * first / 10**8 for place in range(8)]
    seconds = pd.DataFrame({"film": range(8), "name": "A", "year": numbers})
    counts = pd.Series(features_of(seconds, numbers=["year"], bins=4)).value_counts()
    assert counts.tolist() == [2] * 4


def test_a_missing_value_in_a_list_of_words_is_no_word():
    tags = pd.Series([["one", None], [np.nan], [pd.NA, "one"]])
    films = FILMS.assign(name="A", tags=tags)
    nothing, one, again = features_of(films, text=["tags"])
    assert nothing == "" and one == again and len(one.split("\t")) == 1
    assert all(features_of(FILMS.assign(tags=["None", "nan", "a"]), text=["tags"])), "words"


@pytest.mark.parametrize(
    "twice",
    [
        {"categories": ["year"], "numbers": ["year"]},
        {"categories": ["genres"], "text": ["genres"]},
        {"categories": ["genres", "genres"]},
    ],
)
def test_a_column_is_named_once(twice):
    """A bin of a year would be a category too, and one feature of an item would count twice."""
    with pytest.raises(ValueError, match=f"'{twice['categories'][0]}' is named twice"):
        options(**twice)


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
        (
            FILMS.assign(genres=[{"name": "Horror"}, None, None]),
            {"categories": ["genres"]},
            r"genres \{'name': 'Horror'\} is neither.*off `new_items.features.categories`",
        ),
        (
            FILMS.assign(length=pd.to_timedelta([90, 100, None], unit="min")),
            {"numbers": ["length"]},
            r"length Timedelta.* is not a number \(2 such rows\).*categories",
        ),
    ],
)
def test_what_does_not_describe_items_is_refused_with_a_fix(items, changes, reason):
    with pytest.raises(ValueError, match=reason):
        features_of(items, **changes)


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_a_list_in_a_cell_has_a_category_in_each_place(kind):
    """As in Parquet and JSON. A separator within a place is part of the category."""
    genres = pd.Series([["Horror ", "Sci|Fi", "Horror"], ["Horror"], None]).map(
        kind, na_action="ignore"
    )
    assert features_of(FILMS.assign(genres=genres), categories=["genres"]) == [
        "genres: Horror",
        "",
        "genres: Horror\tgenres: Sci|Fi",
    ]
    one_each = pd.Series([["x"], ["y"], []]).map(kind)
    assert features_of(FILMS.assign(genres=one_each), categories=["genres"]) == [
        "genres: y",
        "",
        "genres: x",
    ]
    words = FILMS.assign(name="A", tags=pd.Series([["one", "two"], ["two"], []]).map(kind))
    two, none, both = features_of(words, text=["tags"])
    assert none == "" and two in both.split("\t") and len(both.split("\t")) == 2


@pytest.mark.parametrize(
    "lists", [["['Horror', 'Sci-Fi']", "[]", None], ["['a'\n 'b']"] * 3, ['{"Horror"}'] * 3]
)
def test_lists_that_a_csv_file_has_as_text_are_refused_with_a_fix_that_works(lists):
    with pytest.raises(ValueError, match="is a list that was written as text") as error:
        features_of(FILMS.assign(genres=lists), categories=["genres"])
    items = FILMS.assign(genres=[["Horror", "Sci-Fi"], ["Horror"], None])
    exec(re.search(r"`(items.*\))`", str(error.value))[1])
    assert features_of(items, categories=["genres"])[2] == "genres: Horror\tgenres: Sci-Fi"
    some = FILMS.assign(genres=["[Horror]", "Horror", None])
    assert features_of(some, categories=["genres"])[2] == "genres: [Horror]"


@pytest.mark.parametrize("codes", [[7, 8, None], pd.array([7, 8, None], "Int64"), ["7", "8", None]])
def test_a_category_that_is_a_number_is_written_without_a_point(codes):
    found = features_of(FILMS.assign(code=codes), categories=["code"])
    assert found == ["code: 8", "", "code: 7"]


@pytest.mark.parametrize("kind", ["datetime64[us]", "datetime64, UTC", "date", "category"])
def test_dates_are_no_numbers_and_their_years_are(kind):
    dates = pd.Series(pd.to_datetime(["1979-05-25", "1992-05-22", None]))
    if kind.startswith("datetime64"):
        dates = dates.dt.tz_localize("UTC") if "UTC" in kind else dates.astype(kind)
    else:
        dates = dates.dt.date.where(dates.notna(), None) if kind == "date" else dates.astype(kind)
    films = FILMS.assign(year=dates)
    with pytest.raises(ValueError, match="items: year holds dates, which are not numbers") as error:
        features_of(films, numbers=["year"])

    proposed = re.search(r"`(pd\..*\.year)`", str(error.value))[1]
    years = films.assign(year=eval(proposed, {"pd": pd, "items": films}))
    assert features_of(years, numbers=["year"]) == ["year: 1992 to 1992", "", "year: 1979 to 1979"]
    assert "`new_items.features.categories`" in str(error.value)
    assert features_of(films, categories=["year"])[1] == ""
