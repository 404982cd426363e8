"""A fit on two ranks is that of one process: the same batches and noise, summed in another order.

The ranks are two processes of this machine, which exchange by Gloo.
"""

import os
import shutil
import socket
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from checkerboard import World, checkerboard, with_others
from model_options import RUNNING, options_of

from collaborative_autoencoders.learning import group, on_ranks
from collaborative_autoencoders.learning.checkpoints import FOLDER
from collaborative_autoencoders.learning.fit_model import Outcome, fit_model
from collaborative_autoencoders.learning.on_ranks import OnRanks
from collaborative_autoencoders.learning.shares import Share, give, take, tensors_of
from collaborative_autoencoders.learning.validation import validation_of
from collaborative_autoencoders.models.bytes import model_to_bytes
from collaborative_autoencoders.models.cdae import CDAE
from collaborative_autoencoders.models.network import Penalised

pytestmark = pytest.mark.slow

WORKER = """
import os, signal, sys
from collaborative_autoencoders.learning import group, shares

keep = group.SharedPhase.keep

def keep_and_die(phase, state, is_over):
    keep(phase, state, is_over)
    if len(state.history) == last:
        os.kill(os.getpid(), signal.SIGKILL)

group.SharedPhase.keep = keep_and_die
for line in sys.stdin:
    os.environ["MASTER_PORT"], last, folder = line.rstrip("\\n").split(" ", 2)
    last = int(last)
    try:
        shares.fit_share(folder)
    except Exception:
        print("failed", flush=True)
    else:
        print("done", flush=True)
"""
"""A process that fits shares, and is killed after the epoch `last`."""
TWO = RUNNING.model_copy(update={"ranks": 2, "checkpoint_seconds": 0})
SHORT = {"fitting__epochs": 4, "fitting__batch_size": 16}
EARLY = {"fitting__epochs": 12, "fitting__patience": 1, "fitting__learning_rate": 0.3}
FEW_ROWS = {"fitting__batch_size": 2, "fitting__epochs": 2}  # a rank often has none of a batch
ADAPTED = {f"model__{name}_penalty": "auto" for name in ("encoder", "user", "decoder")}


class Workers:
    """Processes of ranks, begun when they are asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.processes: list[subprocess.Popen[str]] = []
        self.dies_after = dict.fromkeys(range(size), 0)
        self.said: list[str] = []

    def launch(self, function: Any, folder: str) -> None:
        if not self.processes:
            self.processes = [self._begin(rank) for rank in range(self.size)]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for rank, process in enumerate(self.processes):
            process.stdin.write(f"{port} {self.dies_after[rank]} {folder}\n")
            process.stdin.flush()
        ends = [self._end(process) for process in self.processes]
        if ends != ["done"] * self.size:
            raise RuntimeError(f"the processes ended so: {ends}")

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()
        self.processes = []

    def _begin(self, rank: int) -> "subprocess.Popen[str]":
        group = {"RANK": str(rank), "WORLD_SIZE": str(self.size), "MASTER_ADDR": "127.0.0.1"}
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        environment = os.environ | group | {"PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.Popen([sys.executable, "-c", WORKER], env=environment, **streams)

    def _end(self, process: "subprocess.Popen[str]") -> str:
        for line in process.stdout:
            if line.strip() in ("done", "failed"):
                return line.strip()
            self.said.append(line.strip())
        return f"signal {-process.wait()}"


@pytest.fixture(scope="module")
def workers():
    workers = Workers(2)
    yield workers
    workers.close()


@pytest.fixture(scope="module")
def three_workers():
    workers = Workers(3)
    yield workers
    workers.close()


@pytest.fixture
def folder(tmp_path):
    token = FOLDER.set(tmp_path / "fit")
    yield tmp_path / "fit"
    FOLDER.reset(token)


def with_unseen(world: World) -> World:
    """The world with users whose ratings are in validation only, half of them to fold in."""
    is_unseen_U = np.arange(world.catalogue.users) % 4 == 1
    held = world.train.without_users(~is_unseen_U)
    starts = held.ratings.indptr[:-1][is_unseen_U]
    is_fold_in_N = np.arange(held.ratings.nnz) % 2 == 0
    is_fold_in_N[starts] = True
    train = world.train.without_users(is_unseen_U)
    return world._replace(train=train, validation=held.split_off(is_fold_in_N))


WORLDS = {
    "plain": checkerboard(),
    "with others": with_others(checkerboard()),
    "with unseen users": with_unseen(checkerboard()),
}


def outcome_of(name: str, world: str = "plain", ranks: OnRanks | None = None, **changes) -> Outcome:
    options, running = (
        options_of(name, **SHORT | changes),
        RUNNING if ranks is None else ranks.running,
    )
    catalogue, parts = WORLDS[world].catalogue, WORLDS[world].parts
    if not options.name.startswith("autorec"):
        users, items = parts["train"].core_shape
        catalogue = catalogue._replace(users=users, items=items)
    return fit_model(options, True, running, catalogue, **parts, ranks=ranks)


def curves(outcome: Outcome, *fields: str) -> np.ndarray:
    return np.array([[getattr(epoch, field) for field in fields] for epoch in outcome.history])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "world", "changes"),
    [
        ("cdae", "plain", EARLY | ADAPTED),
        ("cdae", "with others", FEW_ROWS),
        ("cdae", "with unseen users", {"fitting__epochs": 2}),
        ("vae", "plain", {"model__user_node": False, "fitting__average_last": 0.5}),
        ("autorec_user", "with others", FEW_ROWS | {"model__hidden_dropout": 0.2}),
        ("autorec", "with others", FEW_ROWS | {"model__hidden_dropout": 0.2}),
        ("autorec", "with unseen users", {"model__target": "minus_biases"}),
    ],
)
def test_two_ranks_have_the_curves_and_the_model_of_one(workers, name, world, changes):
    ranks = OnRanks(workers.launch, TWO)
    one, two = outcome_of(name, world, **changes), outcome_of(name, world, ranks, **changes)
    assert_the_same(two, one)
    assert len(ranks.peak_gb) == 2 and min(ranks.peak_gb) > 0.01


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "changes"),
    [  # two hidden units: one of three ranks steps none of their weights
        ("cdae", ADAPTED | {"fitting__optimizer": "sgd", "model__hidden_size": 2}),
        ("autorec", {"fitting__validation_metric": "rmse", "fitting__average_last": 0.5}),
    ],
)
def test_three_ranks_have_the_curves_and_the_model_of_one(three_workers, name, changes):
    ranks = OnRanks(three_workers.launch, TWO.model_copy(update={"ranks": 3}))
    one, three = outcome_of(name, **changes), outcome_of(name, "plain", ranks, **changes)
    assert_the_same(three, one)
    assert len(ranks.peak_gb) == 3


def assert_the_same(two: Outcome, one: Outcome) -> None:
    """Check that two fits have the same curves, and weights that differ in the last digits."""
    assert curves(two, "epoch", "learning_rate").tolist() == (
        curves(one, "epoch", "learning_rate").tolist()
    )
    assert np.allclose(*(curves(each, "train_loss") for each in (two, one)), rtol=2e-5)
    assert np.allclose(*(curves(each, "validation") for each in (two, one)), rtol=1e-4)
    assert (two.best_epoch, two.chosen) == (one.best_epoch, one.chosen)
    for state, wanted in ((each.model.state() for each in pair) for pair in pairs(two, one)):
        for tensor in wanted:
            assert np.allclose(state[tensor], wanted[tensor], rtol=1e-3, atol=1e-4), tensor


def pairs(two: Outcome, one: Outcome) -> Any:
    return (two.fitted, one.fitted), (two.on_train, one.on_train)


def test_the_penalty_of_a_part_of_the_weights_has_the_factors_of_its_rows(monkeypatch):
    monkeypatch.setattr(group.dist, "get_rank", lambda: 1)
    monkeypatch.setattr(group.dist, "get_world_size", lambda: 2)
    wide, long = (torch.nn.Parameter(torch.zeros(shape)) for shape in ((5, 3), (5,)))
    by_row, by_column = torch.arange(5.0), torch.arange(3.0)
    given = [Penalised([wide], 2.0, by_column), Penalised([wide], 2.0, by_row[:, None])]
    given += [Penalised([long], 2.0, by_row), Penalised([wide, long], 1.0)]
    found = list(group.Group([wide, long], []).stepped(iter(given)))
    assert [penalty.strength for penalty in found] == [2.0, 2.0, 2.0, 1.0, 1.0]
    assert [len(penalty.parameters[0]) for penalty in found] == [2] * 5
    assert found[0].factor is by_column  # of columns, so it stays small
    assert found[1].factor.tolist() == [[3.0] * 3, [4.0] * 3]
    assert found[2].factor.tolist() == [3.0, 4.0]
    assert found[3].factor is found[4].factor is None


def test_one_of_those_fits_stops_early():
    outcome = outcome_of("cdae", **EARLY, **ADAPTED)
    assert outcome.best_epoch < len(outcome.history) < EARLY["fitting__epochs"]


def test_ranks_that_cannot_be_reached_are_named_together(folder, monkeypatch):
    ranks = OnRanks(lambda function, text: None, TWO)
    epochs = iter([5, 10, 0, 0])
    monkeypatch.setattr(on_ranks, "epochs_in", lambda path: next(epochs))
    said = ranks._about_lost([0, 1], folder, "cdae", "42.train")
    assert "rank 0 or 1 of 2 was lost" in said
    assert "have kept the epochs [5, 10]" in said
    assert "no checkpoint yet" in ranks._about_lost([1], folder, "cdae", "42.train")


def test_a_fit_that_has_lost_a_rank_says_so_and_goes_on_to_the_same_bits(workers, folder):
    ranks = OnRanks(workers.launch, TWO)
    workers.dies_after = {0: 0, 1: 2}
    said = r"rank 1 of 2 was lost.* have kept epoch 2 in .*fit: .*--only-missing-outputs"
    with pytest.raises(RuntimeError, match=said):
        outcome_of("cdae", ranks=ranks)
    workers.close()
    workers.dies_after = {0: 0, 1: 0}
    assert len(list(folder.glob("*.train.rank_*_of_2.safetensors"))) == 2
    resumed = outcome_of("cdae", ranks=ranks)
    shutil.rmtree(folder)
    whole = outcome_of("cdae", ranks=ranks)
    assert model_to_bytes(resumed.fitted) == model_to_bytes(whole.fitted)
    assert curves(resumed, "train_loss").tolist() == curves(whole, "train_loss").tolist()
    assert "cdae: goes on after epoch 2 of 4" in workers.said


@pytest.mark.usefixtures("folder")
def test_an_error_of_the_fit_is_that_of_one_process(workers):
    ranks = OnRanks(workers.launch, TWO)
    changes = {"fitting__learning_rate": 1e30, "fitting__optimizer": "sgd"}
    with pytest.raises(ValueError, match="the fit has diverged"):
        outcome_of("cdae", ranks=ranks, **changes)


def test_without_a_folder_that_all_ranks_see_the_catalog_entry_is_named(workers):
    with pytest.raises(ValueError, match=r"cdae: running.ranks: 2 needs .* {model}.fitted"):
        outcome_of("cdae", ranks=OnRanks(workers.launch, TWO))


@pytest.mark.parametrize("world", ["plain", "with unseen users"])
def test_a_rank_gets_its_users_and_all_else_as_the_driver_has_it(tmp_path, world):
    options, parts = options_of("cdae", **ADAPTED), WORLDS[world].parts
    network = CDAE(options.model, WORLDS[world].catalogue)
    generator = torch.Generator().manual_seed(3)
    network.start(parts["train"].likes, generator)
    network.chosen["encoder_penalty"] = 0.1
    whole = Share(
        name="cdae",
        network=network,
        rows=parts["train"].likes,
        count_R=np.diff(parts["train"].likes.indptr),
        validation=validation_of("ndcg_at_5", **parts),
        fitting=options.fitting,
        running=TWO,
        epochs=4,
        seed=3,
        drawn=generator.get_state(),
        title="cdae, final fit",
        checkpoints=tmp_path,
        phase="3.final",
    )
    give(whole, tmp_path, 2)
    users = np.flatnonzero(np.diff(parts["validation"].likes.indptr))
    values = whole.validation.values(network)
    for rank in range(2):
        share = take(tmp_path, rank)
        for field in ("name", "fitting", "running", "epochs", "seed", "title", "phase"):
            assert getattr(share, field) == getattr(whole, field)
        assert (share.checkpoints, share.network.chosen) == (tmp_path, network.chosen)
        assert torch.equal(share.drawn, whole.drawn)
        assert (share.rows != whole.rows[rank::2]).nnz == 0
        assert share.count_R.tolist() == whole.count_R.tolist()
        own = tensors_of(share.network)
        for name, value in tensors_of(network).items():
            expected = value[rank::2] if name == "user_UH" else value
            assert torch.equal(own[name], expected), name
        assert share.network.noise > 0
        assert share.validation.values(share.network).tolist() == (
            values[users % 2 == rank].tolist()
        )
        is_read = np.diff(share.validation.validation.ratings.indptr) > 0
        assert not np.diff(share.validation.train.ratings.indptr)[~is_read].any()
