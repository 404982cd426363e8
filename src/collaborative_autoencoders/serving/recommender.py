"""What a served model knows, and how it answers.

Dimension key: R rows of a request, B rows of one batch, U users, I items, K places of a list.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import (
    ITEM,
    LIKES,
    RANK,
    ROW,
    SCORE,
    SOURCE,
    TITLE,
    UNKNOWN_ITEMS,
    USER,
)
from collaborative_autoencoders.interactions.matrices import (
    likes_of,
    matrix_from_bytes,
    matrix_to_bytes,
    with_newer,
)
from collaborative_autoencoders.judging.known import Known
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.model import Fitted, Model
from collaborative_autoencoders.models.popularity import PopularityOptions
from collaborative_autoencoders.models.registry import model_class
from collaborative_autoencoders.recommending.ranking import rank_batch

from .requests import Asked, BadRequest, Ids, Taste, Wanted, left_out, read_request

ROWS_AT_ONCE = 1024
"""So many rows of a request are dense at once."""

MOST_LINES = 5_000_000
"""Of one answer; a larger one would take gigabytes as JSON."""

FORMAT = 1
"""Of the files in the folder; another number is another form, which this code does not read."""

BY_MODEL, BY_POPULARITY = "model", "popularity"


@dataclass(frozen=True)
class Recommender:
    """A model with all it takes to answer for raw ids."""

    fitted: Fitted
    users: pd.DataFrame
    """A row per user, at the user's index: user_id."""
    items: pd.DataFrame
    """A row per item, at the item's index: item_id, title, likes."""
    history_UI: csr_array
    """What the model reads of each user."""
    seen_UI: csr_array
    """Every rating of each user that is known: what is not recommended again."""
    like_threshold: float | None
    """From this rating on an item is liked; None where the data have no ratings."""
    data: dict[str, Any]
    """The facts of the data it was fitted on: name, checksum, sizes, scale."""

    @classmethod
    def of(
        cls,
        fitted: Fitted,
        users: pd.DataFrame,
        titles: pd.DataFrame,
        known: Known,
        like_threshold: float,
        data: dict[str, Any],
    ) -> "Recommender":
        """The recommender of a model that was fitted on these data."""
        threshold = like_threshold if data["rated"] else None
        likes_UI = known.seen_UI if threshold is None else likes_of(known.seen_UI, threshold)
        likes_I = np.bincount(likes_UI.indices, minlength=len(titles))
        items = titles[[ITEM, TITLE]].assign(**{LIKES: likes_I})
        return cls(fitted, users[[USER]], items, *known, threshold, data)

    def save(self, folder: Path) -> None:
        """Write one file a part into the folder."""
        (folder / "model.safetensors").write_bytes(model_to_bytes(self.fitted))
        self.users.to_parquet(folder / "users.parquet", index=False)
        self.items.to_parquet(folder / "items.parquet", index=False)
        (folder / "history.npz").write_bytes(matrix_to_bytes(self.history_UI))
        (folder / "seen.npz").write_bytes(matrix_to_bytes(self.seen_UI))
        about = {"format": FORMAT, "like_threshold": self.like_threshold, "data": self.data}
        (folder / "about.json").write_text(json.dumps(about, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """The recommender that was saved in this folder.

        Raises ValueError where it was saved by code that wrote other files.
        """
        file = folder / "about.json"
        about = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if about.get("format") != FORMAT:
            raise ValueError(
                f"{folder} holds a recommender of another form ({about.get('format')}) than this "
                f"code reads ({FORMAT}): register the model anew, or load it where it alone is "
                "loaded, with the code beside it"
            )
        return cls(
            model_from_bytes((folder / "model.safetensors").read_bytes()),
            pd.read_parquet(folder / "users.parquet"),
            pd.read_parquet(folder / "items.parquet"),
            matrix_from_bytes((folder / "history.npz").read_bytes()),
            matrix_from_bytes((folder / "seen.npz").read_bytes()),
            about["like_threshold"],
            about["data"],
        )

    @cached_property
    def model(self) -> Model:
        """What scores."""
        assert self.fitted.model is not None, "a model that was left out is never registered"
        return self.fitted.model

    @cached_property
    def most_popular(self) -> Model:
        """What answers where nothing is known of a user."""
        options = PopularityOptions(name="popularity")
        popular: Model = model_class("popularity")(options, self.model.catalogue)
        popular.load_state({"likes_I": self.items[LIKES].to_numpy(dtype=np.float32)})
        return popular

    @cached_property
    def user_ids(self) -> Ids:
        """The users that the model has met."""
        return Ids.of(self.users[USER])

    @cached_property
    def item_ids(self) -> Ids:
        """The catalogue."""
        return Ids.of(self.items[ITEM])

    @cached_property
    def taste(self) -> Taste:
        """What the data say of a rating."""
        if self.like_threshold is None:
            return Taste(None, None, None, 1.0)
        liked_N = self.seen_UI.data[self.seen_UI.data >= np.float32(self.like_threshold)]
        mean = float(liked_N.mean(dtype=np.float64)) if len(liked_N) else self.like_threshold
        scale = self.data["lowest_rating"], self.data["highest_rating"]
        return Taste(*scale, self.like_threshold, mean)

    def answer(self, table: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
        """The `n` best items for each row: a line per place, best first, rank from 1.

        Columns row (from 0), user_id, rank, item_id, title, score, source, unknown_items. `source`
        is `model`, or `popularity` where nothing is known of the user that the model could read;
        the score is then how many like the item. A list ends where no item is left.
        Raises BadRequest where a row or what is wanted cannot be read, or the answer is too long.
        """
        asked = read_request(table, self.user_ids, self.item_ids, self.taste)
        left_out_I = left_out(wanted, self.item_ids)
        k = min(wanted.n, len(self.items))
        if len(table) * min(k, int(np.count_nonzero(~left_out_I))) > MOST_LINES:
            raise BadRequest(
                f"{len(table)} rows of {k} items are more than {MOST_LINES:,} lines: "
                "ask for fewer rows at once, or for a smaller n"
            )
        blocks = [
            self._rank(asked, slice(start, start + ROWS_AT_ONCE), k, wanted, left_out_I)
            for start in range(0, max(1, len(table)), ROWS_AT_ONCE)
        ]
        item_RK, score_RK, by_model_R = map(np.concatenate, zip(*blocks, strict=True))
        return self._table(asked, item_RK, score_RK, by_model_R)

    def _rank(
        self,
        asked: Asked,
        rows: slice,
        k: int,
        wanted: Wanted,
        left_out_I: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.bool_]]:
        """Items and scores of some rows, shape (B, K), and which of them the model answers."""
        users_B, told_BI = asked.users_R[rows], asked.told_RI[rows]
        history_BI = self._history(users_B, told_BI)
        nobody_B = np.full_like(users_B, -1)
        seen_BI = rows_of(self.seen_UI, users_B if wanted.exclude_seen else nobody_B)
        if wanted.exclude_seen:
            seen_BI = with_newer(seen_BI, told_BI)
        by_model_B = (users_B >= 0) | (np.diff(history_BI.indptr) > 0)
        if not self.model.reads_histories:
            users_B = np.where(np.diff(told_BI.indptr) > 0, -1, users_B)
        item_BK = np.empty((len(users_B), k), dtype=np.int32)
        score_BK = np.empty((len(users_B), k), dtype=np.float32)
        for scorer, mine_B in ((self.model, by_model_B), (self.most_popular, ~by_model_B)):
            if mine_B.any():
                item_BK[mine_B], score_BK[mine_B] = rank_batch(
                    scorer, history_BI[mine_B], seen_BI[mine_B], users_B[mine_B], k, left_out_I
                )
        return item_BK, score_BK, by_model_B

    def _history(self, users_B: NDArray[np.int64], told_BI: csr_array) -> csr_array:
        """What the model reads: what was known at the fit, and what is told now in its place."""
        if self.model.learns_from == "ratings" or self.like_threshold is None:
            return with_newer(rows_of(self.history_UI, users_B), told_BI)
        liked_BI = told_BI.copy()
        liked_BI.data = (told_BI.data >= np.float32(self.like_threshold)).astype(np.float32)
        history_BI = with_newer(rows_of(self.history_UI, users_B), liked_BI)
        history_BI.eliminate_zeros()  # what is no longer liked, or never was
        return history_BI

    def _table(
        self,
        asked: Asked,
        item_RK: NDArray[np.int32],
        score_RK: NDArray[np.float32],
        by_model_R: NDArray[np.bool_],
    ) -> pd.DataFrame:
        in_list_RK = item_RK >= 0
        row_L, place_L = np.nonzero(in_list_RK)
        item_L = item_RK[in_list_RK]
        return pd.DataFrame(
            {
                ROW: row_L,
                USER: of_one_type(asked.user_ids).take(row_L).reset_index(drop=True),
                RANK: place_L + 1,
                ITEM: self.items[ITEM].to_numpy()[item_L],
                TITLE: self.items[TITLE].to_numpy()[item_L],
                SCORE: score_RK[in_list_RK],
                SOURCE: np.where(by_model_R, BY_MODEL, BY_POPULARITY)[row_L],
                UNKNOWN_ITEMS: asked.unknown_R[row_L],
            }
        )


def rows_of(matrix_UI: csr_array, users_B: NDArray[np.int64]) -> csr_array:
    """These users' rows, and an empty row for a user of −1."""
    count_B = np.where(users_B >= 0, np.diff(matrix_UI.indptr)[users_B], 0)
    known_UI = matrix_UI[users_B[users_B >= 0]]
    indptr_B = np.concatenate([[0], np.cumsum(count_B)])
    shape = (len(users_B), matrix_UI.shape[1])
    return csr_array((known_UI.data, known_UI.indices, indptr_B), shape=shape)


def of_one_type(ids: list[Any]) -> pd.Series:
    """The ids as they came in: a null among them makes no float and no NaN of any."""
    column = pd.Series(ids, dtype=object)
    return column if column.isna().any() else column.infer_objects()
