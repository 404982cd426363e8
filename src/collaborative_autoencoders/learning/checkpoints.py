"""Checkpoints: a fit that was killed goes on after the last epoch that was kept, to the same bits.

A fit has phases: for each member of an ensemble the fit on train, and the final fit. Each has a
file: the tensors as safetensors, all other numbers as JSON in the header. What the epochs do not
change, such as statistics of the data, is not in it: `Network.start` computes it again.

CDAE with 512 hidden units, 70,000 items and 20,000 users has 1.3 GB of them: weights, two moments
and the best weights. Writing them takes 3.3 CPU seconds, and 9 seconds with the disk.
"""

import json
import logging
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .fit import Epoch, FitState
from .options import RunningOptions
from .products import go_on_with, library_in_use

logger = logging.getLogger(__name__)

FOLDER: ContextVar[Path | None] = ContextVar("folder of checkpoints", default=None)
"""Where the fits of this thread keep their checkpoints; None: nowhere."""


class Checkpoints:
    """The checkpoints of the fit of one model: a file for each phase, in one folder."""

    def __init__(self, folder: Path, seconds: float) -> None:
        """Keep a state after an epoch if so many seconds have passed since the last one was."""
        self._folder, self._seconds = folder, seconds
        self.begin_again()

    @classmethod
    def of(cls, running: RunningOptions) -> "Checkpoints | None":
        """Return those of a fit in this thread; None if it keeps none."""
        folder, seconds = FOLDER.get(), running.checkpoint_seconds
        return None if folder is None or seconds is None else cls(folder, seconds)

    def phase(self, name: str, title: str, epochs: int) -> "Phase":
        """Return the keeper of one call of `fit`. `title` and `epochs` are for the log."""
        return Phase(self, self._folder / f"{name}.safetensors", title, epochs)

    def is_due(self) -> bool:
        """Return whether it is time for the next one."""
        return monotonic() - self._last >= self._seconds

    def write(self, path: Path, state: FitState) -> None:
        """Replace the checkpoint of a phase, whole or not at all; a full disk ends no fit."""
        try:
            write_state(path, state)
        except (SafetensorError, OSError) as error:
            logger.warning("the fit goes on without a new checkpoint, %s: %s", path, error)
        self.begin_again()

    def begin_again(self) -> None:
        """Count the seconds to the next one from now on."""
        self._last = monotonic()


@dataclass(frozen=True)
class Phase:
    """The checkpoint of a phase. It is a `Keeper`."""

    checkpoints: Checkpoints
    path: Path
    title: str
    epochs: int

    def restore(self, state: FitState) -> None:
        """Set the state to that of the checkpoint. One that is not whole gives a warning only."""
        found = self.read(state.network.device)
        if found is not None:
            self.go_on(state, *found)

    def read(self, device: torch.device) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """Return what the checkpoint holds; None if there is none or, with a warning, a bad one."""
        if not self.path.exists():
            return None
        try:
            return read_state(self.path, device)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            logger.warning("%s: starts anew; cannot use %s: %s", self.title, self.path, error)
            return None

    def go_on(self, state: FitState, about: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Set the state to what a checkpoint holds."""
        restore(state, about, tensors)
        done = len(state.history)
        logger.info("%s: goes on after epoch %d of %d", self.title, done, self.epochs)

    def keep(self, state: FitState, is_over: bool) -> None:
        """Write the state if it is time to, or at the end of a phase that has a checkpoint."""
        if self.is_time(is_over):
            self.checkpoints.write(self.path, state)

    def is_time(self, is_over: bool) -> bool:
        """Return whether it is time to write, or the end of a phase that has a checkpoint."""
        return self.checkpoints.is_due() or (is_over and self.path.exists())


def write_state(path: Path, state: FitState) -> None:
    """Write a state to a hidden file in the same folder and rename it when it is on the disk."""
    with written_beside(path, state) as written:
        written.replace(path)


@contextmanager
def written_beside(path: Path, state: FitState) -> Iterator[Path]:
    """Yield a hidden file in the same folder, on the disk, with a state. It is deleted at the end.

    Raises SafetensorError or OSError if it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = tensors_of(state)
    about = numbers_of(state) | {"crc32": crc32_of(tensors)}
    beside = path.with_name(f".{path.name}.partial")
    try:
        save_file(tensors, beside, {"about": json.dumps(about)})
        with beside.open("rb+") as written:
            os.fsync(written.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def read_state(path: Path, device: torch.device) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the numbers and the tensors of a checkpoint.

    Raises SafetensorError, OSError, KeyError, TypeError or ValueError if it is not whole, or of
    another device.
    """
    with safe_open(path, framework="pt") as file:
        about: dict[str, Any] = json.loads(file.metadata()["about"])
        names = file.keys()
        # a copy: the tensors of safetensors are the file itself
        tensors = {name: file.get_tensor(name).clone() for name in names}
    if about["crc32"] != crc32_of(tensors):
        raise ValueError("its checksum is that of other numbers")
    if about["device"] != device.type:
        raise ValueError(f"it is of a fit on {about['device']}, not {device.type}")
    return about, tensors


def tensors_of(state: FitState) -> dict[str, Tensor]:
    """Return all tensors of a state by dotted names, on the CPU and in row order."""
    groups: dict[str, Mapping[str, Any]] = {
        "network": state.network.state_dict(),
        "best": state.best.weights,
        "average": {} if state.average is None else state.average.state_dict(),
        "generator": {"state": state.generator.get_state()},
    }
    for number, of_parameter in state.optimizer.state_dict()["state"].items():
        groups[f"optimizer {number}"] = of_parameter
    return {
        f"{group}.{name}": value.detach().cpu().contiguous()
        for group, values in groups.items()
        for name, value in values.items()
        if value is not None
    }


def numbers_of(state: FitState) -> dict[str, Any]:
    """Return the numbers of a state, as JSON."""
    return {
        "device": state.network.device.type,
        "matrix_products": library_in_use(),
        "history": state.history,
        "best": [state.best.epoch, state.best.score],
        "scheduler": state.scheduler.state_dict(),
        "groups": state.optimizer.state_dict()["param_groups"],
    }


def restore(state: FitState, about: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Set a state before its first epoch to that of a checkpoint."""
    go_on_with(about.get("matrix_products"))
    groups: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        group, _, name = key.partition(".")
        groups.setdefault(group, {})[name] = value
    state.network.load_state_dict(groups["network"])
    if "average" in groups:
        state.begin_average().load_state_dict(groups["average"])
    state.optimizer.load_state_dict(
        {
            "state": {
                int(group.removeprefix("optimizer ")): values
                for group, values in groups.items()
                if group.startswith("optimizer ")
            },
            "param_groups": about["groups"],
        }
    )
    state.scheduler.load_state_dict(about["scheduler"])
    state.best.epoch, state.best.score = about["best"]
    device = state.network.device
    if "best" in groups:
        state.best.keep({name: value.to(device) for name, value in groups["best"].items()})
    state.history[:] = [Epoch(*each) for each in about["history"]]
    state.generator.set_state(tensors["generator.state"])


def crc32_of(tensors: Mapping[str, Tensor]) -> int:
    """Return the checksum of all values."""
    total = 0
    for _, value in sorted(tensors.items()):
        total = zlib.crc32(value.numpy().data, total)
    return total
