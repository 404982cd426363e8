"""The softmax over items: exact with all of them, estimated without bias from a draw."""

import pytest
import torch

from collaborative_autoencoders.models import sampled_softmax as module
from collaborative_autoencoders.models.sampled_softmax import (
    Sample,
    draw,
    every_item,
    sampled_softmax,
)

CPU = torch.device("cpu")
TARGET_N = torch.tensor([0, 3, 3, 1, 4])


def random_outputs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = (5, 2), (6, 2), (6,)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]


def of_torch(hidden_NH, decoder_IH, bias_I):
    share_NI = torch.log_softmax(hidden_NH @ decoder_IH.T + bias_I, 1)
    return -share_NI[torch.arange(5), TARGET_N].sum()


def with_gradients(loss, inputs):
    return [loss, *torch.autograd.grad(loss, inputs)]


@pytest.mark.parametrize("most_cells", [1, 14, 10_000])
def test_with_all_items_loss_and_gradients_are_those_of_the_softmax(monkeypatch, most_cells):
    monkeypatch.setattr(module, "MOST_CELLS", most_cells)  # positions at a time: 1, 2, all
    inputs = random_outputs()
    expected = with_gradients(of_torch(*inputs), inputs)
    found = with_gradients(sampled_softmax(*inputs, TARGET_N, every_item(6, CPU)), inputs)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_a_drawn_target_counts_once():
    """ŷ = (0, log 2, log 3) of items 0, 1, 2, of which 1 and 2 are drawn; the target is 1."""
    outputs = torch.ones(1, 1), torch.tensor([[1.0], [2], [3]]).log(), torch.zeros(3)
    sample = Sample(torch.tensor([1, 2]), torch.tensor([5.0, 4.0]).log())  # stand for 5 and 4 items
    loss = sampled_softmax(*outputs, torch.tensor([1]), sample)
    assert loss.item() == pytest.approx(-torch.tensor(2 / (2 + 3 * 4)).log().item())


def test_what_a_draw_stands_for_has_the_size_of_the_catalogue_on_average():
    """Σ e^shift over a draw estimates the number of items: the mean of many draws is near it."""
    share_I = torch.tensor([0.5, 0.25, 0.125, 0.125])
    generator = torch.Generator().manual_seed(0)
    sizes = [draw(share_I, 8, generator).shift_M.exp().sum() for _ in range(500)]
    assert torch.stack(sizes).mean().item() == pytest.approx(4, abs=0.1)


def test_a_draw_has_every_item_once():
    drawn = draw(torch.tensor([0.9, 0.1]), 50, torch.Generator().manual_seed(0))
    assert drawn.item_M.tolist() == [0, 1]
    assert (drawn.shift_M.exp() @ torch.tensor([0.9, 0.1])).item() == pytest.approx(1)
