"""No step of a fit waits for a GPU: counted on a card that is not there (`one_card.py`)."""

import numpy as np
import one_card
import pytest
import torch
from checkerboard import checkerboard
from model_options import options_of

from collaborative_autoencoders.learning.fit import FitState, one_epoch
from collaborative_autoencoders.models import model_class, networks
from collaborative_autoencoders.models.batch import Rows

WORLD = checkerboard()
SEQUENTIAL = {"sequential_dae": 3, "sasrec": 4}
"""Round trips of a step. `sequential_dae` asks for the number and the lengths of its chunks, and
both for the number of distinct items drawn; `sasrec` for lengths and for the sizes of its parts."""


def epoch_of(name, n_batches, move):
    """An epoch of so many steps, after the network has been moved, and its loss."""
    options = options_of(name, fitting__optimizer="sgd")  # fused Adam refuses the made-up card
    network = model_class(name)(options.model, WORLD.catalogue)
    part_UI, generator = WORLD.train.view(network.learns_from), torch.Generator().manual_seed(0)
    network.start(part_UI, generator)
    move(network)
    rows = Rows(network.rows(part_UI), network.device)
    batch_size = -(-rows.matrix.shape[0] // n_batches)
    fitting = options.fitting.model_copy(update={"batch_size": batch_size})
    return one_epoch(FitState.of(network, rows, fitting, generator), rows, fitting)[0]


def on_card(name, n_batches):
    with one_card.Card() as card:
        return epoch_of(name, n_batches, one_card.move), card.round_trips


@pytest.mark.parametrize("name", networks())
def test_a_step_waits_for_the_card_no_more_than_is_said(name):
    (loss, few), (_, many) = on_card(name, 2), on_card(name, 4)
    assert (len(many) - len(few)) / 2 <= SEQUENTIAL.get(name, 0), many
    assert loss == pytest.approx(epoch_of(name, 2, lambda network: None), rel=1e-5)


@pytest.mark.parametrize(
    "ask",
    [
        lambda values: float(values[0]),
        lambda values: values[values > 1],
        lambda values: (values > 1).nonzero(),
        lambda values: values.cpu(),
        lambda values: values + torch.from_numpy(np.ones(3, dtype=np.float32)),
        lambda values: values.long().bincount(),
        lambda values: torch.repeat_interleave(values, values.long()),
    ],
)
def test_what_a_card_is_waited_for_is_counted(ask):
    with one_card.Card() as card:
        values = one_card.OnCard(torch.tensor([1.0, 2.0, 3.0]))
        values.cumsum(0)[1:] * 2
        assert not card.round_trips
        ask(values)
    assert card.round_trips
