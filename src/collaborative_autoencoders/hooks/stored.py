"""Datasets and nodes of Kedro as files and steps, for the records of what made them."""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from kedro.io import AbstractDataset, AbstractVersionedDataset, DataCatalog, DatasetError
from kedro.io.core import get_filepath_str, get_protocol_and_path
from kedro.pipeline.node import Node

from collaborative_autoencoders.datasets.file_dataset import OneFileDataset
from collaborative_autoencoders.datasets.movielens import MovieLensDataset
from collaborative_autoencoders.datasets.own_table import OwnTableDataset
from collaborative_autoencoders.pipeline_registry import register_pipelines
from collaborative_autoencoders.state.code import code_version
from collaborative_autoencoders.state.content import UNSEEN, Content, Stored, digest_of
from collaborative_autoencoders.state.lineage import Lineage, Step
from collaborative_autoencoders.state.running import names_of

PARAMS = "params:"
DATA = "data"
"""The folder of a project, by a link or not, that its runs share."""

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

    def _entry(self, name: str) -> dict[str, Any]:
        """Return the catalog entry, also of a pattern, which Kedro resolves when it is asked."""
        if name not in self._entries and self.catalog.get(name) is not None:
            self._entries, *_ = self.catalog.to_config()
        return self._entries.setdefault(name, {})

    def stored(self, name: str) -> Stored | None:
        """Return where a dataset is stored; None if it is not a file or has not been saved."""
        dataset = self.catalog.get(name)
        if isinstance(dataset, OneFileDataset | MovieLensDataset):
            return dataset.stored()
        if isinstance(dataset, OwnTableDataset):
            dataset = dataset.of_pandas()
        return self._of_entry(name, dataset)

    def _of_entry(self, name: str, dataset: AbstractDataset | None) -> Stored | None:
        """Return the file or folder that the catalog entry of another kind of dataset names."""
        if dataset is None or getattr(dataset, "_EPHEMERAL", False):
            return None
        entry = self._entry(name)
        # Kedro has the arguments of an inherited __init__ under `kwargs`
        entry = entry.get("kwargs") or entry
        path = entry.get("filepath", entry.get("path"))
        if not isinstance(path, str):
            return None
        protocol, path = get_protocol_and_path(path)
        place = PurePosixPath(path)
        if isinstance(dataset, AbstractVersionedDataset) and dataset._version is not None:
            try:
                place = dataset._get_load_path()
            except DatasetError:
                return None  # no version yet
        # the dataset's own file system has its credentials
        own = getattr(dataset, "_fs", None) or getattr(dataset, "_filesystem", None)
        return Stored(own or fsspec.filesystem(protocol), get_filepath_str(place, protocol))

    def is_in_sight(self, name: str) -> bool:
        """Return whether a change of a raw table can be seen: in memory, or in a file.

        Not if its file is elsewhere, and its store does not say by what a change is seen.
        """
        if getattr(self.catalog.get(name), "_EPHEMERAL", False):
            return True
        stored = self.stored(name)
        return stored is not None and (stored.is_local or stored.content() is not None)

    def raw_content(self, name: str, known: Content | None) -> Content | None:
        """Return the content of a raw table: what its file holds, and its catalog entry."""
        if getattr(self.catalog.get(name), "_EPHEMERAL", False):
            return Content("in memory", 0, 0)
        stored = self.stored(name)
        found = None if stored is None else stored.content(known)
        entry = self._entry(name)
        about = {key: value for key, value in entry.items() if key != "metadata"}
        text = json.dumps(about, sort_keys=True, default=str)
        here = text.replace(self._project.as_posix(), "")  # a moved project reads the same file
        # a deleted file still has the content it had, as that of a deleted output
        return (found or known or UNSEEN)._replace(entry=digest_of(here))

    def places(self, names: Iterable[str]) -> set[str]:
        """Return the names of the files of these datasets in the claims of runs."""
        found = (self.stored(name) for name in names if not name.startswith("param"))
        data = self._project / DATA
        return {name for stored in found if stored is not None for name in names_of(stored, data)}
