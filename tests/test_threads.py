"""The threads of matrix products, in a fit and in an evaluation."""

import os
import subprocess
import sys
from threading import Barrier

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  loads SciPy's own BLAS
from evaluation.small_world import AlwaysThree
from model_options import RUNNING
from scipy.sparse import csr_array
from threadpoolctl import threadpool_info

from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.evaluation.prediction import predict_ratings
from collaborative_autoencoders.evaluation.ranking import rank_items
from collaborative_autoencoders.learning.running import running_on
from collaborative_autoencoders.threads import (
    blas_threads,
    let_waiting_threads_sleep,
    map_in_threads,
)


def numbers():
    """The threads of NumPy's and of SciPy's products."""
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def test_a_fit_has_the_threads_of_the_options_also_in_numpy_and_scipy():
    with blas_threads(4):
        with running_on(RUNNING.model_copy(update={"threads": 3})):
            inside = numbers()
        assert set(inside) == {3}
        assert set(numbers()) == {4}


def test_blocks_that_end_in_another_order_leave_the_smallest_number_and_then_what_was_before():
    before, of_fit, of_evaluation = numbers(), blas_threads(2), blas_threads(1)
    of_fit.__enter__()
    of_evaluation.__enter__()
    of_fit.__exit__(None, None, None)
    assert set(numbers()) == {1}
    of_evaluation.__exit__(None, None, None)
    assert numbers() == before


LATER = """
import numpy
from threadpoolctl import threadpool_info
from collaborative_autoencoders.threads import blas_threads
with blas_threads(2):
    pass
import scipy.linalg
with blas_threads(3):
    print(*[found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"])
"""


def test_a_library_that_is_imported_after_a_block_has_the_number_of_the_next():
    done = subprocess.run([sys.executable, "-c", LATER], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["3"] * len(numbers())


class Noting(AlwaysThree):
    """A model that notes the threads of products."""

    def score(self, histories_UI, users_U):
        self.numbers = numbers()
        return super().score(histories_UI, users_U)

    def predict(self, histories_UI, users_U):
        self.numbers = numbers()
        return super().predict(histories_UI, users_U)


@pytest.mark.parametrize("task", ["rank", "predict"])
def test_an_evaluation_has_one(task):
    model, ratings = Noting(), csr_array([[5.0, 0, 3]])
    with blas_threads(2):
        if task == "rank":
            rank_items(model, Known(ratings, ratings), k=1, batch_size=1)
        else:
            predict_ratings(model, histories_UI=ratings, wanted_UI=ratings)
    assert set(model.numbers) == {1}


@pytest.mark.parametrize("number", [1, 3])
def test_calls_share_the_threads_that_products_may_use_and_results_are_in_order(number):
    """Each call waits until as many as there are threads have begun."""
    together = Barrier(number, timeout=30)

    def square(value):
        together.wait()
        return value**2, numbers()

    with blas_threads(number):
        results = list(map_in_threads(square, range(3 * number)))
    assert [square for square, _ in results] == [value**2 for value in range(3 * number)]
    assert all(set(of_call) == {1} for _, of_call in results)


def test_after_an_error_no_further_call_begins():
    begun = []

    def fail(value):
        begun.append(value)
        raise ZeroDivisionError

    with blas_threads(2), pytest.raises(ZeroDivisionError):
        list(map_in_threads(fail, range(10_000)))
    assert len(begun) < 10_000


def test_lists_are_the_same_in_any_number_of_threads():
    scores_UI = np.random.default_rng(0).random((9, 5), dtype=np.float32)
    seen_UI = csr_array((scores_UI > 0.8).astype(np.float32))

    class Given:
        def score(self, histories_UI, users_U):
            return scores_UI[users_U]

    def lists(number):
        with blas_threads(number):
            return rank_items(Given(), Known(seen_UI, seen_UI), k=3, batch_size=2)

    for one, three in zip(lists(1), lists(3), strict=True):
        assert np.array_equal(one, three)


@pytest.mark.parametrize(("before", "after"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_environment_says_otherwise(monkeypatch, before, after):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if before is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", before)
    let_waiting_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == after
