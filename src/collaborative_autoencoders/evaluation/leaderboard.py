"""The leaderboard: one row per model, the best first."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.metrics.table import Measure, at, measure, measure_if_known
from collaborative_autoencoders.models.registry import MODELS

from .averages import HELD_OUT, SAMPLED
from .differences import DIFFERENCE, HIGH, LOW, METRIC, NO_DIFFERENCE, OTHER, VERDICT

LEFT_OUT = "left_out"
COMPARED = "compared_with_above"

SAYS_LITTLE = 0.95
"""Recall of every model from which it says little about one."""


def make_leaderboard(
    figures: Mapping[str, Mapping[str, float]],
    left_out: Mapping[str, str | None],
    primary_metric: str,
) -> pd.DataFrame:
    """Return one row per model and one column per figure, sorted by `primary_metric`.

    The best model is first. Models without the metric are last. Models with equal values keep
    their order in `figures`. A figure that a model does not have is NaN. The column `left_out` is
    the reason why a model was left out.
    """
    names = dict.fromkeys([primary_metric, *(name for row in figures.values() for name in row)])
    rows = [{MODEL: model, **row, LEFT_OUT: left_out.get(model)} for model, row in figures.items()]
    board = pd.DataFrame(rows, columns=[MODEL, *names, LEFT_OUT])
    return sort_by(board.astype(dict.fromkeys(names, np.float64)), primary_metric)


def about_sample(leaderboard: pd.DataFrame) -> str:
    """Return a sentence on the sample of users that was evaluated; empty if all users were."""
    drawn = leaderboard.reindex(columns=[SAMPLED, HELD_OUT]).dropna()
    if drawn.empty:
        return ""
    size, users = (int(value) for value in drawn.iloc[0])
    return (
        f"All figures are of a sample of {size:,} of the {users:,} users with held-out ratings "
        "(evaluation.test_users)."
    )


def about_long_lists(leaderboard: pd.DataFrame, k: int) -> str:
    """Return a sentence if lists are so long that every model finds nearly all; else nothing."""
    recall = at("recall", k)
    fitted = leaderboard[leaderboard[LEFT_OUT].isna()]
    found = fitted.reindex(columns=[recall]).min().item()
    if not found >= SAYS_LITTLE or k == 1:
        return ""
    measures = filter(None, map(measure_if_known, leaderboard.columns))
    lengths = sorted(each.k for each in measures if each.k and each.metric.name == "recall")
    shorter = (
        ""
        if lengths[0] < k
        else f" Evaluate shorter lists as well: `evaluation: {{k: {[max(k // 5, 1), *lengths]}}}`."
    )
    return (
        f"Every model has a {recall} of {SAYS_LITTLE} or more: lists of {k} are long for a "
        "catalogue of this size, so recall, hit and coverage say little about a model."
        f"{shorter}"
    )


def in_digits(value: float, each: Measure, beside: float | None = None) -> str:
    """Return a figure with three decimals, or three digits where ratings are of another size.

    0.874, 1.23e-06, 4.56e+06. `beside` is a figure of the same size.
    """
    size = abs(value if beside is None else beside)
    is_usual = each.k is not None or size == 0 or 0.01 <= size < 10_000
    return f"{value:.3f}" if is_usual else f"{value:.2e}"


def sort_by(leaderboard: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the rows sorted by a metric, the best first and those without a value last."""
    return leaderboard.sort_values(
        metric,
        ascending=not measure(metric).metric.higher_is_better,
        na_position="last",
        kind="stable",
        ignore_index=True,
    )


def best_models(leaderboard: pd.DataFrame, measures: Iterable[Measure]) -> list[str]:
    """Return the first model of the leaderboard by each of these metrics, each model once.

    A metric of lists counts only if a model for lists is among them.
    """
    tasks = {MODELS[name].task for name in leaderboard[MODEL] if name in MODELS}
    found: dict[str, None] = {}
    for each in measures:
        if each.name in leaderboard and (each.k is None or "ranking" in tasks):
            with_value = leaderboard[leaderboard[each.name].notna()]
            found |= dict.fromkeys(sort_by(with_value, each.name)[MODEL].head(1))
    return list(found)


def compare_with_above(leaderboard: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """Add columns that compare each row with the row above, in the primary metric.

        model  ndcg_at_10  …         model  ndcg_at_10  …  difference  …  compared_with_above
        cdae   0.41        …    →    cdae   0.41        …
        ease   0.38        …         ease   0.38        …  -0.03       …  worse than cdae

    The new columns are empty in the first row, and if one of the two models does not have the
    metric. They follow the metrics; the ends of the intervals are last.
    """
    above = leaderboard[MODEL].shift()
    wanted = pd.MultiIndex.from_arrays([leaderboard[MODEL], above])
    primary = differences[differences[METRIC] == leaderboard.columns[1]]
    pairs = primary.set_index([MODEL, OTHER])[[DIFFERENCE, LOW, HIGH, VERDICT]].reindex(wanted)
    pairs = pairs.set_index(leaderboard.index)
    sentences = [
        sentence(verdict, other) for verdict, other in zip(pairs[VERDICT], above, strict=True)
    ]
    columns = {DIFFERENCE: DIFFERENCE, LOW: f"{DIFFERENCE}_{LOW}", HIGH: f"{DIFFERENCE}_{HIGH}"}
    compared = pairs[list(columns)].rename(columns=columns)
    compared[COMPARED] = pd.Series(sentences, dtype=object)
    names = [str(name) for name in leaderboard.columns.drop(LEFT_OUT)]
    ends = [name for name in names if name.endswith((f"_{LOW}", f"_{HIGH}"))]
    metrics = [name for name in names if name not in ends]
    before, after = leaderboard[first_length_first(metrics)], leaderboard[[*ends, LEFT_OUT]]
    return pd.concat([before, compared, after], axis=1)


def first_length_first(names: Sequence[str]) -> list[str]:
    """Return the names with those of other list lengths than the first one's at the end."""
    lengths = {name: found[1] for name in names if (found := re.search(r"_at_(\d+)$", name))}
    first = next(iter(lengths.values()), None)
    later = [name for name in names if lengths.get(name, first) != first]
    return [*(name for name in names if name not in later), *later]


def sentence(verdict: object, other: object) -> str | None:
    """Return the verdict in words, such as "worse than cdae"; None without a verdict."""
    if not isinstance(verdict, str):
        return None
    return f"{verdict} {'from' if verdict == NO_DIFFERENCE else 'than'} {other}"
