"""MLflow follows a run: one parent run per `kedro run`, one child run per model in it."""

import atexit
import logging
import signal
import sys
import threading
from collections import Counter
from contextlib import nullcontext
from typing import Any

import mlflow
from alembic.util import CommandError
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.exceptions import MlflowException

from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.tracking.files import lock_beside
from collaborative_autoencoders.tracking.interruptions import uninterrupted
from collaborative_autoencoders.tracking.logged import flatten, log_metrics, log_parameters
from collaborative_autoencoders.tracking.provenance import (
    command_line,
    git_state,
    is_abandoned,
    peak_memory_mb,
    selection,
    this_process,
    versions_and_machine,
)

from . import declared
from .parameters import keys_read_by
from .store import check_store, unusable

FACTS = "data_facts"


class ModelRunsHook(MlflowHook):
    """kedro-mlflow's hook with a child run per model, and with all that repeats a run.

    A child is ended when the run goes on to another model and resumed when it comes back; it stays
    open after a node because the outputs, which are logged, are saved only then.
    """

    def __init__(self) -> None:
        """No run is followed yet."""
        super().__init__()
        self._former_handler: Any = None
        self._forget()
        atexit.register(self._close_unfinished)

    def _forget(self) -> None:
        self.run_id: str | None = None
        self._children: dict[str, str] = {}
        self._nodes_left: Counter[str | None] = Counter()
        self._about: dict[str, str] = {}
        if self._former_handler is not None:
            signal.signal(signal.SIGTERM, self._former_handler)
            self._former_handler = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Open the store that mlflow.yml names.

        Raises ValueError for a wrong mlflow.yml, OSError for a store that cannot be opened.
        """
        self._context = context
        self._close_unfinished()
        for library in ("mlflow", "kedro_mlflow"):  # each set INFO when it was imported
            logging.getLogger(library).setLevel(logging.WARNING)
        file = check_store(context.config_loader["mlflow"])
        try:
            # two runs that make its tables at the same time would spoil it
            with nullcontext() if file is None else lock_beside(file):
                super().after_context_created(context)
        except (MlflowException, CommandError) as error:
            raise OSError(unusable(mlflow.get_tracking_uri(), str(error))) from None

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Start the parent run and say in it where it comes from."""
        self._forget()
        super().before_pipeline_run(run_params, pipeline, catalog)
        if not self._is_mlflow_enabled:
            return
        self._catalog = catalog
        if not run_params["only_missing_outputs"]:  # else who knows which nodes are left
            self._nodes_left = Counter(model_of(node) for node in pipeline.nodes)
        self._close_abandoned()
        self._handle_termination(run_params)
        self._about = {
            "command": command_line(),
            "environment": run_params["env"] or "base",
            "selection": selection(run_params),
            "process": this_process(),
            **versions_and_machine(),
            **git_state(self._context.project_path),
        }
        self._describe_run(f"{self._about['environment']}: {pipeline_names(run_params)}")

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Go to the run that the node belongs to and log the parameters it reads."""
        if not self._is_mlflow_enabled:
            return
        model = model_of(node)
        with uninterrupted():
            self._go_to(model)
        parameters: dict[str, Any] = {}
        for name, value in inputs.items():
            if name.startswith("params:") and getattr(value, "is_logged", True):
                key = name.removeprefix("params:")
                parameters |= dict(flatten(value, "" if key == model else key))
        with uninterrupted():
            log_parameters(_active(), parameters)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Count the nodes that a child has left."""
        self._nodes_left[model_of(node)] -= 1

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log what the catalog declares for MLflow."""
        if not self._is_mlflow_enabled or self.run_id is None:
            return
        metadata = getattr(self._catalog.get(dataset_name), "metadata", None) or {}
        kind = metadata.get("mlflow")
        with uninterrupted():
            if kind is not None:
                declared.LOG[kind](_active(), dataset_name.rpartition(".")[2], data)
            if dataset_name == FACTS:
                mlflow.log_input(RatingsDataset(data, self._catalog))

    @hook_impl
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """End the child and the parent."""
        if self._is_mlflow_enabled:
            self._go_to(None)
            log_metrics(_active(), {"peak_memory_mb": peak_memory_mb()})
        super().after_pipeline_run(run_params, pipeline, catalog)
        self._forget()

    @hook_impl
    def on_pipeline_error(
        self,
        error: Exception,
        run_params: dict[str, Any],
        pipeline: Pipeline,
        catalog: DataCatalog,
    ) -> None:
        """End as FAILED the parent and every child that had nodes left."""
        if self._is_mlflow_enabled and self.run_id is not None:
            self._end_all("FAILED", f"{type(error).__name__}: {error}")
        self._forget()

    def _handle_termination(self, run_params: dict[str, Any]) -> None:
        """As long as this run goes on, SIGTERM ends the process so that what is open is closed."""
        again = "the same command" if is_search(run_params) else "kedro run --only-missing-outputs"
        if threading.current_thread() is threading.main_thread():
            self._former_handler = signal.signal(signal.SIGTERM, lambda *_: raise_exit(again))

    def _describe_run(self, name: str) -> None:
        mlflow.set_tags({"mlflow.runName": name, **self._about})
        mlflow.log_dict(self._context.config_loader["parameters"], "parameters.yml")

    def _go_to(self, model: str | None) -> None:
        """Make the model's child the active run, or the parent for None."""
        wanted = self.run_id if model is None else self._children.get(model)
        if wanted == _active():
            return
        if _active() != self.run_id:
            mlflow.end_run()
        if model is not None:
            tags = None if wanted else self._about
            run = mlflow.start_run(run_id=wanted, run_name=model, nested=True, tags=tags)
            if wanted is None:
                self._children[model] = run.info.run_id
                self._describe_run(model)
                self._describe_protocol()

    def _describe_protocol(self) -> None:
        """In a child too: how the data were made and judged, their facts and their source."""
        from collaborative_autoencoders.pipeline_registry import from_data_to_leaderboard

        read = keys_read_by({"all": from_data_to_leaderboard(MODELS)}) - MODELS.keys()
        shared = {key: self._context.params[key] for key in self._context.params if key in read}
        log_parameters(_active(), shared)
        if not self._catalog.exists(FACTS):
            return
        facts = self._catalog.load(FACTS)
        log_parameters(_active(), {FACTS: facts})
        mlflow.log_input(RatingsDataset(facts, self._catalog))

    def _end_all(self, status: str, reason: str) -> None:
        """End whatever this run has open with this status; children without nodes left are done."""
        client = mlflow.MlflowClient()
        unfinished = {run for model, run in self._children.items() if self._nodes_left[model] > 0}
        while mlflow.active_run():
            unfinished.add(_active())
            mlflow.end_run(status)
        for run_id in unfinished:
            client.set_tag(run_id, "error", reason[:5000])
            client.set_terminated(run_id, status)

    def _close_unfinished(self) -> None:
        """After Ctrl-C or SIGTERM, of which Kedro tells no hook."""
        if self.run_id is not None:
            self._end_all("KILLED", "interrupted")
            self._forget()

    def _close_abandoned(self) -> None:
        """Runs whose process is gone without a word (kill -9, power) are ended as KILLED."""
        client = mlflow.MlflowClient()
        experiment = self.mlflow_config.tracking.experiment._experiment.experiment_id
        for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
            if is_abandoned(run.data.tags.get("process", "")):
                client.set_terminated(run.info.run_id, "KILLED")


def model_of(node: Node) -> str | None:
    """The model whose namespace the node is in."""
    top = (node.namespace or "").split(".")[0]
    return top if top in MODELS else None


def pipeline_names(run_params: dict[str, Any]) -> str:
    """The pipelines of a run, as they stand in its name."""
    names = run_params.get("pipeline_names") or ["__default__"]
    return " + ".join(name.strip("_") for name in names)


class RatingsDataset(MetaDataset):
    """The ratings as MLflow lists the inputs of a run: name, checksum, where they came from."""

    profile = None

    def __init__(self, facts: dict[str, Any], catalog: DataCatalog) -> None:
        """The checksum stands in eight characters, as MLflow shows no more."""
        described = {key: str(value) for key, value in catalog["ratings"]._describe().items()}
        super().__init__(CodeDatasetSource(described), facts["data_set"], facts["checksum"][:8])


def _active() -> str:
    run = mlflow.active_run()
    assert run is not None, "the parent run is open as long as nodes run"
    return str(run.info.run_id)


def is_search(run_params: dict[str, Any]) -> bool:
    """Whether the run is of a study, which goes on by itself."""
    return "tuning" in (run_params.get("pipeline_names") or [])


def raise_exit(again: str) -> None:
    """Leave with the status of a process that SIGTERM has ended, and say how to go on."""
    print(f"Told to stop; go on with: {again}", file=sys.stderr)
    raise SystemExit(128 + signal.SIGTERM)
