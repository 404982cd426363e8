"""Tracks a run in MLflow: one parent run per `kedro run`, one child run per model in it."""

import atexit
import json
import logging
import os
import signal
import threading
from collections import Counter
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar

import mlflow
from alembic.util import CommandError
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from mlflow.environment_variables import MLFLOW_RUN_ID
from mlflow.exceptions import MlflowException

from collaborative_autoencoders.columns import NOT_REGISTERED
from collaborative_autoencoders.markdown import escaped
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.processes import this_process
from collaborative_autoencoders.serving.description import NOTE, describe
from collaborative_autoencoders.state.code import CODE, code_version
from collaborative_autoencoders.tracking import connections as _connections  # noqa: F401
from collaborative_autoencoders.tracking.files import lock_beside
from collaborative_autoencoders.tracking.heartbeat import PROCESS, close_abandoned, heartbeat
from collaborative_autoencoders.tracking.interruptions import uninterrupted
from collaborative_autoencoders.tracking.life import sign_of_life
from collaborative_autoencoders.tracking.logged import (
    PARAMETERS,
    active_run_id,
    as_yaml,
    flatten,
    log_metrics,
    log_parameters,
)
from collaborative_autoencoders.tracking.masking import mask, mask_values
from collaborative_autoencoders.tracking.metric_names import logged_name
from collaborative_autoencoders.tracking.provenance import (
    RUNTIME_PARAMS,
    command_line,
    git_state,
    peak_memory_mb,
    selection,
    versions_and_machine,
)
from collaborative_autoencoders.tracking.sqlite import sqlite_file

from . import dataset_logging
from .mlflow_settings import is_tracked, settings_for, uri_of
from .run_description import describe_run, log_best
from .run_facts import (
    FACTS,
    RatingsDataset,
    facts_of,
    headline_of,
    model_of,
    pipeline_names,
    protocol_of,
    split_in_use,
)
from .server import check_artifacts_of, impatient, is_server, no_answer, wait_a_minute_for
from .store import check_store, leave_shell, unusable
from .workers import RunNotes

LEADERBOARD, METRICS, GROUP_METRICS = "leaderboard", "metrics", "group_metrics"
TO_REGISTER, REGISTRATION = "to_register", "registration"

STAYS_OPEN = (
    "The run %s stays open, as MLflow does not answer. A later run closes it. Once MLflow is back, "
    "the same command with --only-missing-outputs goes on."
)

logger = logging.getLogger(__name__)


class ModelRunsHook(MlflowHook):
    """kedro-mlflow's hook with a child run per model and everything needed to reproduce a run.

    A child run is left when a thread continues with another model, and resumed later. It stays open
    after a node, because Kedro saves the outputs, which are logged, after the node. Every thread
    and process has its own active run, so the ids of the children are in the notes of the run. An
    MLflow run that is open when the session starts is the parent: it keeps its name and is not
    ended.
    """

    for_workers: ClassVar = (
        "_process",
        "run_id",
        "_notes",
        "_nodes_left",
        "_about",
        "_parameters",
        "_of_models",
        "_protocol",
        "_headline",
    )

    def __init__(self) -> None:
        """Create the hook. No run is tracked yet."""
        super().__init__()
        self._former_handler: Any = None
        self._store: Path | None = None
        self._signs = ExitStack()
        self._forget()
        atexit.register(self._close_unfinished)

    def _forget(self) -> None:
        self._signs.close()
        self.run_id: str | None = None
        self._foreign: str | None = None
        self._notes = RunNotes()
        self._process = os.getpid()  # a worker has the number of the process that closes the runs
        self._nodes_left: Counter[str | None] = Counter()
        self._about: dict[str, str] = {}
        self._parameters = ""
        self._of_models: dict[str, Any] = {}
        self._protocol: dict[str, Any] = {}
        self._headline: tuple[str, ...] = ()
        if self._former_handler is not None:
            signal.signal(signal.SIGTERM, self._former_handler)
            self._former_handler = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Open the store that mlflow.yml names.

        Raises ValueError for an invalid mlflow.yml, OSError for a store that cannot be opened.
        """
        self._context = context
        self._close_unfinished()
        # both set INFO when they were imported, and kedro-mlflow warns of runs that are joined
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("kedro_mlflow").setLevel(logging.ERROR)
        if mlflow.active_run() is None:
            self._open_store(context)
        else:  # the store of that run is used
            self._store = sqlite_file(mlflow.get_tracking_uri())
            super().after_context_created(context)

    def _open_store(self, context: KedroContext) -> None:
        mlflow_yml = context.config_loader["mlflow"]
        self._store = check_store(mlflow_yml, context.project_path)
        uri = uri_of(mlflow_yml)
        leave_shell()
        try:
            # two processes that create its tables at the same time would corrupt it
            with nullcontext() if self._store is None else lock_beside(self._store), impatient():
                context.config_loader["mlflow"] = settings_for(mlflow_yml)
                try:
                    super().after_context_created(context)
                except MlflowException as error:
                    if error.error_code != "RESOURCE_ALREADY_EXISTS":
                        raise
                    # another host has created the experiment at the same moment
                    super().after_context_created(context)
        except (MlflowException, CommandError) as error:
            message = no_answer(uri, error) if is_server(uri) else unusable(uri, str(error))
            raise OSError(message) from None
        if is_server(uri):
            wait_a_minute_for(str(uri))
        if self._store is None:
            check_artifacts_of(self.mlflow_config.tracking.experiment.name, context.project_path)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Start the parent run and tag it with its origin."""
        self._forget()
        self._about = {
            "command": command_line(),
            "environment": run_params["env"] or "base",
            "selection": selection(run_params),
            RUNTIME_PARAMS: json.dumps(
                mask_values(self._context.config_loader.runtime_params), default=str
            ),
            PROCESS: this_process(),
            **versions_and_machine(),
            **git_state(self._context.project_path),
        }
        if "ratings" in pipeline.inputs():  # otherwise other code may have made what it reads
            self._about[CODE] = code_version()
        self._open_parent(run_params)
        # it logs the run's options as tags
        super().before_pipeline_run(mask_values(run_params), pipeline, catalog)
        if self.run_id is None:  # mlflow.yml disables tracking of this pipeline
            return
        # as JSON: kedro-mlflow has logged the text of a dict under the same name
        mlflow.set_tag(RUNTIME_PARAMS, self._about[RUNTIME_PARAMS])
        self._catalog = catalog
        if not run_params["only_missing_outputs"]:  # otherwise the remaining nodes are unknown
            self._nodes_left = Counter(model_of(node) for node in pipeline.nodes)
        close_abandoned(self.run_id, self._store)
        self._handle_termination()
        self._parameters = as_yaml(mask_values(self._context.config_loader["parameters"]))
        validated = self._context.params  # as nodes get them
        self._of_models = {name: validated[name] for name in MODELS if name in validated}
        self._protocol = protocol_of(validated)
        self._headline = headline_of(validated)
        mlflow.log_text(self._parameters, PARAMETERS)

    def _open_parent(self, run_params: dict[str, Any]) -> None:
        """Open the parent run, tagged from its first moment, or join the run that is open.

        kedro-mlflow then finds an open run, which it neither names nor ends.
        """
        if not is_tracked(run_params, self._context.config_loader["mlflow"]):
            return
        self._already_active_mlflow = True
        self._signs.enter_context(sign_of_life(self._store))
        name = f"{self._about['environment']}: {pipeline_names(run_params)}"
        if mlflow.active_run():
            self._join(name)
        elif MLFLOW_RUN_ID.get():  # `mlflow run` has created a run for this process
            mlflow.start_run(tags=self._about)
        else:
            configured = self.mlflow_config.tracking.run.id
            mlflow.start_run(configured, run_name=name, tags=self._about)
        self.run_id = _active()
        if self._store is None:
            self._signs.enter_context(heartbeat(_active()))

    def _join(self, name: str) -> None:
        """Make the open run the parent or, if an earlier session has, open a run below it."""
        self._foreign = _active()
        if "selection" in mlflow.get_run(self._foreign).data.tags:
            mlflow.start_run(run_name=name, nested=True, tags=self._about)
        else:  # its process is not ours to tag: others may continue it
            mlflow.set_tags({key: self._about[key] for key in self._about if key != PROCESS})

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog, inputs: dict[str, Any]) -> None:
        """Make the run of the node's model active and log the parameters that the node reads."""
        if self.run_id is None:
            return
        model, self._catalog = model_of(node), catalog
        with uninterrupted():
            self._go_to(model)
        parameters: dict[str, Any] = {}
        for name, value in inputs.items():
            key = name.removeprefix("params:")
            # those of the model itself are there from the start of its run
            if key not in (name, model) and getattr(value, "is_logged", True):
                parameters |= dict(flatten(value, key))
        with uninterrupted():
            log_parameters(_active(), parameters)
            if f"{model}.{REGISTRATION}" in node.outputs:
                order = inputs[f"{model}.{TO_REGISTER}"]
                self._log_figures_of(str(model), order[METRICS])

    def _log_figures_of(self, model: str, figures: dict[str, float]) -> None:
        """Log the figures that a model is registered with, if an earlier run has made them.

        A version in the registry leads to this run.
        """
        logged = mlflow.get_run(_active()).data.metrics
        if logged.keys() & {logged_name(name, self._headline) for name in figures}:
            return
        log_metrics(_active(), figures, self._headline)
        groups = f"{model}.{GROUP_METRICS}"
        if self._catalog.exists(groups):
            log_metrics(_active(), self._catalog.load(groups), self._headline)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Count the remaining nodes of each child run."""
        self._notes.finish(str(model_of(node)))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log the dataset if the catalog entry has `metadata: {mlflow: …}`."""
        if self.run_id is None:
            return
        metadata = getattr(self._catalog.get(dataset_name), "metadata", None) or {}
        kind = metadata.get("mlflow")
        with uninterrupted():
            if kind is not None:
                name = dataset_name.rpartition(".")[2]
                dataset_logging.log_dataset(kind, _active(), name, data, self._headline)
            if dataset_name == FACTS:
                mlflow.log_input(RatingsDataset(data, self._catalog))
            model, _, name = dataset_name.partition(".")
            if name == METRICS:  # a registration adds how to ask the model
                mlflow.set_tag(NOTE, mask(describe(model, data, facts_of(self._catalog))))
            if name == REGISTRATION and data.get(NOT_REGISTERED):
                self._add_to_note(f"Not registered: {data[NOT_REGISTERED]}.")

    def _add_to_note(self, sentence: str) -> None:
        """Add a paragraph to the description of the active run."""
        note = mlflow.get_run(_active()).data.tags.get(NOTE, "")
        mlflow.set_tag(NOTE, "\n\n".join(filter(None, [note, escaped(mask(sentence))])))

    @hook_impl
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """End the child run and the parent run."""
        if self.run_id is not None:
            self._go_to(None)
            self._end_children("FINISHED")
            log_metrics(_active(), {"peak_memory_mb": peak_memory_mb()})
            board = catalog.load(LEADERBOARD) if LEADERBOARD in pipeline.all_outputs() else None
            if board is not None:  # also of a resumed run, which has not written it again
                log_best(_active(), board, self._headline)
            # facts that this run neither makes nor reads are those of an earlier run
            has_facts = FACTS in pipeline.all_outputs() | pipeline.inputs()
            facts = facts_of(catalog) if has_facts else {}
            describe_run(_active(), facts, board, self._headline)
        super().after_pipeline_run(run_params, pipeline, catalog)
        if self.run_id not in (None, self._foreign):
            mlflow.end_run()
        self._forget()

    @hook_impl
    def on_pipeline_error(
        self,
        error: Exception,
        run_params: dict[str, Any],
        pipeline: Pipeline,
        catalog: DataCatalog,
    ) -> None:
        """End the parent run, and every child run with remaining nodes, as FAILED."""
        if self.run_id is not None:
            self._end_all("FAILED", f"{type(error).__name__}: {error}")
        self._forget()

    def _handle_termination(self) -> None:
        """Handle SIGTERM while this run lasts, so that open MLflow runs are closed."""
        if threading.current_thread() is threading.main_thread():
            self._former_handler = signal.signal(signal.SIGTERM, lambda *_: raise_exit())

    def _go_to(self, model: str | None) -> None:
        """Make the model's child run active in this thread, or the parent run if model is None."""
        runs = self._notes.runs()
        wanted = self.run_id if model is None else runs.get(model)
        if wanted is not None and wanted == active_run_id():
            return
        for left, run_id in runs.items():
            if run_id == active_run_id():
                mlflow.end_run("RUNNING" if self._has_work_left(left) else "FINISHED")
        if model is not None:
            wanted = self._notes.run_of(model, lambda: self._start_child(model))
        if wanted != active_run_id():
            mlflow.start_run(run_id=wanted, nested=True)

    def _start_child(self, model: str) -> str:
        """Start the run of a model, make it active in this thread and return its id."""
        mlflow.start_run(run_name=model, nested=True, parent_run_id=self.run_id, tags=self._about)
        mlflow.log_text(self._parameters, PARAMETERS)
        self._describe_protocol()
        members = MODELS[model].members
        log_parameters(_active(), {name: self._of_models[name] for name in members})
        # not by the node that fits it, which a resumed run may leave out
        log_parameters(_active(), dict(flatten(self._of_models.get(model, {}))))
        return _active()

    def _has_work_left(self, model: str) -> bool:
        return self._nodes_left[model] > self._notes.finished()[model]

    def _end_children(self, status: str) -> None:
        """End the child runs that other threads and processes have left open."""
        client = mlflow.MlflowClient()
        for run_id in self._notes.runs().values():
            if client.get_run(run_id).info.status == "RUNNING":
                client.set_terminated(run_id, status)

    def _describe_protocol(self) -> None:
        """Log in a child run how the data were made and evaluated, and their facts and source."""
        facts = facts_of(self._catalog)
        log_parameters(_active(), dict(flatten(self._protocol)) | split_in_use(facts))
        if facts:
            log_parameters(_active(), {FACTS: facts})
            mlflow.log_input(RatingsDataset(facts, self._catalog))

    def _end_all(self, status: str, reason: str) -> None:
        """End all open runs with this status. Children without remaining nodes are finished."""
        client = mlflow.MlflowClient()
        children = self._notes.runs()
        unfinished = {run for model, run in children.items() if self._has_work_left(model)}
        with impatient():
            while (run := mlflow.active_run()) and run.info.run_id != self._foreign:
                unfinished.add(run.info.run_id)
                with suppress(MlflowException):  # a server that has gone
                    mlflow.end_run(status)
            try:
                for run_id in unfinished:
                    client.set_tag(run_id, "error", mask(reason)[:5000])
                    client.set_terminated(run_id, status)
                self._end_children("FINISHED" if self._nodes_left else status)
            except MlflowException:
                logger.error(STAYS_OPEN, self.run_id)

    def _close_unfinished(self) -> None:
        """End open runs after Ctrl-C or SIGTERM, for which Kedro calls no hook."""
        if self.run_id is not None and self._process == os.getpid():
            self._end_all("KILLED", "interrupted")
            self._forget()


def _active() -> str:
    run_id = active_run_id()
    assert run_id is not None, "before_node_run makes a run active"
    return run_id


def raise_exit() -> None:
    """Exit with the status of a process that SIGTERM has ended."""
    raise SystemExit(128 + signal.SIGTERM)
