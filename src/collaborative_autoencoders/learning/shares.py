"""The share of one rank in a fit: what it gets, its fit, and what it leaves.

They are files in a folder that all ranks see. So a rank reads its own rows only, and the weights of
its users are in no message.

Dimension key: R rows of the whole matrix.
"""

import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from scipy.sparse import csr_array
from torch import Tensor

from collaborative_autoencoders.interactions.part_bytes import part_from_bytes, part_to_bytes
from collaborative_autoencoders.memory import let_threads_share_a_heap, peak_memory
from collaborative_autoencoders.metrics.table import Owners
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.network import Network
from collaborative_autoencoders.models.registry import model_class
from collaborative_autoencoders.models.shared_rows import SharedRows
from collaborative_autoencoders.processes import end_with_parent

from .best_epoch import BestOnDisk
from .checkpoints import Checkpoints
from .fit import Fit, FitState, run
from .group import Group, RankLost, SharedPhase
from .options import FittingOptions, RunningOptions
from .products import library_in_use
from .progress import progress_bar
from .running import running_on
from .validation import Everyone, Validation
from .warm_start import id_axes

GIVEN, PART = "rank_{}.given.safetensors", "rank_{}.{}.npz"
"""The files of a share: tensors and options, and the parts that it is validated on."""

LEFT, NOTE = "rank_{}.left.safetensors", "rank_{}.note.json"
"""What a rank leaves, and the error that ended it, `{}` until then."""

NETWORK, CSR, PARTS = "network.", ("data", "indices", "indptr"), ("train", "validation")


@dataclass(frozen=True)
class Share:
    """What a rank gets."""

    name: str
    """Key of the network in `MODELS`."""
    network: Network
    """Started, with the weights of this rank's users if its rows are users."""
    rows: csr_array
    """The rows of this rank."""
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


def own_tensors(network: Network) -> set[str]:
    """Return the names of the parameters and buffers of which a rank has the rows of its users.

    If ranks share items, there are none: a list of a user is made of all items.
    """
    if network.ranks_share == "items":
        return set()
    axes = id_axes(type(network), network.options, network.catalogue)
    return {name for name, axis in axes.items() if axis.owners == "users"}


def give(whole: Share, folder: Path, size: int) -> None:
    """Write the share of each of so many ranks: every n-th row of the share of all."""
    network, own_names = whole.network, own_tensors(whole.network)
    by_user = network.ranks_share == "users"
    validations: Iterable[Validation | None] = [None] * size
    if whole.validation is not None:
        validations = whole.validation.of_each_rank(size, network.learns_from, by_user=by_user)
    for rank, validation in enumerate(validations):
        rows = whole.rows[rank::size]
        tensors = {
            f"{NETWORK}{name}": value[rank::size] if name in own_names else value
            for name, value in tensors_of(network).items()
        }
        arrays = {name: getattr(rows, name) for name in CSR} | {"count_R": whole.count_R}
        users = range(network.catalogue.users)
        if by_user:
            users = users[rank::size]
        about = {
            "name": whole.name,
            "model": network.options.model_dump(mode="json"),
            "catalogue": network.catalogue._replace(users=len(users)),
            "chosen": network.chosen,
            "shape": rows.shape,
            "fitting": whole.fitting.model_dump(mode="json"),
            "running": whole.running.model_dump(mode="json"),
            "checkpoints": str(whole.checkpoints),
            **{name: getattr(whole, name) for name in ("epochs", "seed", "title", "phase")},
        }
        if validation is not None:
            everyone = cast(Everyone, validation.everyone)
            arrays |= {"likes_I": everyone.likes_I, "owners_I": everyone.owners.of_item_I}
            about |= {"metric": validation.metric, "users": everyone.owners.users}
            for part in PARTS:
                content = part_to_bytes(getattr(validation, part))
                (folder / PART.format(rank, part)).write_bytes(content)
        tensors |= {name: torch.from_numpy(array) for name, array in arrays.items()}
        write_tensors(tensors | {"drawn": whole.drawn}, about, folder / GIVEN.format(rank))


def take(folder: Path, rank: int) -> Share:
    """Return the share of a rank that `give` wrote. Nothing in it is unpickled."""
    about, of_file = read_tensors(folder / GIVEN.format(rank))
    # copies: what is read of the file would keep all of it in memory, first weights included
    tensors = {name: of_file[name].clone() for name in of_file if not name.startswith(NETWORK)}
    kind = model_class(about["name"])
    network: Network = kind(
        kind.options_class.model_validate(about["model"]), Catalogue(*about["catalogue"])
    )
    network.chosen = about["chosen"]
    for name, value in tensors_of(network).items():
        value.copy_(of_file[f"{NETWORK}{name}"])
    validation = None
    if "metric" in about:
        train, held_out = (
            part_from_bytes((folder / PART.format(rank, part)).read_bytes()) for part in PARTS
        )
        owners = Owners(tensors["owners_I"].numpy(), about["users"])
        everyone = Everyone(tensors["likes_I"].numpy(), owners)
        validation = Validation(about["metric"], train, held_out, everyone)
    cells = tuple(tensors[name].numpy() for name in CSR)
    return Share(
        network=network,
        rows=csr_array(cells, shape=about["shape"]),
        count_R=tensors["count_R"].numpy(),
        validation=validation,
        fitting=FittingOptions.model_validate(about["fitting"]),
        running=RunningOptions.model_validate(about["running"]),
        checkpoints=Path(about["checkpoints"]),
        drawn=tensors["drawn"],
        **{name: about[name] for name in ("name", "epochs", "seed", "title", "phase")},
    )


def tensors_of(network: Network) -> dict[str, Tensor]:
    """Return all that a network has learned and computed from data, also what is not its state."""
    named = (*network.named_parameters(), *network.named_buffers())
    return {name: value.detach() for name, value in named}


def write_tensors(tensors: Mapping[str, Tensor], about: Any, path: Path) -> None:
    """Write tensors, and a value of JSON about them, as safetensors."""
    own = {name: value.cpu().contiguous() for name, value in tensors.items()}
    save_file(own, path, {"about": json.dumps(about)})


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what `write_tensors` wrote: the value of JSON, and tensors by name."""
    with safe_open(path, framework="pt") as file:
        names = file.keys()
        return json.loads(file.metadata()["about"]), {name: file.get_tensor(name) for name in names}


def fit_share(folder: str) -> None:
    """Fit the share of this process, a rank that the environment describes as `torchrun` does.

    The share is in the folder, and so is what the rank leaves: tensors, or the error that ended it.
    A rank whose task is killed ends too.
    """
    end_with_parent()
    rank, files = int(os.environ["RANK"]), Path(folder)
    let_threads_share_a_heap()
    with noted(files / NOTE.format(rank)):
        level = logging.INFO if rank == 0 else logging.WARNING
        logging.basicConfig(level=level, format="%(message)s", stream=sys.stdout)
        share = take(files, rank)
        with (
            running_on(share.running) as device,
            group_on(device),
            TemporaryDirectory(dir=local_disk()) as own_files,
        ):
            network, found = fit_here(share, device, Path(own_files) / "best.safetensors")
        own_names = own_tensors(network)
        left = {
            name: value
            for name, value in network.state_dict().items()
            if rank == 0 or name in own_names
        }
        about = {
            "fit": found,
            "chosen": network.chosen,
            "peak_gb": peak_gb(device),
            "matrix_products": library_in_use(),
        }
        write_tensors(left, about, files / LEFT.format(rank))


def local_disk() -> str | None:
    """Return a folder on a disk of this worker of Spark, where it spills; None: that of the system.

    What only this rank reads is not for the drive that all ranks see.
    """
    return os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or None


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


def fit_here(share: Share, device: torch.device, best: Path) -> tuple[Network, Fit]:
    """Return the network of this rank, and the fit, which is the same on all ranks.

    `best` is the file for the weights of the best epoch.
    """
    network, fitting = share.network.to(device), share.fitting
    parameters, own_names = dict(network.named_parameters()), own_tensors(network)
    ranks = Group(
        [weights for name, weights in parameters.items() if name not in own_names],
        [weights for name, weights in parameters.items() if name in own_names],
    )
    of_all = network.ranks_share == "items"
    rows = SharedRows(share.rows, device, share.count_R, ranks.rank, ranks.size, of_all)
    generator = torch.Generator(device).manual_seed(share.seed)
    if device.type == "cpu":
        generator.set_state(share.drawn)
    seconds, keeper = share.running.checkpoint_seconds, None
    if seconds is not None:
        path = checkpoint_of(share.checkpoints, share.phase, ranks.rank, ranks.size)
        kept = Checkpoints(share.checkpoints, seconds)
        keeper = SharedPhase(kept, path, share.title, share.epochs, ranks)
    state = FitState.of(network, rows, fitting, generator, ranks)
    state.best = BestOnDisk(fitting.higher_is_better, fitting.patience, best)
    with progress_bar(share.title, share.epochs) as show_epoch:
        found = run(
            state,
            rows,
            fitting,
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
    return (peak_memory() or 0) / 1e9
