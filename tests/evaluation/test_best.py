"""The K best of a row are those of a full sort, also with ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from collaborative_autoencoders.evaluation import best
from collaborative_autoencoders.evaluation.best import take_best

TINY = np.finfo(np.float32).smallest_subnormal
LARGEST = np.finfo(np.float32).max
NASTY = [-np.inf, -LARGEST, -1.0, -TINY, -0.0, 0.0, TINY, 1.0, LARGEST]


def full_sort(scores_UI, k):
    """The same by a stable sort, which keeps ties in the order of items."""
    item_UK = np.argsort(-scores_UI, axis=1, kind="stable")[:, :k]
    score_UK = np.take_along_axis(scores_UI, item_UK, axis=1)
    return np.where(score_UK == -np.inf, -1, item_UK), score_UK


@given(
    scores_UI=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 12)),
        elements=st.sampled_from(NASTY)
        | st.floats(width=32, allow_nan=False, max_value=float(LARGEST)),
    ),
    data=st.data(),
)
def test_ties_go_to_the_lower_item_as_in_a_full_sort(scores_UI, data):
    k = data.draw(st.integers(1, scores_UI.shape[1]))
    item_UK, score_UK = take_best(scores_UI, k)
    expected_item_UK, expected_score_UK = full_sort(scores_UI, k)
    assert np.array_equal(item_UK, expected_item_UK)
    assert np.array_equal(score_UK, expected_score_UK)


@given(
    scores_UI=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(4, 60)),
        elements=st.sampled_from(NASTY) | st.floats(-2, 2, width=16),
        fill=st.sampled_from([0.0, -np.inf]),
    ),
    data=st.data(),
)
def test_the_best_of_groups_are_those_of_a_full_sort_also_with_ties(scores_UI, data):
    k = data.draw(st.integers(1, scores_UI.shape[1] // 4))  # groups of two items and more
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(best, "LARGE", 4)
        found = take_best(scores_UI, k)
    for ours, expected in zip(found, full_sort(scores_UI, k), strict=True):
        assert np.array_equal(ours, expected)


@pytest.mark.parametrize("large", [1, 100])
def test_what_is_hidden_in_a_block_is_not_taken_and_the_scores_stay(large, monkeypatch):
    monkeypatch.setattr(best, "LARGE", large)
    monkeypatch.setattr(best, "CELLS_AT_ONCE", 20)  # two rows of nine items and one that pads
    scores_UI = np.arange(27, dtype=np.float32).reshape(3, 9)

    def hide(scores_BW, first):
        scores_BW[:, 8 - first] = -np.inf

    assert take_best(scores_UI, 2, hide)[0].tolist() == [[7, 6], [7, 6], [8, 7]]
    assert np.array_equal(scores_UI.ravel(), np.arange(27))


def test_a_row_with_too_few_items_is_padded():
    item_UK, score_UK = take_best(np.array([[-np.inf, 2, -np.inf]], dtype=np.float32), k=3)
    assert item_UK.tolist() == [[1, -1, -1]]
    assert score_UK.tolist() == [[2, -np.inf, -np.inf]]


def test_the_two_zeros_tie():
    item_UK, _ = take_best(np.array([[-0.0, 0.0, -0.0]], dtype=np.float32), k=3)
    assert item_UK.tolist() == [[0, 1, 2]]


def test_the_scores_are_not_changed():
    scores_UI = np.array([[-0.0, 3.0, 1.0]], dtype=np.float32)
    scores_UI.setflags(write=False)
    take_best(scores_UI, k=2)
    assert np.signbit(scores_UI[0, 0])


@pytest.mark.parametrize("cells", [1, 50, 10_000])
def test_blocks_do_not_change_the_lists(cells, monkeypatch):
    monkeypatch.setattr(best, "CELLS_AT_ONCE", cells)
    scores_UI = np.random.default_rng(0).integers(-3, 4, size=(29, 17)).astype(np.float32)
    for ours, expected in zip(take_best(scores_UI, 6), full_sort(scores_UI, 6), strict=True):
        assert np.array_equal(ours, expected)
