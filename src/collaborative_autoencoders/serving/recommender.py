"""A served model with its data, and how it answers requests.

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
from collaborative_autoencoders.evaluation.known import Known, fitted_model
from collaborative_autoencoders.evaluation.ranking import rank_batch
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.interactions.sparse import (
    likes_of,
    matrix_from_bytes,
    matrix_to_bytes,
    rows_of,
    update,
)
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.model import Fitted, Model
from collaborative_autoencoders.models.popularity import PopularityOptions
from collaborative_autoencoders.models.registry import model_class

from .requests import BadRequest, IdLookup, Request, Taste, Wanted, excluded_items, read_request

ROWS_AT_ONCE = 1024
"""Rows of a request that are scored at once, as dense arrays."""

MOST_LINES = 5_000_000
"""Maximum number of lines of an answer. More would take gigabytes as JSON."""

FORMAT = 2
"""Version of the file format. Files of another version are not read."""

BY_MODEL, BY_POPULARITY = "model", "popularity"


@dataclass(frozen=True)
class Recommender:
    """A fitted model with the data it needs to answer requests in raw ids."""

    fitted: Fitted
    users: pd.DataFrame
    """One row per user, at the user's index: user_id."""
    items: pd.DataFrame
    """One row per item, at the item's index: item_id, title, likes."""
    history_UI: csr_array
    """The history of each user that the model reads, shape (U, I)."""
    seen_UI: csr_array
    """Every known rating of each user, shape (U, I). These items are not recommended again."""
    like_threshold: float | None
    """Minimum rating of a like; None if the data have no ratings."""
    data: dict[str, Any]
    """Facts about the data it was fitted on: name, checksum, sizes, scale."""

    @classmethod
    def of(
        cls,
        fitted: Fitted,
        lookup: Lookup,
        known: Known,
    ) -> "Recommender":
        """Return the recommender of a model that was fitted on these data."""
        threshold = lookup.like_threshold if lookup.facts["rated"] else None
        likes_UI = known.seen_UI if threshold is None else likes_of(known.seen_UI, threshold)
        likes_I = np.bincount(likes_UI.indices, minlength=len(lookup.items))
        items = lookup.items.assign(**{LIKES: likes_I})
        return cls(fitted, lookup.users, items, *known, threshold, lookup.facts)

    def save(self, folder: Path) -> None:
        """Write the recommender into the folder: one file per part."""
        (folder / "model.safetensors").write_bytes(model_to_bytes(self.fitted))
        self.users.to_parquet(folder / "users.parquet", index=False)
        self.items.to_parquet(folder / "items.parquet", index=False)
        (folder / "history.npz").write_bytes(matrix_to_bytes(self.history_UI))
        (folder / "seen.npz").write_bytes(matrix_to_bytes(self.seen_UI))
        about = {"format": FORMAT, "like_threshold": self.like_threshold, "data": self.data}
        (folder / "about.json").write_text(json.dumps(about, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """Return the recommender that was saved in this folder.

        Raises ValueError if it was saved in another format.
        """
        file = folder / "about.json"
        about = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if about.get("format") != FORMAT:
            raise ValueError(
                f"it was registered in format {about.get('format')}, and this code reads format "
                f"{FORMAT}: register the model again, and make the new version champion with "
                "`kedro run --pipelines promotion --params promotion.roll_back.<model>=<version>`"
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
        """The fitted model."""
        return fitted_model(self.fitted)

    @cached_property
    def most_popular(self) -> Model:
        """The popularity model, used if nothing is known about a user."""
        popular: Model = model_class("popularity")(PopularityOptions(), self.model.catalogue)
        popular.load_state({"likes_I": self.items[LIKES].to_numpy(dtype=np.float32)})
        return popular

    @cached_property
    def user_ids(self) -> IdLookup:
        """The users that the model was fitted on."""
        return IdLookup.of(self.users[USER])

    @cached_property
    def item_ids(self) -> IdLookup:
        """The items of the catalogue."""
        return IdLookup.of(self.items[ITEM])

    @cached_property
    def taste(self) -> Taste:
        """The rating scale of the data and the rating of a like."""
        if self.like_threshold is None:
            return Taste(None, None, None, 1.0)
        liked_N = self.seen_UI.data[self.seen_UI.data >= np.float32(self.like_threshold)]
        mean = float(liked_N.mean(dtype=np.float64)) if len(liked_N) else self.like_threshold
        scale = self.data["lowest_rating"], self.data["highest_rating"]
        return Taste(*scale, self.like_threshold, mean)

    def answer(self, table: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
        """Return the `n` best items for each row: one line per place, best first.

        Columns: row (from 0), user_id, rank (from 1), item_id, title, score, source,
        unknown_items. `source` is `model`, or `popularity` for an unknown user without a history
        that the model can read; the score is then the number of users who like the item. A list is
        shorter than `n` if fewer items are available.

        Raises BadRequest if a row or parameter is not valid, or if the answer is too long.
        """
        request = read_request(table, self.user_ids, self.item_ids, self.taste)
        excluded_I = excluded_items(wanted, self.item_ids)
        k = min(wanted.n, len(self.items))
        if len(table) * min(k, int(np.count_nonzero(~excluded_I))) > MOST_LINES:
            raise BadRequest(
                f"{len(table)} rows of {k} items are more than {MOST_LINES:,} lines: "
                "send fewer rows at once, or a smaller n"
            )
        blocks = [
            self._rank(request, slice(start, start + ROWS_AT_ONCE), k, wanted, excluded_I)
            for start in range(0, max(1, len(table)), ROWS_AT_ONCE)
        ]
        item_RK, score_RK, by_model_R = map(np.concatenate, zip(*blocks, strict=True))
        return self._table(request, item_RK, score_RK, by_model_R)

    def _rank(
        self,
        request: Request,
        rows: slice,
        k: int,
        wanted: Wanted,
        excluded_I: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.bool_]]:
        """Return items and scores of these rows, shape (B, K), and which rows the model ranks."""
        users_B, newer_BI = request.users_R[rows], request.history_RI[rows]
        history_BI = self._history(users_B, newer_BI)
        unknown_B = np.full_like(users_B, -1)
        seen_BI = rows_of(self.seen_UI, users_B if wanted.exclude_seen else unknown_B)
        if wanted.exclude_seen:
            seen_BI = update(seen_BI, newer_UI=newer_BI)
        by_model_B = (users_B >= 0) | (np.diff(history_BI.indptr) > 0)
        if not self.model.reads_histories:
            users_B = np.where(np.diff(newer_BI.indptr) > 0, -1, users_B)
        item_BK = np.empty((len(users_B), k), dtype=np.int32)
        score_BK = np.empty((len(users_B), k), dtype=np.float32)
        for scorer, ranked_B in ((self.model, by_model_B), (self.most_popular, ~by_model_B)):
            if ranked_B.any():
                item_BK[ranked_B], score_BK[ranked_B] = rank_batch(
                    scorer,
                    Known(history_BI[ranked_B], seen_BI[ranked_B]),
                    users_B[ranked_B],
                    k,
                    excluded_I,
                )
        return item_BK, score_BK, by_model_B

    def _history(self, users_B: NDArray[np.int64], newer_BI: csr_array) -> csr_array:
        """Return what the model reads: the stored histories, updated with the newer ratings."""
        stored_BI = rows_of(self.history_UI, users_B)
        if self.model.learns_from == "ratings" or self.like_threshold is None:
            return update(stored_BI, newer_UI=newer_BI)
        is_like_BI = newer_BI.copy()
        is_like_BI.data = (newer_BI.data >= np.float32(self.like_threshold)).astype(np.float32)
        history_BI = update(stored_BI, newer_UI=is_like_BI)
        # removes ratings below the threshold, also of items that were liked before
        history_BI.eliminate_zeros()
        return history_BI

    def _table(
        self,
        request: Request,
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
                USER: of_one_type(request.user_ids).take(row_L).reset_index(drop=True),
                RANK: place_L + 1,
                ITEM: self.items[ITEM].to_numpy()[item_L],
                TITLE: self.items[TITLE].to_numpy()[item_L],
                SCORE: score_RK[in_list_RK],
                SOURCE: np.where(by_model_R, BY_MODEL, BY_POPULARITY)[row_L],
                UNKNOWN_ITEMS: request.unknown_R[row_L],
            }
        )


def of_one_type(ids: list[Any]) -> pd.Series:
    """Return the ids as a column. Beside a null, integers stay integers."""
    column = pd.Series(ids, dtype=object)
    return column if column.isna().any() else column.infer_objects()
