"""Fits of a network on several ranks, from the process that drives them.

This process starts the network, so that its first weights are those of a fit of one rank. It gives
each rank its share, and puts together what they leave.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array

from collaborative_autoencoders.models.network import Network

from .checkpoints import FOLDER
from .fit import Epoch, Fit
from .options import FittingOptions, RunningOptions
from .shares import LEFT, NOTE, Share, checkpoint_of, give, own_tensors, read_tensors
from .validation import Validation

Launch = Callable[[Callable[[str], None], str], None]
"""Calls the function with the text in one process per rank, and returns when all have ended.

It raises an error if one of them does not end well."""


@dataclass
class OnRanks:
    """Fits networks on ranks. A rank has every n-th row."""

    launch: Launch
    running: RunningOptions
    peak_gb: list[float] = field(default_factory=list)
    """The most memory of each rank so far, in GB."""
    libraries: set[str] = field(default_factory=set)
    """What has computed the matrix products of the ranks."""

    def fit(
        self,
        network: Network,
        train_UI: csr_array,
        fitting: FittingOptions,
        generator: torch.Generator,
        *,
        epochs: int,
        validation: Validation | None,
        name: str,
        title: str,
        phase: str,
    ) -> Fit:
        """Fit a started network, as `fit` does, and return the record of the fit.

        `name` is its key in `MODELS`.

        Raises ValueError as `fit` does or if the ranks have no folder in common, and RuntimeError
        if a rank is lost.
        """
        folder, rows = self._folder(title), network.rows(train_UI)
        whole = Share(
            name=name,
            network=network,
            rows=rows,
            count_R=np.diff(rows.indptr),
            validation=validation,
            fitting=fitting,
            running=self.running,
            epochs=epochs,
            seed=generator.initial_seed(),
            drawn=generator.get_state(),
            title=title,
            checkpoints=folder,
            phase=phase,
        )
        files = folder / "ranks"
        shutil.rmtree(files, ignore_errors=True)
        files.mkdir(parents=True)
        try:
            give(whole, files, self.running.ranks)
            self._launch(files, title, phase)
            return self._collect(files, network)
        finally:  # a rank that ends late may still write: that must not hide why another was lost
            shutil.rmtree(files, ignore_errors=True)

    def _folder(self, title: str) -> Path:
        """Return the folder that all ranks see. Raises ValueError if there is none."""
        folder = FOLDER.get()
        if folder is None:
            raise ValueError(
                f"{title}: running.ranks: {self.running.ranks} needs a folder that all ranks see, "
                "beside the model: let the catalog entry {model}.fitted be a file on a disk, or "
                "set running.ranks: 1"
            )
        return folder

    def _launch(self, files: Path, title: str, phase: str) -> None:
        """Let every rank fit its share. Raises the error that says best why one did not."""

        def fit_one(folder: str) -> None:
            # a process of Spark unpickles this and only waits for its rank, so that it need not
            # have torch and the models, a quarter of a GB
            from collaborative_autoencoders.learning.shares import fit_share

            fit_share(folder)

        try:
            self.launch(fit_one, str(files))
        except Exception as error:
            notes = [note_in(files / NOTE.format(rank)) for rank in range(self.running.ranks)]
            for rank, note in enumerate(notes):
                if note and note["kind"] == "ValueError":
                    raise ValueError(note["message"]) from None
                if note and note["kind"] != "RankLost":
                    raise RuntimeError(f"{title}: rank {rank}: {note['message']}") from error
            lost = [
                rank
                for rank, note in enumerate(notes)
                if note == {} and not (files / LEFT.format(rank)).exists()
            ]
            if not lost:
                raise
            raise RuntimeError(self._about_lost(lost, files.parent, title, phase)) from error

    def _about_lost(self, ranks: list[int], folder: Path, title: str, phase: str) -> str:
        """Return what to say of a fit after which these ranks have left nothing, not even an error.

        Of a host that cannot be reached, the others may hear too late to leave one.
        """
        size = self.running.ranks
        kept = [checkpoint_of(folder, phase, rank, size) for rank in range(size)]
        epochs = {epochs_in(path) for path in kept}
        lost = (
            f"{title}: rank {' or '.join(map(str, ranks))} of {size} was lost. Its process has "
            "ended without an error of its own, as one that is killed or has no memory left."
        )
        if epochs == {0}:
            return (
                f"{lost} The fit has no checkpoint yet, so the same command begins it again. With "
                "a lower running.checkpoint_seconds it has one earlier"
            )
        if len(epochs) > 1:
            return (
                f"{lost} The ranks have kept the epochs {sorted(epochs)}, of which none is that of "
                "all, so the same command begins the fit again"
            )
        return (
            f"{lost} All ranks have kept epoch {epochs.pop()} in {folder}: go on from there with "
            "`kedro run --env spark --only-missing-outputs`"
        )

    def _collect(self, files: Path, network: Network) -> Fit:
        """Give the network what the ranks have left, and return the record of the fit."""
        state, own_names, peaks = network.state_dict(), own_tensors(network), list[float]()
        about: dict[str, Any] = {}
        for rank in reversed(range(self.running.ranks)):  # the first one has it all
            about, left = read_tensors(files / LEFT.format(rank))
            peaks.insert(0, about["peak_gb"])
            self.libraries.add(about["matrix_products"])
            for name, value in left.items():
                own = name in own_names
                place = state[name][rank :: self.running.ranks] if own else state[name]
                place.copy_(value)
        network.chosen |= about["chosen"]
        self.peak_gb = list(map(max, peaks, self.peak_gb or peaks))
        history, best_epoch = about["fit"]
        return Fit([Epoch(*each) for each in history], best_epoch)


def epochs_in(path: Path) -> int:
    """Return the number of epochs in a checkpoint; 0 if there is none."""
    return len(read_tensors(path)[0]["history"]) if path.exists() else 0


def note_in(path: Path) -> dict[str, Any] | None:
    """Return the note of a rank: empty before it has an error; None if it has not begun."""
    if not path.exists():
        return None
    note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return note
