"""The comparison of the methods that rank new items."""

from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.metrics.table import measure_if_known

from .averages import mean_over_users
from .differences import DIFFERENCE, HIGH, LOW, METRIC, OTHER, USERS, VERDICT, compare_pairs
from .new_items import ITEM_FEATURES, METHOD
from .options import EvaluationOptions

VALUE = "value"


def compare_methods(user_scores: pd.DataFrame, options: EvaluationOptions) -> pd.DataFrame:
    """Return one row per metric and method: its mean over users with the ends of its interval.

    `difference` is the mean of `item_features` less that of the method, with the 95 % interval of
    the paired difference over users and its verdict.
    """
    by_method = {str(name): rows for name, rows in user_scores.groupby(METHOD, sort=False)}
    rows = []
    for measure in filter(None, map(measure_if_known, user_scores.columns)):
        pairs = compare_pairs(by_method, measure, options)
        pairs = pairs[pairs[MODEL] == ITEM_FEATURES].set_index(OTHER)
        for name, scores in by_method.items():
            bounds = measure.metric.bounds
            found = mean_over_users(scores[[measure.name]], bounds, options)
            ends = [found[f"{measure.name}{end}"] for end in ("", "_low", "_high")]
            paired = pairs.reindex([name])[[DIFFERENCE, LOW, HIGH, VERDICT]].iloc[0]
            rows.append((measure.name, name, len(scores), *ends, *paired))
    columns = [METRIC, METHOD, USERS, VALUE, f"{VALUE}_{LOW}", f"{VALUE}_{HIGH}"]
    differences = [DIFFERENCE, f"{DIFFERENCE}_{LOW}", f"{DIFFERENCE}_{HIGH}", VERDICT]
    return pd.DataFrame(rows, columns=columns + differences)


def in_one_line(comparison: pd.DataFrame, facts: dict[str, Any]) -> str:
    """Return the first metric of every method, with the option that was chosen for it."""
    rows = comparison[comparison[METRIC] == comparison[METRIC].iloc[0]]
    figures = [
        f"{name} {value:.4f}" + (f" ({facts['chosen'][name]:g})" if name in facts["chosen"] else "")
        for name, value in zip(rows[METHOD], rows[VALUE], strict=True)
    ]
    return (
        f"{rows[METRIC].iloc[0]} of {facts['held_out_items']:,} new items, "
        f"{rows[USERS].iloc[0]:,} users: {', '.join(figures)}"
    )
