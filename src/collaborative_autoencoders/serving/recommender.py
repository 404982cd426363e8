"""A served model with its data, and how it answers requests.

Dimension key: R rows of a request, B rows of one batch, U users, I items, K places of a list.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import (
    ITEM,
    LIKES,
    RANK,
    REASONS,
    ROW,
    SCORE,
    SOURCE,
    TITLE,
    UNKNOWN_ITEMS,
    USER,
    WEIGHT,
)
from collaborative_autoencoders.evaluation.diversify import diversified, n_candidates
from collaborative_autoencoders.evaluation.known import (
    BY_MODEL,
    BY_POPULARITY,
    Known,
    fitted_model,
)
from collaborative_autoencoders.evaluation.lists import NO_ITEM
from collaborative_autoencoders.evaluation.ranking import rank_batch
from collaborative_autoencoders.evaluation.rows_at_once import rows_at_once
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.interactions.npz import matrix_from_bytes, matrix_to_bytes
from collaborative_autoencoders.interactions.sparse import (
    count_each,
    likes_of,
    ones_in,
    rows_of,
    update,
    user_of_cells,
)
from collaborative_autoencoders.interactions.table_bytes import table_from_bytes, table_to_bytes
from collaborative_autoencoders.metrics.diversity import unit_likes
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.model import Fitted, Model
from collaborative_autoencoders.models.similarity import Similarities, similarities_of, unit_vectors

from . import stored
from .answers import Column, line_up, of_one_type, table_of
from .limits import IN_PROCESS, Limits, passed
from .reasons import reasons_for
from .requests import BadRequest, IdLookup, Request, Taste, Wanted, excluded_items, read_request

MODEL_FILE, USERS_FILE, ITEMS_FILE = "model.safetensors", "users.parquet", "items.parquet"
HISTORY_FILE, SEEN_FILE, HELD_OUT_FILE = "history.npz", "seen.npz", "held_out.npz"

SOURCES = pd.array([BY_POPULARITY, BY_MODEL], dtype="str")
"""What ranks a list, at the index `by_model`."""


class Stopped(Exception):
    """Error for a request whose client has left before its answer was complete."""


def stopping(is_gone: Callable[[], bool]) -> Callable[[], None]:
    """Return what is called before every batch: it raises Stopped as soon as the client is gone."""

    def stop_if_gone() -> None:
        if is_gone():
            reason = "the client has left or was answered that the request took too long"
            raise Stopped(reason)

    return stop_if_gone


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
    """Every rating in train and validation, shape (U, I)."""
    held_out_UI: csr_array
    """Every rating in the test part, shape (U, I), which the model has not learned from."""
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
        held_out_UI: csr_array | None = None,
    ) -> "Recommender":
        """Return the recommender of a model that was fitted on these data.

        None stands for a test part without ratings.
        """
        if held_out_UI is None:
            held_out_UI = nothing_like(known.seen_UI)
        threshold = lookup.like_threshold if lookup.facts["rated"] else None
        likes_I = stored.likes_of_items(known.seen_UI, threshold, lookup.facts)
        items = lookup.items.assign(**{LIKES: likes_I})
        matrices = known.histories_UI, known.seen_UI, held_out_UI
        return cls(fitted, lookup.users, items, *matrices, threshold, lookup.facts)

    def save(self, folder: Path) -> None:
        """Write the recommender into the folder: one file per part."""
        files = {
            MODEL_FILE: partial(model_to_bytes, self.fitted),
            USERS_FILE: partial(table_to_bytes, self.users),
            ITEMS_FILE: partial(table_to_bytes, self.items),
            HISTORY_FILE: partial(matrix_to_bytes, self.history_UI),
            SEEN_FILE: partial(matrix_to_bytes, self.seen_UI),
            HELD_OUT_FILE: partial(matrix_to_bytes, self.held_out_UI),
        }
        stored.write_folder(folder, files, self.like_threshold, self.data)

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """Return the recommender that was saved in this folder.

        Raises ValueError if it was saved in another format, or if a file was changed or does not
        belong to the others.
        """
        about = stored.read_about(folder)
        fitted = stored.read_file(folder, MODEL_FILE, about, model_from_bytes, stored.mapped)
        users, items = (
            stored.read_file(folder, name, about, table_from_bytes)
            for name in (USERS_FILE, ITEMS_FILE)
        )
        history_UI, seen_UI = (
            stored.read_file(folder, name, about, matrix_from_bytes)
            for name in (HISTORY_FILE, SEEN_FILE)
        )
        held_out_UI = nothing_like(seen_UI)
        if HELD_OUT_FILE in about.files:  # versions of earlier releases have none
            held_out_UI = stored.read_file(folder, HELD_OUT_FILE, about, matrix_from_bytes)
        catalogue = fitted_model(fitted).catalogue
        stored.check_tables(users, items, catalogue)
        matrices = history_UI, seen_UI, held_out_UI
        stored.check_matrices(*matrices, items, about, catalogue)
        return cls(fitted, users, items, *matrices, about.like_threshold, about.data)

    @cached_property
    def model(self) -> Model:
        """The fitted model."""
        return fitted_model(self.fitted)

    @cached_property
    def likes_I(self) -> NDArray[np.float32]:
        """The number of likes of each item, which ranks the list of a user without a history."""
        return self.items[LIKES].to_numpy(dtype=np.float32)

    @cached_property
    def unit_likes_IU(self) -> csr_array:
        """The likes of each item as a vector of length 1, made when a list is first diversified."""
        threshold, seen_UI = self.like_threshold, self.seen_UI
        return unit_likes(ones_in(seen_UI) if threshold is None else likes_of(seen_UI, threshold))

    @cached_property
    def ids_I(self) -> ExtensionArray:
        """The raw id of each item."""
        return self.items[ITEM].array

    @cached_property
    def titles_I(self) -> ExtensionArray:
        """The title of each item."""
        return self.items[TITLE].array

    @cached_property
    def unlisted_I(self) -> NDArray[np.bool_]:
        """The items outside the core, of which a model for ratings has learned and no list is."""
        return np.arange(len(self.items)) >= self.data.get("core_items", len(self.items))

    @cached_property
    def learned_I(self) -> NDArray[np.bool_]:
        """The items that are in a history, of which alone a model has learned something."""
        return count_each(self.history_UI.indices, len(self.items)) > 0

    @cached_property
    def similarities(self) -> Similarities | None:
        """How similar items are; None if the model has learned nothing of that."""
        return similarities_of(self.model)

    @cached_property
    def vectors_ID(self) -> NDArray[np.float32] | None:
        """The vector of each item with length 1; None if the model has none."""
        return unit_vectors(self.model)

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

    def answer(
        self,
        table: pd.DataFrame,
        wanted: Wanted,
        limits: Limits = IN_PROCESS,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> pd.DataFrame:
        """Return the `n` best items for each row, as a table; see `columns`."""
        return table_of(self.columns(table, wanted, limits, is_gone))

    def columns(
        self,
        table: pd.DataFrame,
        wanted: Wanted,
        limits: Limits = IN_PROCESS,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> dict[str, Column]:
        """Return the `n` best items for each row: one line per place, best first.

        Columns: row (from 0), user_id, rank (from 1), item_id, title, score, source,
        unknown_items, and with `explain` reasons: a list of item_id, title and weight per line (see
        `reasons.py`), empty in a list by popularity. `source` is `model`, or `popularity` for a
        user, known or not, without a history that the model can read; the score is then the number
        of users who like the item. A list is shorter than `n` if fewer items are available. With
        `diversify` its order is that of `evaluation/diversify.py`, and scores stay the model's.
        With `one_line_per_row` a line is a row, and its rank, item_id, title, score and reasons are
        lists, empty if no item is available.

        Raises BadRequest if a row or parameter is not valid, or if the request or its answer passes
        a limit, and Stopped as soon as the client is gone, which is asked before every batch.
        """
        stop_if_gone = stopping(is_gone)
        in_order = self.model.learns_from == "order"
        request = read_request(table, self.user_ids, self.item_ids, self.taste, limits, in_order)
        excluded_I = excluded_items(wanted, self.item_ids) | self.unlisted_I
        k = max(1, min(wanted.n, int(np.count_nonzero(~excluded_I))))
        wanted = wanted._replace(explain=min(wanted.explain, len(self.items)))
        lines = len(table) * k
        if lines * max(1, wanted.explain) > limits.max_lines:
            what = f"{len(table)} rows of {k} items are up to {lines:,} lines"
            fix = "send fewer rows at once, or a smaller n"
            if wanted.explain:
                what, fix = f"{what} with {wanted.explain:,} reasons", f"{fix} or explain"
            raise BadRequest(passed(what, "max_lines", limits, fix))
        size = rows_at_once(len(self.items))
        blocks = []
        for start in range(0, max(1, len(table)), size):
            stop_if_gone()
            rows = slice(start, start + size)
            blocks.append(self._rank(request, rows, k, wanted, excluded_I, stop_if_gone))
        *lists, reason_RKN, weight_RKN = map(np.concatenate, zip(*blocks, strict=True))
        item_RK, score_RK, by_model_R = lists
        in_list_RK = item_RK >= 0
        row_L, of_places = line_up(in_list_RK, wanted.one_line_per_row)
        item_P = item_RK[in_list_RK]
        columns = {
            ROW: row_L,
            USER: of_one_type(request.user_ids, self.user_ids.kind, row_L),
            RANK: of_places(np.nonzero(in_list_RK)[1] + 1),
            ITEM: of_places(self.ids_I.take(item_P)),
            TITLE: of_places(self.titles_I.take(item_P)),
            SCORE: of_places(score_RK[in_list_RK]),
            SOURCE: SOURCES.take(by_model_R.astype(np.intp)[row_L]),
            UNKNOWN_ITEMS: request.unknown_R[row_L],
        }
        if wanted.explain:
            reasons_P = self._reasons(reason_RKN[in_list_RK], weight_RKN[in_list_RK])
            columns[REASONS] = of_places(reasons_P)
        return columns

    def _rank(
        self,
        request: Request,
        rows: slice,
        k: int,
        wanted: Wanted,
        excluded_I: NDArray[np.bool_],
        stop_if_gone: Callable[[], None],
    ) -> tuple[NDArray[Any], ...]:
        """Return items and scores of these rows, shape (B, K), and which rows the model ranks.

        Then the reasons of each place and their weights, both shape (B, K, `explain`).
        """
        part = request.part(rows)
        users_B, newer_BI = part.users_R, part.history_RI
        history_BI = self._history(part)
        if wanted.exclude_seen:
            seen_BI = update(self.rated_by(users_B), newer_UI=newer_BI)
        else:
            seen_BI = rows_of(newer_BI, np.full_like(users_B, -1))
        if not self.model.reads_histories:
            users_B = np.where(np.diff(newer_BI.indptr) > 0, -1, users_B)
        known = Known(history_BI, seen_BI, self.likes_I)
        length = k
        if wanted.diversify:
            length = min(n_candidates(k), max(k, int(np.count_nonzero(~excluded_I))))
        item_BK, score_BK = rank_batch(self.model, known, users_B, length, excluded_I)
        if wanted.diversify:
            best = item_BK, score_BK, self.unit_likes_IU
            item_BK, score_BK = diversified(*best, k, wanted.diversify, stop_if_gone)
        shape = (len(users_B), k, wanted.explain)
        reason_BKN, weight_BKN = np.full(shape, NO_ITEM, np.int32), np.zeros(shape, np.float32)
        for row in np.flatnonzero(known.by_model_U) if wanted.explain else ():
            # a list that is shorter than k ends in −1, which is the last item here and not shown
            history_1I, user = history_BI[[row]], int(users_B[row])
            reason_BKN[row], weight_BKN[row] = reasons_for(
                self.model, history_1I, user, item_BK[row], wanted.explain, stop_if_gone
            )
        return item_BK, score_BK, known.by_model_U, reason_BKN, weight_BKN

    def rated_by(self, users_B: NDArray[np.int64]) -> csr_array:
        """Return every rating of these users in any part, shape (B, I).

        Their items are not recommended. The row is empty where a user is −1.
        """
        return updated_rows(self.seen_UI, users_B, rows_of(self.held_out_UI, users_B))

    def _history(self, part: Request) -> csr_array:
        """Return what the model reads: the stored histories, updated with the newer ratings."""
        users_B, newer_BI = part.users_R, part.history_RI
        if newer_BI.nnz == 0 or self.model.learns_from == "ratings":
            return updated_rows(self.history_UI, users_B, newer_BI)
        is_like_N = newer_BI.data >= np.float32(self.like_threshold or 0)
        if part.place_RI is None:
            newer_BI = with_values(newer_BI, is_like_N)
        else:
            last_B = last_places(rows_of(self.history_UI, users_B))
            places_N = last_B[user_of_cells(newer_BI)] + part.place_RI.data
            newer_BI = with_values(newer_BI, places_N * is_like_N)
        history_BI = updated_rows(self.history_UI, users_B, newer_BI)
        # removes ratings below the threshold, also of items that were liked before
        history_BI.eliminate_zeros()
        return history_BI

    def _reasons(self, item_LN: NDArray[np.int32], weight_LN: NDArray[np.float32]) -> Column:
        """Return the reasons of each line: item_id, title and weight, the largest first."""
        # lists of Python's own values, which JSON can write
        of_items = (np.asarray(of_I.take(item_LN.ravel())) for of_I in (self.ids_I, self.titles_I))
        every = zip(*(values.tolist() for values in (*of_items, weight_LN.ravel())), strict=True)
        reasons = [dict(zip((ITEM, TITLE, WEIGHT), each, strict=True)) for each in every]
        column = np.empty(len(item_LN), dtype=object)
        for line, n_shown in enumerate((item_LN >= 0).sum(axis=1).tolist()):
            first = line * item_LN.shape[1]
            column[line] = reasons[first : first + n_shown]
        return column


def with_values(matrix_BI: csr_array, values_N: NDArray[Any]) -> csr_array:
    """Return a matrix with other values, as float32, in the stored cells of this one."""
    cells = (matrix_BI.indices.copy(), matrix_BI.indptr.copy())
    return csr_array((values_N.astype(np.float32), *cells), shape=matrix_BI.shape)


def nothing_like(matrix_UI: csr_array) -> csr_array:
    """Return a matrix of this shape without a rating."""
    return rows_of(matrix_UI, np.full(matrix_UI.shape[0], -1))


def last_places(order_BI: csr_array) -> NDArray[np.float32]:
    """Return the last place in the order of each row, shape (B,); 0 in an empty row."""
    last_B = np.zeros(order_BI.shape[0], dtype=np.float32)
    np.maximum.at(last_B, user_of_cells(order_BI), order_BI.data)
    return last_B


def updated_rows(
    stored_UI: csr_array, users_B: NDArray[np.int64], newer_BI: csr_array
) -> csr_array:
    """Return the stored rows of these users, updated with the newer ratings, shape (B, I)."""
    if users_B.max(initial=-1) < 0:  # nothing is stored
        return newer_BI
    return update(rows_of(stored_UI, users_B), newer_UI=newer_BI)
