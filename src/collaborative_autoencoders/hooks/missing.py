"""Files that a run reads, and that nothing has made yet."""

from typing import Any

from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline

from collaborative_autoencoders.datasets.file_dataset import OneFileDataset
from collaborative_autoencoders.state.lineage import Lineage

from .commands import making_missing


def refuse_missing(
    lineage: Lineage, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
) -> None:
    """Raise DatasetError, with a command, if a file is missing that the project can make.

    Raw tables are reported when they are read, with what to do about each kind of them.
    """
    missing = {}
    for name in sorted(pipeline.inputs()):
        step, dataset = lineage.step_of(name), catalog.get(name)
        if step is None or not isinstance(dataset, OneFileDataset):
            continue
        if dataset.needs_a_file and not dataset.exists():
            missing[name] = step.name, dataset.filepath
    if missing:
        name, (_, path) = next(iter(missing.items()))
        others = f" ({len(missing) - 1} more files are missing)" if len(missing) > 1 else ""
        steps = [step for step, _ in missing.values()]
        raise DatasetError(
            f"{name}: there is no {path}{others}. Make what is missing: "
            f"{making_missing(steps, run_params)}"
        )
