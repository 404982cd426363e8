"""Sequences in dense form: nothing is lost, padding has no part in anything."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from collaborative_autoencoders.models.batch import Rows
from collaborative_autoencoders.models.memories import Chunks
from collaborative_autoencoders.models.padded import (
    by_length,
    left_of,
    newest,
    offset_of,
    pieces_of,
    take,
    with_start,
)

lengths = st.lists(st.sampled_from([0, 1, 2, 31, 32, 33, 65, 100]), min_size=1, max_size=40)


def sequences(*rows):
    """Sequences of these items, as a batch."""
    ends = np.cumsum([0, *map(len, rows)])
    items = np.concatenate(rows).astype(np.int32)
    matrix = csr_array((np.ones(len(items), dtype=np.float32), items, ends), shape=(len(rows), 200))
    return Rows(matrix, torch.device("cpu")).all()


def items_of(batch):
    return [part.tolist() for part in batch.column_N.split(batch.count_B.tolist())]


def test_an_item_has_its_place_from_both_ends():
    batch = sequences([7, 8, 9], [], [5])
    assert offset_of(batch).tolist() == [0, 1, 2, 0]
    assert left_of(batch).tolist() == [2, 1, 0, 0]


def test_the_start_is_before_the_oldest_item_of_every_sequence():
    assert items_of(with_start(sequences([7, 8], [], [5]), 99)) == [[99, 7, 8], [99], [99, 5]]


def test_the_newest_items_of_a_long_sequence_are_kept():
    assert items_of(newest(sequences([7, 8, 9], [], [5]), 2)) == [[8, 9], [], [5]]


def test_sequences_are_sorted_by_length_and_know_where_they_were():
    batch, order = by_length(sequences([7, 8], [], [5]))
    assert items_of(batch) == [[], [5], [7, 8]]
    assert order.tolist() == batch.rows_B.tolist() == [1, 2, 0]
    assert items_of(take(batch, torch.tensor([2, 0]))) == [[7, 8], []]


@given(lengths)
def test_padding_and_its_removal_give_the_values_back(counts):
    batch, _ = by_length(sequences(*(range(count) for count in counts)))
    values = torch.rand(len(batch.row_N), 2) + 1
    padded = [(piece, piece.padded(values)) for piece in pieces_of(batch)]
    assert torch.equal(torch.cat([piece.flat(value) for piece, value in padded]), values)
    assert sum(int(value.any(2).sum()) for _, value in padded) == len(values)  # the rest is 0


def test_a_memory_is_the_decayed_sum_of_the_items_before():
    """W = (1, 2, 4), b = 10, γ = ½, so that a value has the factor √½; items 0, 1, 2 in order."""
    chunks = Chunks.of(sequences([0, 1, 2]))
    encoder = torch.tensor([[1.0], [2], [4]])
    memory = chunks.memories(torch.tensor([10.0]), [(0.5, encoder)])
    expected = [0, 1, 2 + 1 / 2]  # before 0: nothing; before 1: item 0; before 2: items 1 and 0
    assert memory[:, 0].tolist() == pytest.approx([10 + 0.5**0.5 * each for each in expected])


@given(lengths, st.sampled_from([0, 0.3, 0.95]))
def test_memories_reach_over_chunks_and_not_into_other_sequences(counts, decay):
    random = np.random.default_rng(sum(counts))
    rows = [random.permutation(200)[:count] for count in counts]
    batch, encoder = sequences(*rows), torch.rand(200, 1)
    found = Chunks.of(batch).memories(torch.zeros(1), [(decay, encoder)])[:, 0]
    expected, factor = [], (1 - decay) ** 0.5
    for row in rows:
        memory = 0.0
        for item in row:
            expected.append(factor * memory)
            memory = decay * memory + encoder[item].item()
    assert found.tolist() == pytest.approx(expected, abs=1e-5)
