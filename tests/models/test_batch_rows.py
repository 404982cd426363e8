"""Rows of weights and their gradient are those of an index; pieces of a batch are its rows."""

import numpy as np
import pytest
import torch
from scipy.sparse import random_array

from collaborative_autoencoders.models import losses
from collaborative_autoencoders.models.batch import Rows, RowsAt


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


def batch_of(users: int, items: int):
    generator = np.random.default_rng(1)
    matrix = random_array((users, items), density=0.3, rng=generator, format="csr", dtype="f4")
    return Rows(matrix, torch.device("cpu")).batch(torch.arange(users))


@pytest.mark.parametrize("n_rows", [1, 4, 9, 20])
def test_the_pieces_of_a_batch_together_are_the_batch(n_rows):
    batch, weights = batch_of(9, 6), torch.arange(12.0).reshape(6, 2)
    pieces = list(batch.pieces(n_rows))
    assert [len(piece.rows_B) for _, piece in pieces] == [
        min(n_rows, 9 - first) for first in range(0, 9, n_rows)
    ]
    whole = torch.zeros(9, 6)
    for rows, piece in pieces:
        assert torch.equal(piece.rows_B, batch.rows_B[rows])
        whole[rows].view(-1).scatter_(0, piece.cells(6), piece.value_N)
        with torch.no_grad():
            assert torch.equal(piece.times(weights), batch.times(weights)[rows])
    expected = torch.zeros(9, 6).view(-1).scatter_(0, batch.cells(6), batch.value_N)
    assert torch.equal(whole.view(-1), expected)


def test_on_a_card_a_batch_is_one_piece_as_its_counts_would_be_waited_for():
    batch = batch_of(9, 6)
    elsewhere = batch._replace(column_N=batch.column_N.to("meta"))
    ((rows, piece),) = elsewhere.pieces(4)
    assert rows == slice(9) and piece is elsewhere


def test_the_gradient_by_the_gram_matrix_is_the_same_bits_however_many_items_are_summed_at_once(
    monkeypatch,
):
    def gradients(at_once: int) -> list[torch.Tensor]:
        monkeypatch.setattr(losses, "ITEMS_AT_ONCE", at_once)
        generator = torch.Generator().manual_seed(0)
        sizes = [(40, 3), (3, 30), (30,)]
        given = [torch.randn(*size, generator=generator).requires_grad_() for size in sizes]
        item_weight_I = torch.rand(30, generator=generator)
        batch = batch_of(40, 30)
        losses.SquareByGram.apply(*given, batch, 2.0, item_weight_I).sum().backward()
        assert given[1].grad.is_contiguous()  # as a step needs it: no copy is made
        return [tensor.grad for tensor in given]

    assert all(map(torch.equal, gradients(7), gradients(30)))
    assert gradients(7)[1].abs().sum() > 0
