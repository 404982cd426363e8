"""The lists of a run, whether two answers have the same lists, and whether one is well formed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TOLERANCE = 1e-5
IN_PLACE = ["row", "user_id", "rank", "source", "unknown_items"]


def evaluated_lists(project: Path, model: str) -> dict[str, list[str]]:
    """The raw ids of the items of each user's list that the run evaluated, by raw user id.

    Without the hits and all else that the user has rated in the test part, which is not served.
    """
    primary, lists = project / "data/03_primary/test", project / "data/07_model_output/test"
    user_ids = pd.read_parquet(primary / "user_ids.parquet")["user_id"]
    item_ids = pd.read_parquet(primary / "item_titles.parquet")["item_id"]
    ranked = pd.read_parquet(lists / model / "ranked_items.parquet")
    rated = pd.read_parquet(primary / "core_ratings.parquet").groupby("user_id")["item_id"]
    rated_by = rated.agg(set)
    by_user = ranked.sort_values(["user_index", "rank"]).groupby("user_index")["item_index"]
    return {
        user: [item for item in item_ids[items] if item not in rated_by[user]]
        for user, items in ((user_ids[index], items) for index, items in by_user)
    }


def first_of_lists(answer: pd.DataFrame, lists: dict[str, list[str]]) -> dict[str, list[str]]:
    """The first items of each user's list in an answer: as many as `lists` has of the user."""
    by_user = answer.groupby("user_id")["item_id"].agg(list)
    return {user: by_user[user][: len(items)] for user, items in lists.items()}


def assert_same_lists(answer: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Assert equal lines, with scores within 1e-5; items may swap places within that tolerance.

    An item that is not in the expected list may replace the last ones if its score equals theirs.
    """
    answer, expected = answer.reset_index(drop=True), expected.reset_index(drop=True)
    pd.testing.assert_frame_equal(answer[IN_PLACE], expected[IN_PLACE], check_dtype=False)
    np.testing.assert_allclose(answer["score"], expected["score"], rtol=0, atol=TOLERANCE)
    moved = answer["item_id"] != expected["item_id"]
    assert answer.loc[~moved, "title"].tolist() == expected.loc[~moved, "title"].tolist()
    last = expected.groupby("row")["score"].min()
    own = expected.set_index(["row", "item_id"])["score"]
    for line in answer[moved].itertuples():
        theirs = own.get((line.row, line.item_id), last[line.row])
        assert abs(theirs - line.score) <= TOLERANCE, f"{line} had {theirs}"


def by_place(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of an answer with `one_line_per_row` as those of one without."""
    return [
        {name: cell[place] if isinstance(cell, list) else cell for name, cell in line.items()}
        for line in lines
        for place in range(len(line["rank"]))
    ]


def assert_well_formed(lines: list[dict[str, Any]], by_score: bool = True) -> None:
    """Assert that rows are in order, each with ranks from 1, no duplicate item, best first."""
    rows = [line["row"] for line in lines]
    assert rows == sorted(rows)
    for row in set(rows):
        own = [line for line in lines if line["row"] == row]
        assert [line["rank"] for line in own] == list(range(1, len(own) + 1))
        assert len({line["item_id"] for line in own}) == len(own)
        scores = [line["score"] for line in own]
        assert not by_score or scores == sorted(scores, reverse=True)
