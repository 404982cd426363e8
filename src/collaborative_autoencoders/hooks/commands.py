"""Commands that a message proposes: the run that was typed, with other options."""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from collaborative_autoencoders.config_loader import OUTPUTS
from collaborative_autoencoders.evaluation.choice import ALL
from collaborative_autoencoders.pipeline_registry import register_pipelines
from collaborative_autoencoders.state.messages import as_params
from collaborative_autoencoders.tracking.logged import flatten
from collaborative_autoencoders.tracking.masking import mask_values
from collaborative_autoencoders.tracking.provenance import IN_THE_MIDDLE, command_line

from .run_facts import is_search

RESUME = "--only-missing-outputs"
SELECTING = {
    "tags": "tags",
    "namespaces": "namespaces",
    "node_names": "nodes",
    "from_nodes": "from-nodes",
    "to_nodes": "to-nodes",
    "from_inputs": "from-inputs",
    "to_outputs": "to-outputs",
}
"""Options of a run that select nodes, and their names on the command line."""

DATA = "data_engineering"
"""The pipeline that makes the parts of the split."""

PACKAGE = "collaborative"


def resuming(run_params: dict[str, Any]) -> str:
    """Return the command that goes on with this run; a search goes on if it is run again."""
    typed = command_line() if click.get_current_context(silent=True) else run_again(run_params)
    if is_search(run_params) or RESUME in typed.split():
        return typed
    return f"{typed} {RESUME}"


def elsewhere(run_params: dict[str, Any]) -> str:
    """Return the command of this run with outputs in other folders."""
    return run_again(run_params, params={OUTPUTS: "NAME"})


def on_all_ratings(run_params: dict[str, Any]) -> str:
    """Return the command that runs the models for ratings on all ratings, in other folders."""
    selection = dict.fromkeys(SELECTING) | {"pipeline_names": ["rating"]}
    changed = {"core.ratings": "all", OUTPUTS: below(run_params, "all-ratings")}
    return run_again(run_params | selection, changed)


def with_ties(ties: str, run_params: dict[str, Any]) -> str:
    """Return the command of this run with another order of ties, in other folders.

    These are empty, so it starts at the ratings, whatever this run started from.
    """
    every, asked = register_pipelines(), run_params["pipeline_names"]
    is_whole = any("ratings" in every[name].inputs() for name in asked or ())
    selection = dict.fromkeys(IN_THE_MIDDLE) | {"pipeline_names": asked if is_whole else None}
    changed = {"split.ties": ties, OUTPUTS: below(run_params, f"ties-{ties}")}
    return run_again(run_params | selection, changed)


def below(run_params: dict[str, Any], name: str) -> str:
    """Return the `outputs` of a folder in those of this run."""
    outputs = (run_params["runtime_params"] or {}).get(OUTPUTS) or run_params["env"] or "base"
    return f"{outputs}/{name}"


def registering_all(run_params: dict[str, Any]) -> str:
    """Return the command that registers every model of this run, and fits none again."""
    return f"{run_again(run_params, params={'registration.models': ALL})} {RESUME}"


def making_again(steps: Iterable[str], run_params: dict[str, Any]) -> str:
    """Return a command that runs these nodes and all nodes after them, with the same options."""
    names = sorted(set(steps))
    selection = {"pipeline_names": pipelines_with(names, run_params), "from_nodes": names}
    return run_again(run_params | dict.fromkeys(SELECTING) | selection)


def making_missing(steps: Iterable[str], run_params: dict[str, Any]) -> str:
    """Return a command that runs these nodes, and those before them whose outputs are missing.

    If only data are missing, it fits no model: a search, say, needs none.
    """
    names = set(steps)
    makes_data = {node.name for node in register_pipelines()[DATA].nodes}
    pipelines = [DATA] if names <= makes_data else pipelines_with(names, run_params)
    selection = {"pipeline_names": pipelines}
    return f"{run_again(run_params | dict.fromkeys(SELECTING) | selection)} {RESUME}"


def pipelines_with(nodes: Iterable[str], run_params: dict[str, Any]) -> list[str]:
    """Return pipelines that have all of these nodes: the default one if it is enough."""
    asked = run_params["pipeline_names"] or ["__default__"]
    every = register_pipelines()
    others = [[name] for name in every if name != "__default__"]
    for pipelines in (
        ["__default__"],
        asked,
        *others,
        *(["__default__", *each] for each in others),
    ):
        known = {node.name for name in pipelines for node in every[name].nodes}
        if known.issuperset(nodes):
            break
    return pipelines


def run_again(run_params: dict[str, Any], params: dict[str, Any] | None = None) -> str:
    """Return the command of a run, with more `params`."""
    selected = {flag: ",".join(run_params[name] or ()) for name, flag in SELECTING.items()}
    pipelines = run_params["pipeline_names"] or []
    pipelines = [] if pipelines == ["__default__"] else pipelines
    values = dict(flatten(run_params["runtime_params"] or {})) | (params or {})
    versions = (run_params.get("load_versions") or {}).items()
    options = {
        "conf-source": conf_source(),
        "env": run_params["env"],
        "pipelines": ",".join(pipelines),
        **selected,
        "load-versions": ",".join(f"{name}:{version}" for name, version in versions),
        "params": as_params(mask_values(values)),
    }
    words = [f"--{flag} {shlex.quote(text)}" for flag, text in options.items() if text]
    return " ".join([program(), *words])


def conf_source() -> str | None:
    """Return the `--conf-source` that was typed; Kedro's parameters of a run do not have it."""
    context = click.get_current_context(silent=True)
    return None if context is None else context.params.get("conf_source")


def program() -> str:
    """Return the command that starts a run: Kedro's, or that of the installed package."""
    if not any(PACKAGE in part for part in Path(sys.argv[0]).parts[-2:]):
        return "kedro run"
    return command_line().partition(" --")[0]
