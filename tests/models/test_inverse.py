"""A matrix too large for one call of LAPACK is inverted by blocks."""

import numpy as np
import pytest
from scipy.linalg import LinAlgError

from collaborative_autoencoders.models import inverse
from collaborative_autoencoders.threads import blas_threads

ROWS_NN = np.random.default_rng(1).normal(size=(11, 7))
GRAM_NN = ROWS_NN.T @ ROWS_NN + 0.5 * np.eye(7)


@pytest.mark.parametrize("rows", [1, 2, 3, 6, 7, 8])
def test_the_factor_by_blocks_is_the_factor(rows: int) -> None:
    factor_NN = np.tril(inverse.factor_by_blocks(GRAM_NN.copy(), rows))
    np.testing.assert_allclose(factor_NN, np.linalg.cholesky(GRAM_NN), rtol=1e-12)


@pytest.mark.parametrize("largest", [3, 7])
def test_the_inverse_is_the_same_by_blocks_and_in_one_call(
    largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inverse, "LARGEST", largest)
    found = inverse.inverse_of(GRAM_NN.copy())
    np.testing.assert_allclose(found @ GRAM_NN, np.eye(7), atol=1e-12)
    assert np.array_equal(found, found.T)


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_the_inverse_takes_the_place_of_the_matrix(rows: int, monkeypatch) -> None:
    monkeypatch.setattr(inverse, "ROWS_AT_ONCE", rows)
    matrix_NN = GRAM_NN.copy()
    assert np.shares_memory(inverse.inverse_of(matrix_NN), matrix_NN)
    np.testing.assert_allclose(matrix_NN @ GRAM_NN, np.eye(7), atol=1e-12)


def test_a_matrix_that_is_not_positive_definite_is_an_error_by_blocks_too() -> None:
    for function in (inverse.inverse_of, lambda matrix_NN: inverse.factor_by_blocks(matrix_NN, 3)):
        with pytest.raises(LinAlgError):
            function(GRAM_NN - 50 * np.eye(7))


@pytest.mark.parametrize(("few", "threads"), [(7, 1), (6, 2)])
def test_a_small_matrix_has_one_thread(few: int, threads: int, monkeypatch) -> None:
    monkeypatch.setattr(inverse, "ROWS_OF_ONE_THREAD", few)
    monkeypatch.setattr(inverse, "LARGEST", 3)
    by_blocks, seen = inverse.factor_by_blocks, []

    def factor_by_blocks(matrix_NN, rows):
        seen.append(blas_threads.number)
        return by_blocks(matrix_NN, rows)

    monkeypatch.setattr(inverse, "factor_by_blocks", factor_by_blocks)
    with blas_threads(2):
        found = inverse.inverse_of(GRAM_NN.copy())
    assert seen == [threads]
    np.testing.assert_allclose(found @ GRAM_NN, np.eye(7), atol=1e-12)
