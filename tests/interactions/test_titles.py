"""Every item gets its title, and titles of other items are not passed over in silence."""

import re

import numpy as np
import pandas as pd
import pytest

from collaborative_autoencoders.interactions.titles import TitleOptions, name_items

OPTIONS = TitleOptions(item_id="film", title="name", duplicates="refuse")


def make_ids(*ids) -> pd.DataFrame:
    return pd.DataFrame({"item_index": range(len(ids)), "item_id": list(ids)})


def make_items(**title_of) -> pd.DataFrame:
    return pd.DataFrame({"film": list(title_of), "name": list(title_of.values())})


def titles_of(items: pd.DataFrame, ids: pd.DataFrame) -> list[str]:
    named = name_items(items, ids, OPTIONS)
    assert named.columns.tolist() == ["item_index", "item_id", "title"]
    return named["title"].tolist()


def test_the_drawing_in_the_docstring_is_true():
    items = pd.DataFrame({"film": [7, 8], "name": ["Alien", "Brazil"]})

    assert titles_of(items, make_ids(7, 9)) == ["Alien", "9"]


def test_without_titles_the_id_is_the_title():
    assert titles_of(pd.DataFrame(), make_ids(7, 9)) == ["7", "9"]
    assert titles_of(pd.DataFrame(), make_ids("a", "b")) == ["a", "b"]


def test_text_ids_find_their_titles():
    assert titles_of(make_items(x="Alien", y="Brazil"), make_ids("x", "z")) == ["Alien", "z"]


@pytest.mark.parametrize("dtype", ["int16", "float64", "Int64", "category", "object"])
def test_whole_numbers_are_one_id_however_they_were_read(dtype):
    items = pd.DataFrame({"film": pd.Series([7, 8]).astype(dtype), "name": ["Alien", "Brazil"]})

    assert titles_of(items, make_ids(7, 9)) == ["Alien", "9"]


def test_an_item_without_a_title_keeps_its_id():
    assert titles_of(make_items(x=None, y="Brazil"), make_ids("x", "y")) == ["x", "Brazil"]


def test_a_title_that_is_a_number_is_text():
    assert titles_of(make_items(x=1984), make_ids("x")) == ["1984"]


def test_a_title_that_an_empty_one_made_a_float_is_the_number():
    items = pd.DataFrame({"film": ["x", "y"], "name": [1984, None]})

    assert titles_of(items, make_ids("x", "y")) == ["1984", "y"]


@pytest.mark.parametrize("kind", [list, np.array])
def test_a_title_that_is_a_list_is_refused_with_a_line_that_makes_it_text(kind):
    items = make_items(x=kind(["Alien", "1979"]), y="Brazil")

    with pytest.raises(ValueError, match=r"items: row 1 \(item_id: 'x'\): title .*list") as error:
        titles_of(items, make_ids("x", "y"))

    items = items.assign(name=items["name"].map(lambda name: np.array([name]).ravel()))
    proposed = re.search(r"`(items\[.*\)?)`\.", str(error.value))[1]
    joined = items.assign(name=eval(proposed, {"items": items}))
    assert titles_of(joined, make_ids("x", "y")) == ["Alien, 1979", "Brazil"]


def test_the_warning_of_an_item_without_a_title_shows_a_plain_id(caplog):
    titles_of(pd.DataFrame({"film": [7, 8], "name": ["Alien", "Brazil"]}), make_ids(9, 7))

    assert "1 of 2 items have no title in `items`, the first is 9:" in caplog.text


def test_titles_of_no_item_are_refused_with_ids_of_both_sides():
    with pytest.raises(ValueError, match=r"film.*\['07', '08'\].*\[7, 8\].*written alike"):
        titles_of(make_items(**{"07": "Alien", "08": "Brazil"}), make_ids(7, 8))


def test_an_id_finds_its_title_though_one_table_has_text():
    assert titles_of(make_items(**{"7": "Alien", "08": "Brazil"}), make_ids(7, 8)) == ["Alien", "8"]


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match=r"titles.item_id` is 'film'.*\['id', 'name'\]"):
        titles_of(make_items(x="Alien").rename(columns={"film": "id"}), make_ids("x"))


def test_an_item_with_two_titles_is_refused_and_the_same_one_twice_is_not():
    items = pd.DataFrame({"film": ["x", "x"], "name": ["Alien", "Aliens"]})

    assert titles_of(items.assign(name="Alien"), make_ids("x")) == ["Alien"]
    with pytest.raises(ValueError, match=r"'x' has two titles, 'Alien' \(row 1\) .* \(row 2\)"):
        titles_of(items, make_ids("x"))
    last = OPTIONS.model_copy(update={"duplicates": "last"})
    assert name_items(items, make_ids("x"), last)["title"].tolist() == ["Aliens"]


def test_an_empty_id_is_named_with_its_row():
    items = pd.DataFrame({"film": ["x", None], "name": ["Alien", "Brazil"]})

    with pytest.raises(ValueError, match=r"^items: row 2 .*is null"):
        titles_of(items, make_ids("x"))
