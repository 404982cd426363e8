"""The doors of data engineering: catalog in, catalog out; the work is done in `interactions`."""

import logging
from typing import Any

import pandas as pd
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import cleaning, core, facts, ids, splitting, titles

logger = logging.getLogger(__name__)


def clean_ratings(ratings: pd.DataFrame, options: cleaning.CleaningOptions) -> dict[str, Any]:
    """`clean_ratings`: our columns and types, no pair twice; `data_source`: where they are from."""
    clean = cleaning.clean_ratings(ratings, options)
    return {"clean_ratings": clean, "data_source": facts.source_of(ratings, clean)._asdict()}


def keep_core(clean_ratings: pd.DataFrame, options: core.CoreOptions) -> dict[str, Any]:
    """`core_ratings`: the rows among users and items with k likes; `core_report`: sizes."""
    core_ratings, report = core.keep_core(clean_ratings, options)
    logger.info("%s", report)
    return {"core_ratings": core_ratings, "core_report": report.as_dict()}


def index_ids(core_ratings: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """`user_ids` and `item_ids`: the raw ids sorted, their position is the index."""
    users, items = ids.index_ids(core_ratings)
    return {"user_ids": users, "item_ids": items}


def name_items(
    items: pd.DataFrame, item_ids: pd.DataFrame, options: titles.TitleOptions
) -> pd.DataFrame:
    """Each item of the catalogue with its title, at its index."""
    return titles.name_items(items, item_ids, options)


def describe_data(
    core_ratings: pd.DataFrame,
    data_source: dict[str, Any],
    core_options: core.CoreOptions,
    cleaning_options: cleaning.CleaningOptions,
    k: list[int],
) -> dict[str, Any]:
    """The facts of the data that models learn from and are judged on, as one flat dict.

    Raises ValueError if a list of k items is longer than the catalogue.
    """
    data = facts.describe(core_ratings, core_options.like_threshold, cleaning_options.rating_scale)
    facts.check_list_lengths(k, data.items)
    return {**data_source, **data._asdict()}


def split_ratings(
    core_ratings: pd.DataFrame,
    user_ids: pd.DataFrame,
    item_ids: pd.DataFrame,
    split_options: splitting.SplitOptions,
    core_options: core.CoreOptions,
) -> dict[str, csr_array]:
    """Train, validation and test, each as ratings and as likes: CSR, users x items, float32."""
    split = splitting.split_interactions(
        core_ratings, ids.Ids(user_ids, item_ids), split_options, core_options.like_threshold
    )
    if not split.test.ratings.nnz:
        logger.warning("split: no rating is held out for test, so nothing will be judged")
    return {
        f"{part}_{view}": matrix
        for part, both_views in split._asdict().items()
        for view, matrix in both_views._asdict().items()
    }
