"""Similar items: for each item of a request, those that the model has learned to be most like it.

Dimension key: R rows of a request, B rows of one batch, I items, K places of a list, L lines.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collaborative_autoencoders.columns import (
    ITEM,
    RANK,
    ROW,
    SIMILAR_ITEM,
    SIMILAR_TITLE,
    SIMILARITY,
    TITLE,
)
from collaborative_autoencoders.evaluation.best import take_best
from collaborative_autoencoders.evaluation.rows_at_once import rows_at_once
from collaborative_autoencoders.models.registry import MODELS
from collaborative_autoencoders.models.similarity import Similarities

from .answers import Column, line_up
from .limits import IN_PROCESS, Limits, passed
from .recommender import Recommender, stopping
from .requests import (
    SIMILAR_ITEMS,
    BadRequest,
    IdLookup,
    Wanted,
    checked_id,
    elements,
    excluded_items,
    is_null,
    too_many_rows,
)


def similar_columns(
    recommender: Recommender,
    table: pd.DataFrame,
    wanted: Wanted,
    limits: Limits = IN_PROCESS,
    is_gone: Callable[[], bool] = lambda: False,
) -> dict[str, Column]:
    """Return the `n` most similar items for each row: one line per place, the most similar first.

    Columns: row (from 0), item_id, title, rank (from 1), similar_item_id, similar_title,
    similarity, which is above 0. A list is shorter than `n` if fewer items are similar. With
    `one_line_per_row` a line is a row, and its rank, similar_item_id, similar_title and similarity
    are lists.

    Raises BadRequest if the model knows no similar items, if a row or param is not valid, or if the
    request or its answer passes a limit, and Stopped as soon as the client is gone.
    """
    similarities = similarities_of(recommender)
    item_R = read_items(table, recommender.item_ids, limits)
    for name in ("explain", "diversify"):
        if getattr(wanted, name):
            raise BadRequest(f"{name} is of lists: leave it out with task {SIMILAR_ITEMS}")
    excluded_I = excluded_items(wanted, recommender.item_ids) | recommender.unlisted_I
    excluded_I |= ~recommender.learned_I
    k = max(1, min(wanted.n, int(np.count_nonzero(~excluded_I))))
    if len(item_R) * k > limits.max_lines:
        what = f"{len(item_R)} rows of {k} items are up to {len(item_R) * k:,} lines"
        fix = "send fewer rows at once, or a smaller n"
        raise BadRequest(passed(what, "max_lines", limits, fix))
    before_batch, size, blocks = stopping(is_gone), rows_at_once(len(recommender.items)), []
    for start in range(0, max(1, len(item_R)), size):
        before_batch()
        item_B = item_R[start : start + size]
        # nothing is similar to an item of which nothing was learned
        has_list_B = recommender.learned_I[item_B]
        blocks.append(most_similar(similarities, item_B, k, excluded_I, has_list_B))
    similar_RK, similarity_RK = map(np.concatenate, zip(*blocks, strict=True))
    return columns_of(recommender, item_R, similar_RK, similarity_RK, wanted.one_line_per_row)


def most_similar(
    similarities: Similarities,
    item_B: NDArray[np.int64],
    k: int,
    excluded_I: NDArray[np.bool_],
    has_list_B: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the `k` items with the largest similarity above 0, best first, both shape (B, K).

    The item itself is left out, and so are items that are excluded. A list with fewer items is
    padded with item −1. Ties go to the lower item.
    """

    def hide(similarity_CI: NDArray[np.float32], first: int) -> None:
        rows = slice(first, first + len(similarity_CI))
        similarity_CI[np.arange(len(similarity_CI)), item_B[rows]] = -np.inf
        similarity_CI[:, np.flatnonzero(excluded_I)] = -np.inf
        similarity_CI[~has_list_B[rows]] = -np.inf
        similarity_CI[similarity_CI <= 0] = -np.inf

    return take_best(similarities(item_B), k, hide)


def columns_of(
    recommender: Recommender,
    item_R: NDArray[np.int64],
    similar_RK: NDArray[np.int32],
    similarity_RK: NDArray[np.float32],
    one_line_per_row: bool,
) -> dict[str, Column]:
    """Return the lines of an answer, by column."""
    in_list_RK = similar_RK >= 0
    row_L, of_places = line_up(in_list_RK, one_line_per_row)
    item_L, similar_P = item_R[row_L], similar_RK[in_list_RK]
    return {
        ROW: row_L,
        ITEM: recommender.ids_I.take(item_L),
        TITLE: recommender.titles_I.take(item_L),
        RANK: of_places(np.nonzero(in_list_RK)[1] + 1),
        SIMILAR_ITEM: of_places(recommender.ids_I.take(similar_P)),
        SIMILAR_TITLE: of_places(recommender.titles_I.take(similar_P)),
        SIMILARITY: of_places(similarity_RK[in_list_RK]),
    }


def read_items(table: pd.DataFrame, items: IdLookup, limits: Limits) -> NDArray[np.int64]:
    """Return the index of the item of each row, shape (R,).

    Raises BadRequest, with the row, if an item is null, of another type or not in the catalogue, if
    there is another column, and if there are too many rows.
    """
    if [*table.columns] != [ITEM]:
        found = ", ".join(map(str, table.columns)) or "none"
        raise BadRequest(f"task {SIMILAR_ITEMS} takes one column, {ITEM}; found: {found}")
    if len(table) > limits.max_rows:
        raise BadRequest(too_many_rows(len(table), limits))
    ids = []
    for row, raw in enumerate(elements(table[ITEM])):
        if is_null(raw):
            raise BadRequest(f"row {row}: {ITEM} is null: send the id of an item")
        ids.append(checked_id(raw, items.kind, ITEM, f"row {row}: "))
    item_R = items.indices(ids)
    if (item_R < 0).any():
        row = int(np.argmax(item_R < 0))
        raise BadRequest(f"row {row}: {ITEM} {ids[row]!r} is not in the catalogue: leave it out")
    return item_R


def similarities_of(recommender: Recommender) -> Similarities:
    """Return the similarities of the model. Raises BadRequest if it has learned none."""
    if recommender.similarities is None:
        what = "weights between items and no item vectors"
        raise BadRequest(refusal(recommender.fitted.name, what))
    return recommender.similarities


def item_vectors_of(recommender: Recommender) -> NDArray[np.float32]:
    """Return the unit vectors of all items, shape (I, D). Raises BadRequest without vectors."""
    if recommender.vectors_ID is None:
        raise BadRequest(refusal(recommender.fitted.name, "item vectors"))
    return recommender.vectors_ID


def refusal(name: str, what: str) -> str:
    """Return the message for a model that has not learned what is asked for, with one that has."""
    members = MODELS[name].members if name in MODELS else ()
    adds = f"adds the scores of {' and '.join(members)}, and " if members else ""
    other = members[0] if members else "cdae"
    return (
        f"{name} {adds}has no {what}: ask another model, such as {other} "
        f"(inference.model={other}, or kedro serve {other})"
    )
