"""Rows of weights and their gradient are those of an index."""

import torch

from collaborative_autoencoders.models.batch import RowsAt


def test_rows_and_their_gradient_are_those_of_an_index():
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(9, 4, generator=generator, requires_grad=True)]
    weights.append(weights[0].detach().clone().requires_grad_())
    rows, slope = torch.tensor([7, 0, 3]), torch.randn(3, 4, generator=generator)
    found, wanted = RowsAt.apply(weights[0], rows), weights[1][rows]
    assert torch.equal(found, wanted)
    found.backward(slope)
    wanted.backward(slope)
    assert torch.equal(weights[0].grad, weights[1].grad)
    assert weights[0].grad.abs().sum() > 0
