"""Datasets and nodes of Kedro as files and steps, for the records of what made them."""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import fsspec
from kedro.io import AbstractDataset, DataCatalog
from kedro.io.core import get_protocol_and_path
from kedro.pipeline.node import Node

from collaborative_autoencoders.datasets.file_dataset import OneFileDataset
from collaborative_autoencoders.datasets.movielens import MovieLensDataset
from collaborative_autoencoders.pipeline_registry import register_pipelines
from collaborative_autoencoders.state.code import code_version
from collaborative_autoencoders.state.content import UNSEEN, Content, Stored, digest_of
from collaborative_autoencoders.state.lineage import Lineage, Step

PARAMS = "params:"

CHECKED_ONLY = {"data_engineering.describe_data": {"evaluation.k"}}
"""Parameters that a node only checks, so that a run stops early: its outputs do not hold them."""


def step_of(node: Node) -> Step:
    """Return a node as a step."""
    parameters = {name.removeprefix(PARAMS) for name in node.inputs if name.startswith(PARAMS)}
    return Step(
        node.name,
        node.func.__name__,
        tuple(sorted(parameters - CHECKED_ONLY.get(node.name, set()))),
        tuple(sorted(name for name in set(node.inputs) if not name.startswith(PARAMS))),
        tuple(node.outputs),
    )


def lineage_of(
    files: "Files", parameters: dict[str, Any], pipelines: Iterable[str] = ()
) -> Lineage:
    """Return what would make these files now: the steps of all pipelines, and the code.

    `pipelines` names those that run.
    """
    steps = {name: [*map(step_of, each.nodes)] for name, each in register_pipelines().items()}
    of_run = chain.from_iterable(steps.get(name, ()) for name in pipelines)
    places = files.stored, files.raw_content
    return Lineage(chain(*steps.values()), *places, parameters, code_version(), of_run)


class Files:
    """The files behind the names of a catalog."""

    def __init__(self, catalog: DataCatalog, project: Path) -> None:
        """Create it for the catalog of a project."""
        self.catalog, self._project = catalog, project
        self._entries, *_ = catalog.to_config()

    def stored(self, name: str) -> Stored | None:
        """Return where a dataset is stored; None if it is not a file or has not been saved."""
        dataset = self.catalog.get(name)
        if isinstance(dataset, OneFileDataset | MovieLensDataset):
            return dataset.stored()
        return self._of_entry(name, dataset)

    def _of_entry(self, name: str, dataset: AbstractDataset | None) -> Stored | None:
        """Return the file or folder that the catalog entry of another kind of dataset names."""
        entry = self._entries.get(name, {})
        path = entry.get("filepath", entry.get("path"))
        if not isinstance(path, str) or getattr(dataset, "_EPHEMERAL", False):
            return None
        protocol, place = get_protocol_and_path(path)
        # the dataset's own file system has its credentials
        return Stored(getattr(dataset, "_fs", None) or fsspec.filesystem(protocol), place)

    def is_in_sight(self, name: str) -> bool:
        """Return whether a change of a raw table can be seen: it is a file, or in memory."""
        dataset = self.catalog.get(name)
        return getattr(dataset, "_EPHEMERAL", False) or self.stored(name) is not None

    def raw_content(self, name: str, known: Content | None) -> Content | None:
        """Return the content of a raw table: what its file holds, and its catalog entry."""
        if getattr(self.catalog.get(name), "_EPHEMERAL", False):
            return Content("in memory", 0, 0)
        stored = self.stored(name)
        found = None if stored is None else stored.content(known)
        entry = self._entries.get(name, {})
        about = {key: value for key, value in entry.items() if key != "metadata"}
        text = json.dumps(about, sort_keys=True, default=str)
        here = text.replace(self._project.as_posix(), "")  # a moved project reads the same file
        # a deleted file still has the content it had, as that of a deleted output
        return (found or known or UNSEEN)._replace(entry=digest_of(here))

    def places(self, names: Iterable[str]) -> set[str]:
        """Return the paths of the files that these datasets are stored in."""
        stored = (self.stored(name) for name in names if not name.startswith("param"))
        return {each.path for each in stored if each is not None}
