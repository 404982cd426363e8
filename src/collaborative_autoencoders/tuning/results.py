"""The result of a search: its trials, the best one, and the block of parameters it proposes."""

from collections import Counter
from datetime import datetime
from typing import Any

import pandas as pd
import yaml
from optuna.trial import FrozenTrial, TrialState

from .options import Search
from .space import Axis, Choices, from_stored
from .study import COMPLETE, FAILED, PRUNED, STATES, Study
from .trial import BEST_EPOCH, EPOCHS, RECORD, RUN, SECONDS, TRIAL_ERROR

HOW = ("threads", "device", "matrix_products", "git_commit", "git_dirty")
RECORDED = (BEST_EPOCH, EPOCHS, SECONDS, *HOW)
STATE_NAMES = {state: name for name, state in STATES.items()} | {TrialState.RUNNING: "running"}
FOUND = "  # found"


def result_of(search: Search, study: Study) -> dict[str, Any]:
    """Return the result of a search as JSON values; all reports are made from it.

    Raises ValueError, with the first error, if no trial is complete.
    """
    trials = [row_of(trial) for trial in study.trials()]
    complete = [trial for trial in trials if trial["state"] == COMPLETE]
    if not complete:
        reason = next((trial["error"] for trial in trials if trial["error"]), "none was started")
        raise ValueError(
            f"{search.model}: none of {len(trials)} trials is complete ({reason}). Check the "
            "space, or raise tuning.time_budget_seconds"
        )
    sign = 1 if search.higher_is_better else -1
    best = max(complete, key=lambda trial: sign * trial["value"])
    return {
        "model": search.model,
        "left_out": None,
        "study": study.name,
        "metric": search.metric,
        "higher_is_better": search.higher_is_better,
        "sampler": search.sampler,
        "axes": {name: axis_as_dict(axis) for name, axis in search.space.axes.items()},
        "found": sorted(search.space.searched),
        "best": best | {"params": nested(best["params"])},
        "block": search.space.block(search.block, best["stored"]),
        "trials": trials,
    }


def axis_as_dict(axis: Axis) -> dict[str, Any]:
    """Return {"values": […]} for choices and {"low": …, "high": …, "log": …} for a range."""
    return {"values": list(axis.values)} if isinstance(axis, Choices) else axis._asdict()


def row_of(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial as JSON values. `stored` has its parameters in the form of the study."""
    record = trial.user_attrs.get(RECORD, {})
    value = trial.value if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) else None
    return {
        "number": trial.number,
        "state": STATE_NAMES[trial.state],
        "value": value,
        "params": {name: from_stored(stored) for name, stored in trial.params.items()},
        "stored": trial.params,
        "error": record.get(TRIAL_ERROR),
        "mlflow_run": trial.user_attrs.get(RUN),
        **{name: record.get(name) for name in RECORDED},
    }


def nested(params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return {"model": {"hidden_size": 100}} for {"model.hidden_size": 100}."""
    groups: dict[str, dict[str, Any]] = {}
    for name, value in params.items():
        group, _, option = name.partition(".")
        groups.setdefault(group, {})[option] = value
    return groups


def trials_table(result: dict[str, Any]) -> pd.DataFrame:
    """Return a table with a row per trial, the best first, and a column per axis.

    The table of a formula has no columns of epochs.
    """
    epochs = [] if result["best"][EPOCHS] is None else [BEST_EPOCH, EPOCHS]
    rows = [
        {name: trial[name] for name in ("number", "state", "value", *epochs, SECONDS)}
        | {name: trial["params"].get(name) for name in result["axes"]}
        | {"error": trial["error"], "mlflow_run": trial["mlflow_run"]}
        for trial in result["trials"]
    ]
    return pd.DataFrame(rows).sort_values(
        "value", ascending=not result["higher_is_better"], kind="stable", ignore_index=True
    )


def count_states(result: dict[str, Any]) -> dict[str, float]:
    """Return the number of trials in each final state."""
    found = Counter(trial["state"] for trial in result["trials"])
    return {f"trials_{state}": float(found[state]) for state in (COMPLETE, PRUNED, FAILED)}


def write_proposal(result: dict[str, Any], when: datetime) -> str:
    """Return the model's block at the best point as YAML, with its origin in a comment.

    The comment names threads, device and what computed matrix products. A fit on train with them
    repeats the best validation to the last digit.
    """
    best, block = result["best"], result["block"]
    complete = count_states(result)["trials_complete"]
    epoch = "" if best[BEST_EPOCH] is None else f" in epoch {best[BEST_EPOCH]}"
    changed = " with uncommitted changes" if best["git_dirty"] == "true" else ""
    lines = [
        f"# Proposed by the study {result['study']} on {when:%Y-%m-%d}: trial {best['number']}, "
        f"the best of {complete:.0f} complete trials.",
        f"# Validation {result['metric']} {best['value']!r}{epoch}. As the best of many,",
        "# it is likely to be better than the result on the test part, which no trial has used.",
        f"# Commit {best['git_commit'] or 'unknown'}{changed}.",
        f"# To repeat it: {how_to_repeat(best)}.",
        f"{result['model']}:",
    ]
    for group, options in block.items():
        lines.append(f"  {group}:")
        for option, value in options.items():
            mark = FOUND if f"{group}.{option}" in result["found"] else ""
            lines.append(f"    {option}: {yaml_value(value)}{mark}")
    return "\n".join(lines) + "\n"


def how_to_repeat(best: dict[str, Any]) -> str:
    """Return on what the best trial ran, in words."""
    words = f"running.threads {best['threads']}"
    if best["matrix_products"] is not None:
        words += f" and running.matrix_products {best['matrix_products']}"
    return f"{words} on device {best['device']}"


def yaml_value(value: Any) -> str:
    """Return a value as YAML on one line, with all digits."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000)
    return text.removesuffix("\n...\n").strip()
