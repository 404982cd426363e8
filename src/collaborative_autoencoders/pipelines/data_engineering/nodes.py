"""Nodes of data engineering. The work is done in `interactions`."""

import logging
from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

from collaborative_autoencoders.columns import ITEM, RATING, USER
from collaborative_autoencoders.interactions import cleaning as clean
from collaborative_autoencoders.interactions import (
    core,
    digit_dates,
    duplicates,
    facts,
    ids,
    joining,
    look_alikes,
    lookup,
    own_split,
    split_advice,
    split_report,
    splitting,
    titles,
)
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.interactions.rows import NAMES, PARTS

from .engine import Table, rules_for

logger = logging.getLogger(__name__)

AS_IT_IS = {"markup": False}
"""For texts with ids or columns in brackets, which the terminal would take for styles."""


def clean_ratings(ratings: Table, options: clean.CleaningOptions) -> dict[str, Any]:
    """Rename columns, convert their types and remove duplicates; describe the source."""
    rules = rules_for(ratings)
    cleaned = rules.clean_ratings(ratings, options)
    if isinstance(ratings, pd.DataFrame):  # on a cluster, counting rows would be jobs of their own
        repeats = duplicates.about_repeats(len(ratings), len(cleaned), options.duplicates)
        if repeats:
            logger.info("%s", repeats)
        for remark in _remarks(ratings, cleaned, options):
            logger.warning("%s", remark, extra=AS_IT_IS)
        _warn_of_look_alikes(cleaned, cleaned, options.columns.named)
    return {"clean_ratings": cleaned, "data_source": rules.source_of(ratings, cleaned)._asdict()}


def _remarks(
    ratings: pd.DataFrame, cleaned: pd.DataFrame, options: clean.CleaningOptions
) -> list[str]:
    """Return what a reader has to know of a table that is valid."""
    has_parts = options.columns.part is not None
    parts = None if has_parts else own_split.about_parts(ratings.attrs.get(PARTS, ()))
    attrs = ratings.attrs | {NAMES: options.columns.named}
    return [remark for remark in (parts, digit_dates.about_order(cleaned, attrs)) if remark]


def _warn_of_look_alikes(
    users: pd.DataFrame, items: pd.DataFrame, raw_names: Mapping[str, object]
) -> None:
    for column in (users[USER], items[ITEM]):
        if alike := look_alikes.about_look_alikes(column, raw_names.get(str(column.name))):
            logger.warning("%s", alike, extra=AS_IT_IS)


def join_ratings(
    ratings: pd.DataFrame,
    newer_ratings: pd.DataFrame,
    options: clean.CleaningOptions,
    test_fraction: float,
    validation_fraction: float,
    validation_of: Literal["rest", "all"],
) -> dict[str, Any]:
    """Join newer ratings to the others, in the form of `clean_ratings`, and hold out the newest.

    The fractions are of the newer ratings whose pair of user and item has no older one.
    """
    split = joining.split_by_date(
        test_fraction=test_fraction,
        validation_fraction=validation_fraction,
        validation_of=validation_of,
    )
    joined = joining.join_ratings(ratings, newer_ratings, options, split)
    facts_of_source = joined.source._asdict() | joined.update._asdict()
    logger.info("%s", joining.about_update(facts_of_source))
    _warn_of_look_alikes(joined.ratings, joined.ratings, options.columns.named)
    if joined.older_after_test:
        logger.warning(
            "%s rows of `ratings` are from %s on too, where newer ratings are test: models learn "
            "from what came after. Move them to `newer_ratings`",
            *(f"{joined.older_after_test:,}", joined.update.newer_test_from),
        )
    if joined.again_after_test:
        logger.warning(
            "%s newer rows from %s on, where newer ratings are test, are of a pair that `ratings` "
            "has too. They are train, so new fits know of them and champions do not. Give "
            "`newer_ratings` without these rows to compare both on the same knowledge",
            *(f"{joined.again_after_test:,}", joined.update.newer_test_from),
        )
    return {"clean_ratings": joined.ratings, "data_source": facts_of_source}


def keep_core(clean_ratings: Table, options: core.CoreOptions) -> dict[str, Any]:
    """Keep users and items with at least k likes; report the sizes before and after.

    The other ratings are kept apart, for models of ratings.
    """
    rules = rules_for(clean_ratings)
    core_ratings, other_ratings, report = rules.keep_core(clean_ratings, options)
    logger.info("%s", report)
    if zeros := rules.about_zeros(clean_ratings, options):
        logger.warning("%s", zeros)
    elif counts := rules.about_counts(clean_ratings, options):
        logger.warning("%s", counts)
    elif RATING in clean_ratings.columns and (likes := core.about_likes(report.before, options)):
        logger.warning("%s", likes)
    return {
        "core_ratings": core_ratings,
        "other_ratings": other_ratings,
        "core_report": report.as_dict(),
    }


def index_ids(core_ratings: Table, other_ratings: Table) -> dict[str, pd.DataFrame]:
    """Sort the raw ids of users and items, those of the core first. Their position is the index."""
    found = rules_for(core_ratings).index_ids(core_ratings, other_ratings)
    if not isinstance(core_ratings, pd.DataFrame):  # on a cluster, distinct ids are known only here
        _warn_of_look_alikes(found.users, found.items, {})
    return {"user_ids": found.users, "item_ids": found.items}


def name_items(
    items: pd.DataFrame, item_ids: pd.DataFrame, options: titles.TitleOptions
) -> pd.DataFrame:
    """Add a title to each item of the catalogue, at its index."""
    return titles.name_items(items, item_ids, options)


def describe_data(
    core_ratings: Table,
    other_ratings: Table,
    core_report: dict[str, Any],
    data_source: dict[str, Any],
    core_options: core.CoreOptions,
    cleaning_options: clean.CleaningOptions,
    k: list[int],
) -> dict[str, Any]:
    """Describe the data that models are fitted and evaluated on, as one flat dict.

    Raises ValueError if a list of k items is longer than the catalogue.
    """
    data = rules_for(core_ratings).describe(
        core_ratings,
        core_options.like_threshold,
        cleaning_options.rating_scale,
        core_report["before"]["ratings"],
        other_ratings,
    )
    facts.check_list_lengths(k, data.core_items)
    return {**data_source, **data._asdict()}


def make_lookup(
    user_ids: pd.DataFrame,
    item_titles: pd.DataFrame,
    data_facts: dict[str, Any],
    core_options: core.CoreOptions,
) -> Lookup:
    """Put raw ids, titles and facts into one value, which says what the indices stand for."""
    return lookup.make_lookup(user_ids, item_titles, data_facts, core_options.like_threshold)


def split_ratings(
    core_ratings: Table,
    other_ratings: Table,
    user_ids: pd.DataFrame,
    item_ids: pd.DataFrame,
    split_options: splitting.SplitOptions,
    core_options: core.CoreOptions,
) -> dict[str, Any]:
    """Split the ratings into train, validation and test, each users × items, and report it."""
    rules = rules_for(core_ratings)
    split = rules.split_interactions(
        core_ratings,
        ids.Ids(user_ids, item_ids),
        split_options,
        core_options.like_threshold,
        rules.sizes_of(core_ratings),
        other_ratings,
    )
    report = split_report.report_split(split, split_options)
    logger.info("%s", report)
    no_test = split_advice.about_no_test(split, split_options)
    untested = split_advice.about_untested(report, split_options)
    for line in filter(None, (no_test, report.about_new, untested, report.about_ties)):
        logger.warning("%s", line)
    return {**split._asdict(), "split_report": report._asdict()}


def split_joined(
    core_ratings: pd.DataFrame,
    other_ratings: pd.DataFrame,
    user_ids: pd.DataFrame,
    item_ids: pd.DataFrame,
    ties: Literal["table", "hash"],
    seed: int,
    core_options: core.CoreOptions,
) -> dict[str, Any]:
    """Split joined ratings by the parts that `join_ratings` has given them, and report it."""
    options = joining.split_by_part(ties=ties, seed=seed)
    return split_ratings(core_ratings, other_ratings, user_ids, item_ids, options, core_options)
