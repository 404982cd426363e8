"""Fabricated checkerboard ratings: even users like even items, odd users odd items, in order."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from collaborative_autoencoders.columns import GENRES, ITEM, RATING, TIMESTAMP, TITLE, USER, YEAR
from collaborative_autoencoders.datasets.file_dataset import refuse_arguments
from collaborative_autoencoders.datasets.previews import TablePreview

_FIRST_SECOND, _LAST_SECOND = 946_684_800, 978_307_200  # the year 2000
_SHARE_RATED = 0.5  # of all cells, if `n_ratings` is None
_SHARE_RATED_LATER = 0.2  # of all cells, in the year after


def fabricate_ratings(
    n_users: int, n_items: int, n_ratings: int | None = None, seed: int = 42
) -> pd.DataFrame:
    """Return ratings with a known pattern, one row per rating, without duplicate pairs.

              item 0  1  2  3          4 or 5 where user and item are both even or both odd,
        user 0     5  1  4  .          1 or 2 elsewhere, each with probability 1/2.
        user 1     2  4  .  5          A dot is not rated. By default half of the cells are rated.

    Low item numbers are popular: the share of item i decreases like 1/sqrt(i). Ids are integers
    from 0, and rows are in random order. Timestamps are Unix seconds within the year 2000, in which
    each user goes from item to next higher item. The same arguments give the same table. Raises
    ValueError if there are fewer cells than `n_ratings`.
    """
    n_ratings = round(_SHARE_RATED * n_users * n_items) if n_ratings is None else n_ratings
    if n_ratings > n_users * n_items:
        raise ValueError(
            f"{n_users} users x {n_items} items cannot hold {n_ratings} ratings; "
            f"n_ratings must be at most {n_users * n_items}."
        )
    random = np.random.default_rng(seed)
    user, item = np.divmod(_distinct_cells(n_users, n_items, n_ratings, random), n_items)
    likes = (user + item) % 2 == 0
    rating = np.where(likes, 4, 1) + random.integers(0, 2, n_ratings)
    return pd.DataFrame(
        {
            USER: user,
            ITEM: item,
            RATING: rating,
            TIMESTAMP: _seconds(user, item, n_users, n_items, random),
        }
    )


def _seconds(
    user_R: np.ndarray, item_R: np.ndarray, n_users: int, n_items: int, random: np.random.Generator
) -> np.ndarray:
    """Return the time of each rating: a user goes through the year from item to next higher item.

    From a first item that is the user's own, and after the last item with item 0. So the next item
    depends on the latest one, not only on which items came before.
    """
    first_U = random.integers(0, n_items, n_users)
    step_R = (item_R - first_U[user_R]) % n_items
    year_R = (step_R + random.random(len(item_R))) / n_items
    return _FIRST_SECOND + (year_R * (_LAST_SECOND - _FIRST_SECOND)).astype(np.int64)


def _distinct_cells(
    n_users: int, n_items: int, n_ratings: int, random: np.random.Generator
) -> np.ndarray:
    """Return distinct numbers user * n_items + item in random order, shape (R,) for R ratings."""
    counts = _ratings_per_user(n_users, n_items, n_ratings, random)
    count_R = np.repeat(counts, counts)
    place_R = np.arange(n_ratings)
    nth_R = place_R - np.repeat(np.cumsum(counts) - counts, counts)
    # (0, 1) is divided into one equal interval per rating of a user, with one draw from each. The
    # square makes low items popular.
    item_R = (n_items * ((nth_R + random.random(n_ratings)) / count_R) ** 2).astype(np.int64)
    # Each draw is moved past the previous one. So cells are distinct without a sort, which would
    # take most of the time at 20 million ratings. As n(m + k) >= m * m for k <= m <= n, none of a
    # user's m ratings is moved past the last of n items.
    cell_R = np.repeat(np.arange(n_users) * n_items, counts) + item_R
    return random.permutation(np.maximum.accumulate(cell_R - place_R) + place_R)


def _ratings_per_user(
    n_users: int, n_items: int, n_ratings: int, random: np.random.Generator
) -> np.ndarray:
    """Return the number of ratings of each user, shape (n_users,).

    It is 0.5 to 1.5 times the mean, or closer to the mean if there are too few items.
    """
    spread = min(0.5, n_users * n_items / n_ratings - 1) if n_ratings else 0.0
    activity = random.permutation(np.linspace(1 - spread, 1 + spread, n_users))
    ends = np.floor(np.cumsum(activity) / activity.sum() * n_ratings + 1e-6).astype(np.int64)
    return np.diff(ends, prepend=0)


class FabricatedDataset(AbstractDataset[None, pd.DataFrame]):
    """A fabricated table of ratings, of ratings of the year after, or of items, with text ids.

    Nothing is stored on disk. Each load with the same `users`, `items` and `seed` gives the same
    table.
    """

    def __init__(
        self,
        *,
        users: int,
        items: int,
        seed: int,
        table: Literal["ratings", "newer_ratings", "items"],
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Create the entry; `credentials` and `fs_args` are not used, as there is no file.

        Raises DatasetError if `table` is none of these, or if `load_args` or `save_args` has a key.
        """
        refuse_arguments(type(self).__name__, load_args=load_args, save_args=save_args)
        if table not in ("ratings", "newer_ratings", "items"):
            known = "ratings, newer_ratings or items"
            raise DatasetError(f"table: unknown value {table!r}; use {known}.")
        self._users = users
        self._items = items
        self._seed = seed
        self._table = table
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Return the table; its `attrs["data_set"]` is "fabricated"."""
        table = self._titles() if self._table == "items" else self._ratings()
        table.attrs = {"data_set": "fabricated", "checksum": None, "checksum_is_official": None}
        return table

    def save(self, data: None) -> None:
        """Raise DatasetError: a fabricated table has no file."""
        raise DatasetError("A fabricated table is generated at each load and cannot be saved.")

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows for kedro-viz."""
        return TablePreview(self.load().head(nrows).to_dict(orient="split"))

    def _ratings(self) -> pd.DataFrame:
        is_newer = self._table == "newer_ratings"
        n_ratings = round(_SHARE_RATED_LATER * self._users * self._items) if is_newer else None
        ratings = fabricate_ratings(self._users, self._items, n_ratings, self._seed)
        ratings[TIMESTAMP] += is_newer * (_LAST_SECOND - _FIRST_SECOND)
        ratings[USER] = _names("user", self._users)[ratings[USER]]
        ratings[ITEM] = _names("film", self._items)[ratings[ITEM]]
        return ratings

    def _titles(self) -> pd.DataFrame:
        names, item_I = _names("film", self._items), np.arange(self._items)
        kinds = [("Even", "Odd")[item % 2] for item in item_I]
        titles = [f"{kind} film {item}" for item, kind in enumerate(kinds)]
        return pd.DataFrame({ITEM: names, TITLE: titles, GENRES: kinds, YEAR: 1960 + item_I})

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {
            "users": self._users,
            "items": self._items,
            "seed": self._seed,
            "table": self._table,
        }


def _names(word: str, count: int) -> np.ndarray:
    """Return `word-00`, `word-01`, ..., padded with zeros so that text sorts as numbers do."""
    digits = len(str(count - 1))
    return np.array([f"{word}-{number:0{digits}d}" for number in range(count)], dtype=object)
