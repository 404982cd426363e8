"""Tracks a run in MLflow: one parent run per `kedro run`, one child run per model in it."""

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

from . import dataset_logging
from .parameters import keys_read_by
from .store import check_store, unusable

FACTS = "data_facts"


class ModelRunsHook(MlflowHook):
    """kedro-mlflow's hook with a child run per model and everything needed to reproduce a run.

    A child run is ended when the run continues with another model, and resumed later. It stays open
    after a node, because Kedro saves the outputs, which are logged, after the node.
    """

    def __init__(self) -> None:
        """Create the hook. No run is tracked yet."""
        super().__init__()
        self._former_handler: Any = None
        self._forget()
        atexit.register(self._close_unfinished)

    def _forget(self) -> None:
        self.run_id: str | None = None
        self._children: dict[str, str] = {}
        self._nodes_left: Counter[str | None] = Counter()
        self._about: dict[str, str] = {}
        self._parameters: dict[str, Any] = {}
        self._protocol: dict[str, Any] = {}
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
        for library in ("mlflow", "kedro_mlflow"):  # each set INFO when it was imported
            logging.getLogger(library).setLevel(logging.WARNING)
        file = check_store(context.config_loader["mlflow"])
        try:
            # two processes that create its tables at the same time would corrupt it
            with nullcontext() if file is None else lock_beside(file):
                super().after_context_created(context)
        except (MlflowException, CommandError) as error:
            raise OSError(unusable(mlflow.get_tracking_uri(), str(error))) from None

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Start the parent run and tag it with its origin."""
        self._forget()
        super().before_pipeline_run(run_params, pipeline, catalog)
        if self.run_id is None:  # mlflow.yml disables tracking of this pipeline
            return
        self._catalog = catalog
        if not run_params["only_missing_outputs"]:  # otherwise the remaining nodes are unknown
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
        self._parameters = self._context.config_loader["parameters"]
        self._protocol = protocol_of(self._context.params)  # validated, as nodes get them
        self._describe_run(f"{self._about['environment']}: {pipeline_names(run_params)}")

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Make the run of the node's model active and log the parameters that the node reads."""
        if self.run_id is None:
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
        """Count the remaining nodes of each child run."""
        self._nodes_left[model_of(node)] -= 1

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log the dataset if the catalog entry has `metadata: {mlflow: …}`."""
        if self.run_id is None:
            return
        metadata = getattr(self._catalog.get(dataset_name), "metadata", None) or {}
        kind = metadata.get("mlflow")
        with uninterrupted():
            if kind is not None:
                dataset_logging.LOG[kind](_active(), dataset_name.rpartition(".")[2], data)
            if dataset_name == FACTS:
                mlflow.log_input(RatingsDataset(data, self._catalog))

    @hook_impl
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """End the child run and the parent run."""
        if self.run_id is not None:
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
        """End the parent run, and every child run with remaining nodes, as FAILED."""
        if self.run_id is not None:
            self._end_all("FAILED", f"{type(error).__name__}: {error}")
        self._forget()

    def _handle_termination(self, run_params: dict[str, Any]) -> None:
        """Handle SIGTERM while this run lasts, so that open MLflow runs are closed."""
        again = "the same command" if is_search(run_params) else "kedro run --only-missing-outputs"
        if threading.current_thread() is threading.main_thread():
            self._former_handler = signal.signal(signal.SIGTERM, lambda *_: raise_exit(again))

    def _describe_run(self, name: str) -> None:
        mlflow.set_tags({"mlflow.runName": name, **self._about})
        mlflow.log_dict(self._parameters, "parameters.yml")

    def _go_to(self, model: str | None) -> None:
        """Make the model's child run active, or the parent run if model is None."""
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
        """Log in a child run how the data were made and evaluated, and their facts and source."""
        log_parameters(_active(), self._protocol)
        if not self._catalog.exists(FACTS):
            return
        facts = self._catalog.load(FACTS)
        log_parameters(_active(), {FACTS: facts})
        mlflow.log_input(RatingsDataset(facts, self._catalog))

    def _end_all(self, status: str, reason: str) -> None:
        """End all open runs with this status. Children without remaining nodes are finished."""
        client = mlflow.MlflowClient()
        unfinished = {run for model, run in self._children.items() if self._nodes_left[model] > 0}
        while mlflow.active_run():
            unfinished.add(_active())
            mlflow.end_run(status)
        for run_id in unfinished:
            client.set_tag(run_id, "error", reason[:5000])
            client.set_terminated(run_id, status)

    def _close_unfinished(self) -> None:
        """End open runs after Ctrl-C or SIGTERM, for which Kedro calls no hook."""
        if self.run_id is not None:
            self._end_all("KILLED", "interrupted")
            self._forget()

    def _close_abandoned(self) -> None:
        """End runs as KILLED whose process no longer exists (kill -9, loss of power)."""
        client = mlflow.MlflowClient()
        experiment = client.get_run(_active()).info.experiment_id
        for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
            if is_abandoned(run.data.tags.get("process", "")):
                client.set_terminated(run.info.run_id, "KILLED")


def model_of(node: Node) -> str | None:
    """Return the model in whose namespace the node is, or None."""
    top = (node.namespace or "").split(".")[0]
    return top if top in MODELS else None


def protocol_of(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that all models share: how data are made, fitted and evaluated."""
    from collaborative_autoencoders.pipeline_registry import from_data_to_leaderboard

    read = keys_read_by({"all": from_data_to_leaderboard(MODELS)}) - MODELS.keys()
    return {key: value for key, value in parameters.items() if key in read}


def pipeline_names(run_params: dict[str, Any]) -> str:
    """Return the names of the pipelines of a run, for the run's name."""
    names = run_params.get("pipeline_names") or ["__default__"]
    return " + ".join(name.strip("_") for name in names)


class RatingsDataset(MetaDataset):
    """The ratings as an input of a run in MLflow: name, checksum and source."""

    profile = None

    def __init__(self, facts: dict[str, Any], catalog: DataCatalog) -> None:
        """Create the input; the checksum is cut to eight characters, which is what MLflow shows."""
        entries, *_ = catalog.to_config()
        entry = {key: str(value) for key, value in entries.get("ratings", {}).items()}
        super().__init__(CodeDatasetSource(entry), facts["data_set"], facts["checksum"][:8])


def _active() -> str:
    run = mlflow.active_run()
    assert run is not None, "the parent run is open while nodes run"
    return str(run.info.run_id)


def is_search(run_params: dict[str, Any]) -> bool:
    """Return whether the run is a search, which resumes when the same command is run again."""
    return "tuning" in (run_params.get("pipeline_names") or [])


def raise_exit(again: str) -> None:
    """Exit with the status of a process ended by SIGTERM, and print how to resume."""
    print(f"Stopped by SIGTERM. To resume, run: {again}", file=sys.stderr)
    raise SystemExit(128 + signal.SIGTERM)
