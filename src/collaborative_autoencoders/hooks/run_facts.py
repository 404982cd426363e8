"""What a run is about, for MLflow: its models, its data and how they are evaluated."""

from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline.node import Node
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset

from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.interactions.joining import about_update, split_by_part
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.tracking.masking import mask_values

from .parameters import keys_read_by

FACTS = "data_facts"


def model_of(node: Node) -> str | None:
    """Return the model in whose namespace the node is, or None."""
    of = (node.namespace or "").rpartition(".")[2]
    return of if of in MODELS else None


def facts_of(catalog: DataCatalog) -> dict[str, Any]:
    """Return the facts about the data; empty if there are none yet."""
    return dict(catalog.load(FACTS)) if catalog.exists(FACTS) else {}


def split_in_use(facts: dict[str, Any]) -> dict[str, str]:
    """Return the kind of split that an update has, whatever the parameters say; else nothing."""
    return {"split.kind": split_by_part().kind} if about_update(facts) else {}


def headline_of(parameters: dict[str, Any]) -> tuple[str, ...]:
    """Return the metrics without a group in MLflow; empty if the pipeline evaluates nothing.

    The options are then not validated, and plain values.
    """
    evaluation = parameters.get("evaluation")
    return evaluation.headline if isinstance(evaluation, EvaluationOptions) else ()


def protocol_of(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that all models share: how data are made, fitted and evaluated."""
    from collaborative_autoencoders.pipeline_registry import register_pipelines

    whole = register_pipelines()["__default__"]  # built once, and not for every run
    read = keys_read_by({"all": whole}) - MODELS.keys()
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
        ratings = mask_values(entries.get("ratings", {}))
        entry = {key: str(value) for key, value in ratings.items()}
        super().__init__(CodeDatasetSource(entry), facts["data_set"], facts["checksum"][:8])


def is_search(run_params: dict[str, Any]) -> bool:
    """Return whether the run is a search, which resumes when the same command is run again."""
    return "tuning" in (run_params.get("pipeline_names") or [])
