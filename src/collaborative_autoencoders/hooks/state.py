"""One run at a time writes a set of files, and a run reads only files that belong together."""

import atexit
import logging
import sys
import warnings
from collections import ChainMap
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from collaborative_autoencoders.state import messages
from collaborative_autoencoders.state.content import Content, digest_of
from collaborative_autoencoders.state.lineage import Kind, Lineage, Problem
from collaborative_autoencoders.state.record import write_record
from collaborative_autoencoders.state.running import Busy, Claim, Running
from collaborative_autoencoders.tracking.provenance import command_line

from .commands import elsewhere, making_again, resuming
from .missing import refuse_missing
from .out_of_date import mark_out_of_date, say_what_is_out_of_sight
from .run_facts import is_search
from .stored import DATA, Files, lineage_of, step_of

logger = logging.getLogger(__name__)


EVENTS = frozenset({"find_best", "list_registered", "register_model"})
"""Kinds of nodes whose outputs say what was done, not what the present parameters give."""


class OtherState(RuntimeError):
    """Error for a run whose files are being written, or do not belong together."""


class Origin(NamedTuple):
    """What the records of a run's outputs are made from, beside the files."""

    project: Path
    parameters: dict[str, Any]
    pipelines: list[str]

    def lineage(self, files: Files) -> Lineage:
        """Return what would make these files in this run."""
        return lineage_of(files, self.parameters, self.pipelines)


class StateHook:
    """Refuses a run that would mix results, and records beside each output what made it."""

    for_workers: ClassVar = ("_origin", "_read", "_first", "_elsewhere")

    def __init__(self) -> None:
        """Create the hook. No run is registered yet."""
        self._running: Running | None = None
        self._origin: Origin | None = None
        self._lineage: Lineage | None = None
        self._files: Files | None = None
        self._again: str | None = None
        self._read: dict[str, dict[str, Content | None]] = {}
        self._first: dict[str, Content] = {}
        self._elsewhere = ""
        atexit.register(self._say_how_to_resume)

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the project's folder and configuration."""
        self._context = context

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        """Let a notebook warn when it loads a dataset that is not valid any more.

        Kedro calls no hook for it, so `load` is wrapped; `before_pipeline_run` removes the wrapper.
        """
        origin = self._origin_of([])
        lineage = origin.lineage(Files(catalog, origin.project))
        vars(catalog)["load"] = partial(load_with_warning, lineage, catalog)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Register the run, and check the files that it reads and does not make.

        Raises OtherState if another run writes its files, or if the files do not belong together.
        """
        self._release()
        vars(catalog).pop("load", None)  # a run checks all files at once
        self._origin = self._origin_of(run_params["pipeline_names"] or ["__default__"])
        files = Files(catalog, self._origin.project)
        self._claim(run_params, pipeline, files)
        try:
            self._lineage = self._origin.lineage(files)
            self._refuse_mixture(run_params, pipeline)
            if run_params["only_missing_outputs"]:
                mark_out_of_date(self._lineage, pipeline, catalog)
            else:  # such a run does not read the inputs of nodes whose outputs are there
                refuse_missing(self._lineage, run_params, pipeline, catalog)
            say_what_is_out_of_sight(self._lineage, files, run_params, pipeline)
        except BaseException:
            self._release()
            raise
        self._files, self._again = files, resuming(run_params)
        self._read, self._first, self._elsewhere = {}, {}, elsewhere(run_params)
        if "ParallelRunner" in run_params["runner"]:  # a new process sees no file before it loads
            self._read = {
                node.name: self._content_of(set(node.inputs) & pipeline.inputs())
                for node in pipeline.nodes
            }
            found = ChainMap(*self._read.values())
            self._first = {name: content for name, content in found.items() if content is not None}

    @hook_impl
    def before_node_run(self, catalog: DataCatalog) -> None:
        """Let a new process of ParallelRunner record too: it has not seen the start of the run."""
        if self._files is None and self._origin is not None:
            self._files = Files(catalog, self._origin.project)
            self._lineage = self._origin.lineage(self._files)

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Node) -> None:
        """Remember what a node reads: the file may be replaced before its outputs are saved.

        Raises OtherState if it has been replaced since this run has saved or read it first, by a
        run that this project's claims do not show.
        """
        if self._files is not None:
            found = self._content_of([dataset_name])
            self._read.setdefault(node.name, {}).update(found)
            self._refuse_replaced(dataset_name, found.get(dataset_name))

    def _refuse_replaced(self, name: str, content: Content | None) -> None:
        assert self._lineage is not None
        if content is None or not self._lineage.is_made(name):
            return  # nor a raw table, which may be downloaded when it is loaded
        if not content.same_as(self._first.setdefault(name, content)):
            raise OtherState(messages.replaced(name, self._elsewhere))

    def _content_of(self, names: Iterable[str]) -> dict[str, Content | None]:
        """Return the content of these datasets by name, without parameters."""
        assert self._lineage is not None
        datasets = (name for name in names if not name.startswith("param"))
        return {name: self._lineage.content(name) for name in datasets}

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Record beside the file what made it."""
        assert self._files is not None and self._lineage is not None
        dataset = self._files.catalog.get(dataset_name)
        vars(dataset).pop("exists", None)  # `mark_out_of_date` has set it
        stored = self._files.stored(dataset_name)
        content = None if stored is None else stored.content()
        if stored is not None and content is not None:
            self._first[dataset_name] = content
            read = self._read.get(node.name)
            write_record(stored, self._lineage.record(step_of(node), content, read))

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Let other runs use the files."""
        self._release()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Let other runs use the files."""
        self._release()

    def _release(self) -> None:
        if self._running is not None:
            self._running.release()
        self._running = self._again = None

    def _claim(self, run_params: dict[str, Any], pipeline: Pipeline, files: Files) -> None:
        parameters = self._context.config_loader["parameters"]
        claim = Claim.of(
            command_line(),
            reads=files.places(pipeline.inputs()),
            writes=files.places(pipeline.all_outputs()),
            shared=digest_of(parameters) if is_search(run_params) else None,
        )
        self._running = Running(self._context.project_path / DATA / ".running")
        try:
            self._running.claim(claim)
        except Busy as busy:
            raise OtherState(messages.busy(busy.holder, elsewhere(run_params))) from None

    def _origin_of(self, pipelines: list[str]) -> Origin:
        parameters = self._context.config_loader["parameters"]
        return Origin(self._context.project_path, parameters, pipelines)

    def _refuse_mixture(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        assert self._lineage is not None
        read = sorted(pipeline.inputs())
        problems = self._lineage.problems(read, EVENTS)
        codes = self._lineage.codes(read) if problems else {}
        for node in pipeline.nodes:
            codes.setdefault(step_of(node).kind, set()).add(self._lineage.code)
        refused = [each for each in problems if is_refused(each, codes)]
        if refused:
            steps = [problem.step.name for problem in refused]
            raise OtherState(messages.mixture(refused, making_again(steps, run_params)))
        if problems:
            log_doubts(problems)

    def _say_how_to_resume(self) -> None:
        """Print the command that resumes, if Ctrl-C or SIGTERM ends the process in a run."""
        if self._again is not None and not isinstance(getattr(sys, "last_value", None), Exception):
            print(f"Interrupted. To resume, run: {self._again}", file=sys.stderr)
        self._release()


def is_refused(problem: Problem, codes: dict[str, set[str]]) -> bool:
    """Return whether a run must not read a dataset with this problem.

    A missing file is reported when it is loaded. Other code is a problem only if results of one
    kind of step, such as the scores of two models, come from two versions of the code.
    """
    if problem.kind is Kind.OTHER_CODE:
        return len(codes[problem.step.kind]) > 1
    return problem.kind not in (Kind.MISSING, Kind.UNKNOWN)


def log_doubts(problems: list[Problem]) -> None:
    """Log what may not be valid, although the run goes on."""
    known = (Kind.UNKNOWN, Kind.OTHER_CODE)
    for line in messages.listed([each for each in problems if each.kind in known]):
        logger.warning("%s", line.strip())


def load_with_warning(
    lineage: Lineage, catalog: DataCatalog, name: str, version: str | None = None
) -> Any:
    """Load a dataset; warn if it is not what the present parameters and code would make."""
    problems = [each for each in lineage.problems([name], EVENTS) if each.kind is not Kind.MISSING]
    if problems:
        lines = "\n".join(messages.listed(problems))
        warnings.warn(f"{name} is out of date:\n{lines}", stacklevel=2)
    return type(catalog).load(catalog, name, version)
