"""What can be said of a search: its trials, its best one, what mattered, and three figures."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import optuna
import pandas as pd
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState, create_trial

from .searching import BEST_EPOCH, COMPLETE, EPOCHS, FAILED, PRUNED, SECONDS, STATES, Search
from .space import Axis, Choices, Range, from_stored
from .study import ERROR, RUN, Study, distribution_of

IN_WORDS = {state: word for word, state in STATES.items()} | {TrialState.RUNNING: "running"}
HEIGHT = 420


def describe(asked: Search, study: Study) -> dict[str, Any]:
    """All of a study that anything else is made of, as JSON takes it.

    Raises ValueError, with the first error, where no trial has come to its end.
    """
    trials = [row_of(trial) for trial in study.trials()]
    sign = 1 if study.study.direction.name == "MAXIMIZE" else -1
    complete = [trial for trial in trials if trial["state"] == COMPLETE]
    if not complete:
        first = next((trial["error"] for trial in trials if trial["error"]), "none was begun")
        raise ValueError(
            f"{asked.model}: none of {len(trials)} trials came to its end ({first}). Look at the "
            "space, or give more time"
        )
    best = max(complete, key=lambda trial: sign * trial["value"])
    block = asked.space.block(asked.base.model_dump(mode="json"), best["stored"])
    return {
        "model": asked.model,
        "left_out": None,
        "study": study.name,
        "metric": asked.metric,
        "higher_is_better": sign > 0,
        "sampler": asked.tuning.sampler,
        "axes": {name: described(axis) for name, axis in asked.space.axes.items()},
        "found": sorted(asked.space.searched()),
        "best": best | {"params": nested(best["params"])},
        "block": block,
        "trials": trials,
    }


def described(axis: Axis) -> dict[str, Any]:
    """An axis as JSON gives it back."""
    return {"values": list(axis.values)} if isinstance(axis, Choices) else axis._asdict()


def row_of(trial: FrozenTrial) -> dict[str, Any]:
    """A trial by plain names; `stored` are its values as the study has them."""
    facts = trial.user_attrs
    value = trial.value if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) else None
    return {
        "number": trial.number,
        "state": IN_WORDS[trial.state],
        "value": value,
        "params": {name: from_stored(stored) for name, stored in trial.params.items()},
        "stored": trial.params,
        "error": facts.get(ERROR),
        "mlflow_run": facts.get(RUN),
        **{name: facts.get(name) for name in (BEST_EPOCH, EPOCHS, SECONDS)},
        **{name: facts.get(name) for name in ("threads", "device", "git_commit", "git_dirty")},
    }


def nested(params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{"model": {"hidden_size": 100}} of {"model.hidden_size": 100}."""
    groups: dict[str, dict[str, Any]] = {}
    for name, value in params.items():
        group, _, option = name.partition(".")
        groups.setdefault(group, {})[option] = value
    return groups


def table_of(search: dict[str, Any]) -> pd.DataFrame:
    """One row per trial, the best first; a column per axis."""
    rows = [
        {name: trial[name] for name in ("number", "state", "value", BEST_EPOCH, EPOCHS, SECONDS)}
        | {name: trial["params"].get(name) for name in search["axes"]}
        | {"error": trial["error"], "mlflow_run": trial["mlflow_run"]}
        for trial in search["trials"]
    ]
    return pd.DataFrame(rows).sort_values(
        "value", ascending=not search["higher_is_better"], kind="stable", ignore_index=True
    )


def count_states(search: dict[str, Any]) -> dict[str, float]:
    """How many trials ended how."""
    found = Counter(trial["state"] for trial in search["trials"])
    return {f"trials_{state}": float(found[state]) for state in (COMPLETE, PRUNED, FAILED)}


def importances_of(search: dict[str, Any]) -> dict[str, float]:
    """The share of the metric's variance that each axis has, the largest first.

    Of complete trials; nothing where they are too few, or all alike.
    """
    study = rebuilt(search)
    values = {trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))}
    if len(values) < 2:
        return {}
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {name: float(share) for name, share in found.items()}


def draw_history(search: dict[str, Any]) -> Any:
    """Every trial's validation, and the best so far."""
    return drawn(search, "plot_optimization_history", "trial by trial")


def draw_parallel_coordinates(search: dict[str, Any]) -> Any:
    """A line per complete trial through the axes, coloured by its validation."""
    return drawn(search, "plot_parallel_coordinate", "complete trials in parallel coordinates")


def draw_importances(search: dict[str, Any]) -> Any:
    """A bar per axis."""
    import plotly.graph_objects as go

    if search["left_out"]:
        return go.Figure()
    shares = dict(reversed(importances_of(search).items()))
    bars = go.Bar(x=list(shares.values()), y=list(map(short, shares)), orientation="h")
    title = "what mattered, as a share of the variance of the validation (fANOVA)"
    return finished(go.Figure(bars), search, title)


def drawn(search: dict[str, Any], plot: str, title: str) -> Any:
    """One of optuna's figures of the search; an empty one where nothing was searched."""
    import plotly.graph_objects as go
    from optuna import visualization

    if search["left_out"]:
        return go.Figure()
    told = f"validation {search['metric']}"
    figure = getattr(visualization, plot)(rebuilt(search, short), target_name=told)
    return finished(figure, search, title)


def finished(figure: Any, search: dict[str, Any], title: str) -> Any:
    """The figure with its title, of one size."""
    title = f"{search['model']} ({search['study']}): {title}"
    return figure.update_layout(title=title, height=HEIGHT, template="plotly_white")


def short(name: str) -> str:
    """`hidden_size` of `model.hidden_size`: an axis of a figure has no room for more."""
    return name.partition(".")[2]


def rebuilt(search: dict[str, Any], named: Callable[[str], str] = str) -> optuna.Study:
    """The ended trials as a study in memory, each axis under another name."""
    axes = {
        named(name): distribution_of(
            Choices(tuple(axis["values"])) if "values" in axis else Range(**axis)
        )
        for name, axis in search["axes"].items()
    }
    study = optuna.create_study(direction="maximize" if search["higher_is_better"] else "minimize")
    for trial in search["trials"]:
        if trial["state"] in (COMPLETE, PRUNED) and trial["value"] is not None:
            study.add_trial(
                create_trial(
                    state=STATES[trial["state"]],
                    value=trial["value"],
                    params={named(name): value for name, value in trial["stored"].items()},
                    distributions=axes,
                )
            )
    return study
