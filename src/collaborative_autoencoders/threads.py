"""The threads of matrix products: how many there are, and what they do while they wait."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController


def let_waiting_threads_sleep() -> None:
    """Let the threads of torch sleep while they wait, unless the environment says otherwise.

    If they spin on cores that other processes use, a fit takes many times as long. torch reads this
    when it is imported: call it before.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def blas_threads(number: int) -> Iterator[None]:
    """Let the matrix products of NumPy and SciPy use so many threads. Also a decorator.

    Their OpenBLAS spins, whatever `OMP_WAIT_POLICY` says, and its sums depend on the number of
    threads. Products of small matrices are best computed by one.
    """
    # looked up every time, because SciPy loads its OpenBLAS later than NumPy: about 1 ms
    with ThreadpoolController().limit(limits=number, user_api="blas"):
        yield
