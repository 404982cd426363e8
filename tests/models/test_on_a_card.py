"""The contract of a network on a GPU. The same tests run on the CPU, so they are known to run.

Those marked `gpu` are collected only where torch finds a card (`conftest.py`).
"""

from functools import cache

import numpy as np
import pytest
import torch
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from benchmarks.gpu import MOST_LOSS, MOST_METRIC, Table, difference, draws_of_the_cpu, fit_on
from collaborative_autoencoders.evaluation.ranking import rank_items
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.running import running_on
from collaborative_autoencoders.models import networks
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes

WORLD = checkerboard()
TABLE = Table("checkerboard", WORLD.train, WORLD.validation, WORLD.catalogue)
CPU = torch.device("cpu")
every_network = pytest.mark.parametrize("name", networks())
every_device = pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
)


def running(device):
    return RUNNING.model_copy(update={"device": device})


@cache
def fitted(name, device, time=0):
    options = options_of(name, fitting__epochs=2)
    return fit_model(options, True, running(device), WORLD.catalogue, **WORLD.parts).fitted


@every_device
@every_network
def test_the_same_draws_give_the_losses_and_the_metric_of_the_cpu(name, device):
    options = options_of(name)
    with running_on(running(device)) as place, draws_of_the_cpu():
        expected, found = (fit_on(each, options, TABLE, 3) for each in (CPU, place))
    assert difference(expected.losses, found.losses) <= (MOST_LOSS if device == "cuda" else 0)
    assert found.metric == pytest.approx(expected.metric, abs=MOST_METRIC)
    assert found.network.device.type == device


@every_device
@every_network
def test_a_repeated_fit_gives_the_same_bytes(name, device):
    assert model_to_bytes(fitted(name, device)) == model_to_bytes(fitted(name, device, time=1))


@every_device
@every_network
def test_a_fit_is_loaded_and_ranks_on_a_machine_without_a_card(name, device):
    on_device = fitted(name, device).model
    loaded = model_from_bytes(model_to_bytes(fitted(name, device))).model
    assert loaded.device == CPU
    users, known = np.arange(WORLD.catalogue.users), WORLD.known_to(loaded)
    expected = on_device.score(known.histories_UI, users)
    assert loaded.score(known.histories_UI, users) == pytest.approx(expected, abs=1e-4)
    items, _ = rank_items(loaded, known, k=5, batch_size=100)
    assert items.shape == (len(users), 5)
