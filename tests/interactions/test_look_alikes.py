"""Ids that differ only in what is hardly seen are named."""

import unicodedata

import pandas as pd
import pytest

from collaborative_autoencoders.interactions.look_alikes import about_look_alikes

ACCENT = "José"
DECOMPOSED = unicodedata.normalize("NFD", ACCENT)


@pytest.mark.parametrize(
    ("ids", "shown", "more"),
    [
        (["u7", "u7 ", "u8"], "'u7' and 'u7 '", 1),
        (["\tu7", "u7", " u7", "u8 "], r"'\tu7' and 'u7'", 2),
        (["7\xa0", "7"], r"'7\xa0' and '7'", 1),
        ([ACCENT, DECOMPOSED], r"'José' and 'Jose\u0301'", 1),
    ],
)
@pytest.mark.parametrize("kind", ["str", "category"])
def test_ids_that_look_alike_are_named_with_a_fix_that_makes_them_one(ids, shown, more, kind):
    column = pd.Series(ids * 3, name="user_id", dtype="str").astype(kind)
    said = about_look_alikes(column, "reader")

    assert said.startswith(f"user_id: {shown} are two ids. There are {more} more ids")
    table = pd.DataFrame({"reader": ids})
    exec(said.split("`")[1], {"table": table})
    assert table["reader"].nunique() == len(ids) - more
    assert about_look_alikes(table["reader"], "reader") is None


@pytest.mark.parametrize("ids", [[7, 8], ["u7", "U7", "u07"], [" u7", " u8"], [DECOMPOSED, "Jose"]])
def test_other_ids_are_not_named(ids):
    assert about_look_alikes(pd.Series(ids, name="user_id")) is None
