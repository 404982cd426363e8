"""The share of one rank in a fit: what it gets, its fit, and what it leaves.

They are files in a folder that all ranks see. So a rank reads its own rows only, and the weights of
its users are in no message.

Dimension key: R rows of the whole matrix.
"""

import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.sparse import csr_array
from torch import Tensor, nn

from collaborative_autoencoders.models.network import Network
from collaborative_autoencoders.models.shared_rows import SharedRows

from .checkpoints import Checkpoints
from .fit import Fit, FitState, run
from .group import Group, RankLost, SharedPhase
from .options import FittingOptions, RunningOptions
from .progress import progress_bar
from .running import running_on
from .validation import Validation
from .warm_start import id_axes

GIVEN, LEFT, NOTE = "rank_{}.given", "rank_{}.left.safetensors", "rank_{}.note.json"
"""The files of a rank: its share, what it leaves, and the error that ended it, `{}` until then."""


@dataclass(frozen=True)
class Share:
    """What a rank gets."""

    network: Network
    """Started, with the weights of this rank's users."""
    rows: csr_array
    """The rows of this rank's users."""
    count_R: NDArray[np.integer]
    """The number of non-zeros of every row."""
    validation: Validation | None
    fitting: FittingOptions
    running: RunningOptions
    epochs: int
    seed: int
    drawn: Tensor
    """State of the generator, which has drawn the first weights on a CPU."""
    title: str
    checkpoints: Path
    """Folder of checkpoints."""
    phase: str
    """Name of the phase's checkpoint, without the rank."""

    def divided(self, size: int) -> Iterator["Share"]:
        """Yield the share of each rank, given that of one rank."""
        validations: Iterable[Validation | None] = [None] * size
        if self.validation is not None:
            validations = self.validation.of_each_rank(size, self.network.learns_from)
        for rank, validation in enumerate(validations):
            network = of_rank(self.network, rank, size)
            rows = self.rows[rank::size]
            yield replace(self, network=network, rows=rows, validation=validation)


def user_tensors(network: Network) -> set[str]:
    """Return the names of the parameters and buffers that have a row per user."""
    axes = id_axes(type(network), network.options, network.catalogue)
    return {name for name, axis in axes.items() if axis.owners == "users"}


def of_rank(network: Network, rank: int, size: int) -> Network:
    """Return a network with every n-th row of the tensors of users; it has the others in common."""
    of_users = user_tensors(network)
    kept: dict[int, Any] = {}
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        kept[id(tensor)] = tensor
        if name in of_users:
            rows = tensor.detach()[rank::size].clone()
            kept[id(tensor)] = nn.Parameter(rows) if isinstance(tensor, nn.Parameter) else rows
    own = deepcopy(network, kept)
    users = len(range(rank, network.catalogue.users, size))
    own.catalogue = network.catalogue._replace(users=users)
    return own


def give(share: Share, path: Path) -> str:
    """Write the share of a rank, and return the SHA-256 of the file, which the rank is told."""
    with path.open("w+b") as file:
        # a part of more than 4 GB needs a newer protocol than torch's own
        torch.save(share, file, pickle_protocol=5)
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def take(path: Path, digest: str) -> Share:
    """Return the share that `give` wrote.

    A file that is unpickled can run code, so it must be the one of which the driver told the
    digest, whoever else can write into the folder. Raises ValueError if it is not.
    """
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:
            raise ValueError(f"{path} was changed since the driver wrote it. Run the fit again")
        file.seek(0)
        share: Share = torch.load(file, weights_only=False)
    return share


def fit_share(told: str) -> None:
    """Fit the share of this process, a rank that the environment describes as `torchrun` does.

    It is told the folder and the digests of all shares, as JSON. What it leaves is in the folder.
    If it ends with an error, so is the error.
    """
    rank, (folder, digests) = int(os.environ["RANK"]), json.loads(told)
    with noted(Path(folder) / NOTE.format(rank)):
        level = logging.INFO if rank == 0 else logging.WARNING
        logging.basicConfig(level=level, format="%(message)s", stream=sys.stdout)
        share = take(Path(folder) / GIVEN.format(rank), digests[rank])
        with running_on(share.running) as device, group_on(device):
            network, found = fit_here(share, device)
        of_users = user_tensors(network)
        left = {
            name: value.cpu().contiguous()
            for name, value in network.state_dict().items()
            if rank == 0 or name in of_users
        }
        about = {"fit": found, "chosen": network.chosen, "peak_gb": peak_gb(device)}
        save_file(left, Path(folder) / LEFT.format(rank), {"about": json.dumps(about)})


@contextmanager
def noted(note: Path) -> Iterator[None]:
    """Write an error to a note, which is empty before."""
    note.write_text("{}", encoding="utf-8")
    try:
        yield
    except Exception as error:
        kinds = (kind.__name__ for kind in (ValueError, RankLost) if isinstance(error, kind))
        about = {"kind": next(kinds, type(error).__name__), "message": str(error)}
        note.write_text(json.dumps(about), encoding="utf-8")
        raise


@contextmanager
def group_on(device: torch.device) -> Iterator[None]:
    """Join the group of the ranks: NCCL on cards, else Gloo."""
    is_card = device.type == "cuda"
    if is_card:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    dist.init_process_group("nccl" if is_card else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def fit_here(share: Share, device: torch.device) -> tuple[Network, Fit]:
    """Return the network of this rank, and the fit, which is the same on all ranks."""
    network = share.network.to(device)
    parameters, of_users = dict(network.named_parameters()), user_tensors(network)
    ranks = Group(
        [weights for name, weights in parameters.items() if name not in of_users],
        [weights for name, weights in parameters.items() if name in of_users],
    )
    rows = SharedRows(share.rows, device, share.count_R, ranks.rank, ranks.size)
    generator = torch.Generator(device).manual_seed(share.seed)
    if device.type == "cpu":
        generator.set_state(share.drawn)
    seconds, keeper = share.running.checkpoint_seconds, None
    if seconds is not None:
        path = checkpoint_of(share.checkpoints, share.phase, ranks.rank, ranks.size)
        kept = Checkpoints(share.checkpoints, seconds)
        keeper = SharedPhase(kept, path, share.title, share.epochs, ranks)
    with progress_bar(share.title, share.epochs) as show_epoch:
        found = run(
            FitState.of(network, rows, share.fitting, generator, ranks),
            rows,
            share.fitting,
            epochs=share.epochs,
            validate=None if share.validation is None else ranks.validated(share.validation),
            on_epoch=show_epoch,
            keeper=keeper,
        )
    return network, found


def checkpoint_of(folder: Path, phase: str, rank: int, size: int) -> Path:
    """Return the path of a rank's checkpoint."""
    return folder / f"{phase}.rank_{rank}_of_{size}.safetensors"


def peak_gb(device: torch.device) -> float:
    """Return the most memory of this process so far in GB: of the card, or else of the machine."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
