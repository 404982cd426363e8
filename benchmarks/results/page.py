"""Render docs/results.md. Every number comes from a run, except the published ones."""

import json
from collections.abc import Iterable, Mapping

import pandas as pd

from .means import Mean, by_seed, has, mean_of, reached
from .plan import TUNING_SEED, Protocol, Row, Target

HEAD = """# {title}

This page is written by `make benchmark`; do not edit it. Figures are comparable only under the same
protocol. Each protocol is an environment, `conf/<name>/`, with the committed settings, and each row
is a complete `kedro run` from the raw ratings. *Ours* is the mean over split seeds {seeds} (or the
first `splits` of them) ± half the width of its 95 % t interval. All settings were chosen on the
validation part of split seed {tuning}, which is not one of these seeds. The test parts were
evaluated for this page only. Intervals over users and all other metrics are in MLflow.

Protocols by page: [general models](results.md), [the variational autoencoder and strong
generalisation](variational.md), [leave-one-out and one date for all users](sequential.md).
"""


def page_of(
    title: str, plan: Mapping[str, Protocol], figures: pd.DataFrame, about: Mapping[str, str]
) -> str:
    """Return the whole page in Markdown."""
    evaluated = figures[~figures["ablation"]]
    seeds = ", ".join(map(str, sorted(evaluated["split_seed"].unique())))
    parts = [HEAD.format(title=title, seeds=seeds, tuning=TUNING_SEED)]
    for name, protocol in plan.items():
        of_protocol = figures["protocol"] == name
        parts += protocol_part(
            name, protocol, evaluated[of_protocol], figures[of_protocol & figures["ablation"]]
        )
    parts += ["## How it was run", table(["what", "value"], about.items(), right=False)]
    return "\n\n".join(parts) + "\n"


def protocol_part(
    name: str, protocol: Protocol, evaluated: pd.DataFrame, validated: pd.DataFrame
) -> list[str]:
    """Return the part of one protocol: rows, targets, figures by seed, ablation."""
    rows = [*protocol.models, *protocol.variants]
    parts = [
        f"## {protocol.title}",
        f"`kedro run --env {name} --pipelines {protocol.pipeline}`. Published: {protocol.source}.",
        main_table(rows, protocol.measures, evaluated),
        differing(protocol.variants),
        "\n".join(f"- {note}" for note in protocol.notes),
    ]
    wanted = [(row, target) for row in rows for target in row.targets]
    if wanted:
        parts += ["Targets:", target_table(wanted, evaluated)]
    parts += ["By split seed:", seed_table(rows, protocol.measures, evaluated)]
    if protocol.ablation:
        parts += [
            "The effect of each setting, on the validation part of split seed "
            f"{TUNING_SEED} (best epoch of one fit on train):",
            ablation_table(protocol.ablation, validated),
        ]
    return [part for part in parts if part]


def main_table(rows: list[Row], measures: list[str], evaluated: pd.DataFrame) -> str:
    """Return the table of published figures beside ours, with the seconds of fitting."""
    columns: list[tuple[str, str]] = []
    for measure in measures:
        if any(measure in row.published for row in rows):
            columns.append((measure, "published"))
        columns.append((measure, "ours"))
    heads = [f"{heading(measure)} {kind}" for measure, kind in columns]
    lines = []
    for row in rows:
        cells = [
            row.published.get(name, "–") if kind == "published" else figure(evaluated, row, name)
            for name, kind in columns
        ]
        seconds = by_seed(evaluated, row.name, "fit_seconds")
        lines.append([row.name, *cells, str(len(seconds)), f"{seconds.mean():.1f}"])
    return table(["model", *heads, "splits", "fit s"], lines)


def figure(evaluated: pd.DataFrame, row: Row, measure: str) -> str:
    """Return `.3371 ± .0012`, or a dash for a model without this metric."""
    if not has(evaluated, row.name, measure):
        return "–"
    values = by_seed(evaluated, row.name, measure)
    mean = mean_of(values)
    reach = f" ± {digits((mean.high - mean.low) / 2)}" if len(values) > 1 else ""
    return f"**{digits(mean.mean)}**{reach}"


def differing(variants: list[Row]) -> str:
    """Return a list of what each variant changes in the committed settings, if anything."""
    return "\n".join(f"- *{row.name}*: {changes_of(row)}" for row in variants if row.changes)


def changes_of(row: Row) -> str:
    """Return a text such as `cdae` with `model.user_node: false`, `fitting.epochs: 30`."""
    flat = [
        f"{group}.{key}: {json.dumps(value)}"
        for group, block in row.changes.items()
        for key, value in block.items()
    ]
    return f"`{row.model}` with " + ", ".join(f"`{change}`" for change in flat)


def target_table(wanted: list[tuple[Row, Target]], evaluated: pd.DataFrame) -> str:
    """Return the table of targets: each with our mean, its interval, and whether it is met."""
    lines = []
    for row, target in wanted:
        mean, met = reached(evaluated, row.name, target)
        what = f"{row.name} − {target.beside}" if target.beside else row.name
        lines.append(
            [what, heading(target.measure), asked(target), span(mean), "yes" if met else "no"]
        )
    return table(["model", "measure", "target", "ours, 95 % interval", "met"], lines)


def asked(target: Target) -> str:
    """Return the limits of a target: `≤ .8275`."""
    limits = [
        f"{sign} {digits(value)}"
        for sign, value in (("≤", target.at_most), ("≥", target.at_least))
        if value is not None
    ]
    return ", ".join(limits + ["interval above 0"] * target.interval_above_zero)


def seed_table(rows: list[Row], measures: list[str], evaluated: pd.DataFrame) -> str:
    """Return the table by seed: the first metric of each row, all metrics if it has a target."""
    seeds = sorted(evaluated["split_seed"].unique())
    lines = []
    for row in rows:
        own = [measure for measure in measures if has(evaluated, row.name, measure)]
        for measure in own if row.targets else own[:1]:
            values = by_seed(evaluated, row.name, measure)
            lines.append(
                [
                    row.name,
                    heading(measure),
                    *(digits(values[seed]) if seed in values else "–" for seed in seeds),
                ]
            )
    return table(["model", "measure", *map(str, seeds)], lines)


def ablation_table(rows: list[Row], validated: pd.DataFrame) -> str:
    """Return the table of changes, each compared with the first row of its model."""
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
    """Return the heading of a metric: NDCG@10 for `ndcg_at_10`."""
    names = {"ndcg": "NDCG", "rmse": "RMSE", "mrr": "MRR"}
    name, at, k = measure.removeprefix("validation_").partition("_at_")
    return f"{names.get(name, name.replace('_', ' ').capitalize())}{'@' * bool(at)}{k}"


def digits(value: float) -> str:
    """Return the value with four digits, without the zero before the point: `.3371`, `−.0019`."""
    return f"{value:.4f}".replace("0.", ".", 1).replace("-", "−")


def signed(value: float) -> str:
    """Return the same with a sign."""
    return digits(value) if value < 0 else f"+{digits(value)}"


def span(mean: Mean) -> str:
    """Return the mean with its interval, `.0046 [.0031, .0061]`; the mean alone of one split."""
    if mean.low == mean.high:
        return digits(mean.mean)
    return f"{digits(mean.mean)} [{digits(mean.low)}, {digits(mean.high)}]"


def table(heads: Iterable[str], lines: Iterable[Iterable[str]], right: bool = True) -> str:
    """Return a table in Markdown, the first column aligned left, the others right."""
    heads = list(heads)
    rule = ["---", *["---:" if right else "---"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *lines))
