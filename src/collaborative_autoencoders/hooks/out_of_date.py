"""What `--only-missing-outputs` makes again, and what no run can know."""

import logging
from collections.abc import Iterator
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from collaborative_autoencoders.columns import CONTENT, EDITED, MODEL, VERSION
from collaborative_autoencoders.state import messages
from collaborative_autoencoders.state.lineage import Lineage

from .stored import Files, step_of

logger = logging.getLogger(__name__)

OF_THE_REGISTRY = frozenset({"recommend", "promote_models", "promote_updates"})
"""Kinds of nodes that read the model registry, whose changes no file shows."""


def mark_out_of_date(lineage: Lineage, pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Let Kedro take for missing what has to be made again, and say why."""
    outputs = sorted(pipeline.all_outputs())
    causes = lineage.problems(outputs)
    for line in messages.listed(causes):
        logger.info("out of date: %s", line.strip())
    again = {name for name, found in lineage.problems_of_each(outputs).items() if found}
    for node, why in depends_on_the_registry(pipeline, catalog):
        logger.info("made again: %s, as %s", node, why)
        again |= pipeline.from_nodes(node).all_outputs()
    if not again:
        logger.info("every output is there and up to date: no node runs")
    for name in again:
        dataset: Any = catalog.get(name)
        dataset.exists = not_there


def depends_on_the_registry(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[tuple[str, str]]:
    """Yield each node whose outputs the registry may not agree with any more, and why."""
    for node in pipeline.nodes:
        kind = step_of(node).kind
        if kind in OF_THE_REGISTRY:
            yield node.name, "the registry may have changed"
        elif kind == "register_model" and (why := why_register_again(catalog, *node.outputs)):
            yield node.name, why


def why_register_again(catalog: DataCatalog, output: str) -> str | None:
    """Return why a model has to be registered again, or None.

    The registry lacks the version that its registration names, or has another model under that
    number, as in another store; or code was edited in the run that would have registered it.
    """
    from collaborative_autoencoders.serving.model_versions import contents

    if not catalog.exists(output):
        return None
    model, registration = output.partition(".")[0], catalog.load(output)
    if file := registration.get(EDITED):
        return f"{model} was not registered: {file} was edited in that run"
    version = registration.get(VERSION)
    if version is None:
        return None
    there = contents(registration.get(MODEL, model))
    if int(version) not in there:
        return f"the registry does not have version {version} of {model}"
    if registration.get(CONTENT, there[int(version)]) != there[int(version)]:
        return f"version {version} of {model} in the registry is another one"
    return None


def say_what_is_out_of_sight(
    lineage: Lineage, files: Files, run_params: dict[str, Any], pipeline: Pipeline
) -> None:
    """Warn of raw tables that a run takes for unchanged and whose changes cannot be seen."""
    resumes, reads = run_params["only_missing_outputs"], pipeline.inputs()
    upstream = lineage.upstream(pipeline.all_outputs() if resumes else reads)
    read_now = set() if resumes else reads
    raw = {name for name in upstream if not lineage.is_made(name)} - read_now
    for name in sorted(raw):
        if not files.is_in_sight(name):
            logger.warning(
                "%s is in no file, or its store does not say when it was changed: whether it has "
                "changed since it was read is not known. A run from the start reads it again: "
                "kedro run",
                name,
            )


def not_there() -> bool:
    """Answer that a file is missing, to Kedro, which then makes it again."""
    return False
