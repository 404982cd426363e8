"""The page that people read: every number comes out of a run, but for the published ones."""

import json
from collections.abc import Iterable, Mapping

import pandas as pd

from .means import Mean, by_seed, has, mean_of, reached
from .plan import TUNING_SEED, Protocol, Row, Target

HEAD = """# Published results, and ours

Written by `make benchmark`; change it there, not here. A figure is comparable only under its own
protocol, so every protocol is an environment, `conf/<name>/`, with the committed settings, and
every row is a whole `kedro run` from the raw ratings. Ours is the mean over split seeds {seeds}
(or the first `splits` of them), ± the half width of Student's 95 % interval of that mean.
Everything was chosen on the validation part of split seed {tuning}, which is not among them; their
test parts were looked at for this page alone. Intervals over users, and every other metric, stand
in MLflow.
"""


def page_of(plan: Mapping[str, Protocol], figures: pd.DataFrame, about: Mapping[str, str]) -> str:
    """The whole page in Markdown."""
    judged = figures[~figures["ablation"]]
    seeds = ", ".join(map(str, sorted(judged["split_seed"].unique())))
    parts = [HEAD.format(seeds=seeds, tuning=TUNING_SEED)]
    for name, protocol in plan.items():
        of_protocol = figures["protocol"] == name
        parts += protocol_part(
            name, protocol, judged[of_protocol], figures[of_protocol & figures["ablation"]]
        )
    parts += ["## How it was run", table(["what", "value"], about.items(), right=False)]
    return "\n\n".join(parts) + "\n"


def protocol_part(
    name: str, protocol: Protocol, judged: pd.DataFrame, validated: pd.DataFrame
) -> list[str]:
    """One protocol: its rows, its targets, the figures by seed and the ablation."""
    rows = [*protocol.models, *protocol.variants]
    parts = [
        f"## {protocol.title}",
        f"`kedro run --env {name} --pipelines {protocol.pipeline}`. Published: {protocol.source}.",
        main_table(rows, protocol.measures, judged),
        differing(protocol.variants),
        "\n".join(f"- {note}" for note in protocol.notes),
    ]
    wanted = [(row, target) for row in rows for target in row.targets]
    if wanted:
        parts += ["What was to be reached:", target_table(wanted, judged)]
    parts += ["By split seed:", seed_table(rows, protocol.measures, judged)]
    if protocol.ablation:
        parts += [
            "What each setting brings, on the validation part of split seed "
            f"{TUNING_SEED} (best epoch of one fit on train):",
            ablation_table(protocol.ablation, validated),
        ]
    return [part for part in parts if part]


def main_table(rows: list[Row], measures: list[str], judged: pd.DataFrame) -> str:
    """Published figures beside ours, and the seconds of fitting."""
    columns: list[tuple[str, str]] = []
    for measure in measures:
        if any(measure in row.published for row in rows):
            columns.append((measure, "published"))
        columns.append((measure, "ours"))
    heads = [f"{heading(measure)} {kind}" for measure, kind in columns]
    lines = []
    for row in rows:
        cells = [
            row.published.get(measure, "–") if kind == "published" else figure(judged, row, measure)
            for measure, kind in columns
        ]
        seconds = by_seed(judged, row.name, "fit_seconds")
        lines.append([row.name, *cells, str(len(seconds)), f"{seconds.mean():.1f}"])
    return table(["model", *heads, "splits", "fit s"], lines)


def figure(judged: pd.DataFrame, row: Row, measure: str) -> str:
    """`.3371 ± .0012`; a dash for a model that has no such measure."""
    if not has(judged, row.name, measure):
        return "–"
    values = by_seed(judged, row.name, measure)
    mean = mean_of(values)
    reach = f" ± {digits((mean.high - mean.low) / 2)}" if len(values) > 1 else ""
    return f"**{digits(mean.mean)}**{reach}"


def differing(variants: list[Row]) -> str:
    """What the rows of their own change in the committed settings."""
    return "\n".join(f"- *{row.name}*: {changes_of(row)}" for row in variants)


def changes_of(row: Row) -> str:
    """`model.user_node: false, fitting.epochs: 30`."""
    flat = [
        f"{group}.{key}: {json.dumps(value)}"
        for group, block in row.changes.items()
        for key, value in block.items()
    ]
    return f"`{row.model}` with " + ", ".join(f"`{change}`" for change in flat)


def target_table(wanted: list[tuple[Row, Target]], judged: pd.DataFrame) -> str:
    """Each target, what we came to with its interval, and whether that suffices."""
    lines = []
    for row, target in wanted:
        came_to, enough = reached(judged, row.name, target)
        what = f"{row.name} − {target.beside}" if target.beside else row.name
        lines.append(
            [what, heading(target.measure), asked(target), span(came_to), "yes" if enough else "no"]
        )
    return table(["model", "measure", "wanted", "ours, 95 % interval", "reached"], lines)


def asked(target: Target) -> str:
    """`≤ .8275`."""
    limits = [
        f"{sign} {digits(value)}"
        for sign, value in (("≤", target.at_most), ("≥", target.at_least))
        if value is not None
    ]
    return ", ".join(limits + ["interval above 0"] * target.interval_above_zero)


def seed_table(rows: list[Row], measures: list[str], judged: pd.DataFrame) -> str:
    """The first measure of every row, seed by seed, and the others of rows with a target."""
    seeds = sorted(judged["split_seed"].unique())
    lines = []
    for row in rows:
        own = [measure for measure in measures if has(judged, row.name, measure)]
        for measure in own if row.targets else own[:1]:
            values = by_seed(judged, row.name, measure)
            lines.append(
                [
                    row.name,
                    heading(measure),
                    *(digits(values[seed]) if seed in values else "–" for seed in seeds),
                ]
            )
    return table(["model", "measure", *map(str, seeds)], lines)


def ablation_table(rows: list[Row], validated: pd.DataFrame) -> str:
    """Each change beside the committed settings, the first row of its model."""
    lines, committed = [], {}
    for row in rows:
        (own,) = (run for _, run in validated[validated["row"] == row.name].iterrows())
        measure = next(name for name in own.dropna().index if name.startswith("validation_"))
        base = committed.setdefault(row.model, own[measure])
        change = changes_of(row) if row.changes else f"`{row.model}` as committed"
        lines.append(
            [row.name, heading(measure), digits(own[measure]), signed(own[measure] - base), change]
        )
    return table(["setting", "measure", "validation", "difference", "what differs"], lines)


def heading(measure: str) -> str:
    """`ndcg_at_10` as NDCG@10."""
    names = {"ndcg": "NDCG", "rmse": "RMSE", "mrr": "MRR"}
    name, at, k = measure.removeprefix("validation_").partition("_at_")
    return f"{names.get(name, name.replace('_', ' ').capitalize())}{'@' * bool(at)}{k}"


def digits(value: float) -> str:
    """Four digits, without the zero before the point."""
    return f"{value:.4f}".replace("0.", ".", 1)


def signed(value: float) -> str:
    """The same with its sign."""
    return f"{value:+.4f}".replace("0.", ".", 1).replace("-", "−")


def span(mean: Mean) -> str:
    """`.0046 [.0031, .0061]`."""
    return f"{digits(mean.mean)} [{digits(mean.low)}, {digits(mean.high)}]"


def table(heads: Iterable[str], lines: Iterable[Iterable[str]], right: bool = True) -> str:
    """A table in Markdown, its first column to the left, the others to the right."""
    heads = list(heads)
    rule = ["---", *["---:" if right else "---"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *lines))
