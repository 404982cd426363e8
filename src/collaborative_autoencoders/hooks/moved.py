"""The store of a project that was moved or copied: its artifacts are those in the new folder."""

import logging
import shlex
from pathlib import Path

from collaborative_autoencoders.tracking.addresses import artifacts_of, local_folder, rehome

logger = logging.getLogger(__name__)


def follow_project(store: Path, experiment: str, location: str | None, project: Path) -> None:
    """Make a store in the project name the artifacts in the project.

    MLflow stores absolute addresses, so the store of a copy names the artifacts of the original.
    An experiment whose place was chosen otherwise keeps it: MLflow does not change it either.
    Raises OSError if the artifacts are neither there nor here, or if a run is using the store.
    """
    wanted, named = local_folder(location), local_folder(artifacts_of(store, experiment))
    if wanted is None or named is None or named.resolve() == wanted.resolve():
        return
    old = former_project(named, wanted, project)
    if old is None or not store.resolve().is_relative_to(project.resolve()):
        if not named.is_dir():
            raise OSError(lost(store, named, named))
    elif not wanted.is_dir():
        raise OSError(lost(store, named, wanted))
    else:
        changed, _ = rehome(store, old, project)
        logger.warning(
            "The project was moved or copied from %s. Its MLflow store now names the artifacts "
            "here (%d addresses were changed).",
            *(old, changed),
        )


def former_project(named: Path, wanted: Path, project: Path) -> Path | None:
    """Return the folder in which the project was, or None if the places have nothing in common.

    /old/mlartifacts, /new/mlartifacts, /new  ->  /old
    """
    if not wanted.is_relative_to(project):
        return None
    inside = wanted.relative_to(project).parts
    former = Path(*named.parts[: -len(inside)])
    return former if inside and named == former.joinpath(*inside) else None


def lost(store: Path, named: Path, wanted: Path) -> str:
    """Return the message for artifacts that are not where they are expected, with the fix."""
    return (
        f"MLflow's store {store} names artifacts in {named}, and there is no folder {wanted}. "
        f"Bring them to {wanted} or, if they are lost, type: mkdir -p {shlex.quote(str(wanted))}"
    )
