"""What ranks exchange lies on their cards, where NCCL needs it: seen on a card that is not there.

The group has one rank, which exchanges by Gloo.
"""

import numpy as np
import one_card
import pytest
import torch
import torch.distributed as dist
from checkerboard import checkerboard
from model_options import options_of
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

from collaborative_autoencoders.learning import shares
from collaborative_autoencoders.learning.fit import FitState, one_epoch
from collaborative_autoencoders.learning.group import Group
from collaborative_autoencoders.models import model_class
from collaborative_autoencoders.models.shared_rows import SharedRows

WORLD = checkerboard()
EXCHANGES = ("all_gather", "all_reduce", "all_to_all_single", "broadcast")


@pytest.fixture
def exchanged(monkeypatch):
    """The devices of the tensors of each exchange, which are sent as those of the CPU."""
    devices = {name: set() for name in EXCHANGES}

    def noted(name, exchange):
        def send(*args, **kwargs):
            for tensor in tree_leaves(args):
                if isinstance(tensor, torch.Tensor):
                    devices[name].add(tensor.device)
            with _disable_current_modes():
                return exchange(*tree_map(one_card.held_of, args), **kwargs)

        return send

    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    for name in EXCHANGES:
        monkeypatch.setattr(dist, name, noted(name, getattr(dist, name)))
    yield devices
    dist.destroy_process_group()


def epoch_of(name, move):
    options = options_of(name, fitting__optimizer="sgd")
    network = model_class(name)(options.model, WORLD.catalogue)
    part_UI, generator = WORLD.train.view(network.learns_from), torch.Generator().manual_seed(0)
    network.start(part_UI, generator)
    move(network)
    own_names, parameters = shares.own_tensors(network), dict(network.named_parameters())
    ranks = Group(
        [weights for name, weights in parameters.items() if name not in own_names],
        [weights for name, weights in parameters.items() if name in own_names],
    )
    matrix = network.rows(part_UI)
    count_R = np.diff(matrix.indptr)
    rows = SharedRows(matrix, network.device, count_R, 0, 1, network.ranks_share == "items")
    state = FitState.of(network, rows, options.fitting, generator, ranks)
    loss = one_epoch(state, rows, options.fitting)[0]
    network.agree(ranks.total)
    return ranks.sum(float(loss), 1)


@pytest.mark.parametrize("name", ["cdae", "vae", "autorec", "autorec_user"])
def test_ranks_exchange_what_is_on_their_cards(name, exchanged):
    expected = epoch_of(name, lambda network: None)
    with one_card.Card():
        for devices in exchanged.values():
            devices.clear()
        found = epoch_of(name, one_card.move)
    assert found == pytest.approx(expected, rel=1e-5)
    for exchange, devices in exchanged.items():
        assert devices <= {one_card.DEVICE}, exchange


def test_ranks_on_cards_are_a_group_of_nccl_each_on_the_card_of_its_process(monkeypatch):
    called = []
    monkeypatch.setattr(dist, "init_process_group", lambda name: called.append(name))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: called.append("left"))
    monkeypatch.setattr(torch.cuda, "set_device", called.append)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with shares.group_on(torch.device("cuda")):
        assert called == [1, "nccl"]
    with shares.group_on(torch.device("cpu")):
        assert called[2:] == ["left", "gloo"]
