"""The networks that predict the next item: a law for both, and each by hand."""

import numpy as np
import pytest
import torch
from model_options import options_of
from pydantic import ValidationError
from scipy.sparse import csr_array

from collaborative_autoencoders.models import memories, model_class
from collaborative_autoencoders.models.batch import Rows
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.padded import offset_of

ITEMS, CPU = 60, torch.device("cpu")
every_network = pytest.mark.parametrize("name", ["sequential_dae", "sasrec"])
WITHOUT_NOISE = {
    "sequential_dae": {"model__input_dropout": 0, "model__hidden_dropout": 0},
    "sasrec": {"model__dropout": 0},
}


def network_of(name, **changes):
    """A network with random weights and without noise."""
    options = options_of(name, **WITHOUT_NOISE[name], **changes).model
    network = model_class(name)(options, Catalogue(8, ITEMS, None, None))
    network.start(histories([3, 1, 2]), torch.Generator().manual_seed(1))
    return network


def histories(*rows):
    """Histories with these items, in this order. Items are sorted as in any sparse matrix."""
    ends = np.cumsum([0, *map(len, rows)])
    places = np.concatenate([np.arange(1, len(row) + 1) for row in rows]).astype(np.float32)
    items = np.concatenate([np.asarray(row, dtype=np.int32) for row in rows])
    matrix = csr_array((places, items, ends), shape=(len(rows), ITEMS))
    matrix.sort_indices()
    return matrix


def scores(network, *rows):
    return network.score(histories(*rows), np.full(len(rows), -1))


def test_a_memory_of_many_chunks_reaches_as_far_as_its_decay():
    random = np.random.default_rng(0)
    rows = [random.permutation(ITEMS)[:n].tolist() for n in (60, 3, 45)]
    slow = network_of("sequential_dae", model__decays=[0, 0.999])
    batch = Rows(slow.rows(histories(*rows)), CPU).all()
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        whole = slow.before_items(batch, torch.Generator())[0]
        patch.setattr(memories, "CHUNK", 2)  # 30 chunks of the first history
        by_chunks = slow.before_items(batch, torch.Generator())[0]
    assert torch.allclose(by_chunks, whole, atol=1e-5)


@every_network
def test_an_item_is_predicted_from_exactly_the_items_before_it(name):
    """What the fit computes before an item is what scoring computes after the items before it.

    So no later item, no other user and no padding has a part in it.
    """
    random = np.random.default_rng(0)
    rows = [random.permutation(ITEMS)[:count].tolist() for count in (3, 40, 0, 1, 33)]
    network = network_of(name, **({"model__longest": 50} if name == "sasrec" else {}))
    batch = Rows(network.rows(histories(*rows)), CPU).all()
    with torch.inference_mode():
        hidden, items = network.before_items(batch, torch.Generator())
        found = hidden @ network.output_IH.T + network.output_bias_I
    before = [
        rows[row][:place]
        for row, place in zip(items.rows_B[items.row_N], offset_of(items), strict=True)
    ]
    assert len(before) == sum(map(len, rows))
    assert np.allclose(scores(network, *before), found.numpy(), atol=1e-5)


@every_network
def test_the_order_of_a_history_decides(name):
    network = network_of(name)
    forward, backward = scores(network, [1, 2, 3], [3, 2, 1])
    assert not np.allclose(forward, backward, atol=1e-4)


@every_network
def test_places_may_have_gaps(name):
    network, whole = network_of(name), histories([5, 1, 9])
    with_gaps = whole.copy()
    with_gaps.data = with_gaps.data * 7 + 2
    users = np.array([-1])
    assert np.array_equal(network.score(whole, users), network.score(with_gaps, users))


@every_network
def test_a_draw_of_many_items_has_about_the_loss_of_all_items(name):
    network = network_of(name, model__negatives=100_000)
    whole = network_of(name, model__negatives=None)
    whole.load_state(network.state())
    batch = Rows(network.rows(histories([1, 5, 9], [4, 2])), CPU).all()
    drawn, exact = (each.loss(batch, torch.Generator().manual_seed(3)) for each in (network, whole))
    assert drawn.item() == pytest.approx(exact.item(), rel=0.01)


def test_sasrec_reads_the_newest_items_alone():
    network = network_of("sasrec", model__longest=3)
    old, new = scores(network, [7, 8, 1, 2, 3], [4, 1, 2, 3])
    assert np.allclose(old, new, atol=1e-6)


def test_units_are_shared_out_among_the_heads():
    with pytest.raises(ValidationError, match="hidden_size 7 is not a multiple of heads 2"):
        options_of("sasrec", model__hidden_size=7, model__heads=2)


def test_sequential_dae_is_its_equation():
    """W_0 = 1, 2, 3 …, W_½ = 10, 20, 30 …, b = 0.5, W' = 1, b' = 0 at every item."""
    network = network_of(
        "sequential_dae",
        model__hidden_size=1,
        model__decays=[0, 0.5],
        model__hidden_activation="identity",
    )
    item = np.arange(1, ITEMS + 1, dtype=np.float32)[:, None]
    network.load_state(
        {
            "encoders.0": item,
            "encoders.1": 10 * item,
            "hidden_bias_H": np.array([0.5], dtype=np.float32),
            "decoder_IH": np.ones_like(item),
            "output_bias_I": np.zeros(ITEMS, dtype=np.float32),
        }
    )
    memory = 10 * 3 + 10 * 1 / 2 + 10 * 2 / 4  # items 1, 0 and, last, 2
    expected = 3 + 0.5**0.5 * memory + 0.5
    assert scores(network, [1, 0, 2])[0] == pytest.approx(np.full(ITEMS, expected))


def test_decays_rise():
    with pytest.raises(ValidationError, match=r"decays \[0.7, 0.0\] must rise: \[0.0, 0.7\]"):
        options_of("sequential_dae", model__decays=[0.7, 0])
