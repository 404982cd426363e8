"""The device and the number of threads that a fit runs on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock

import torch

from collaborative_autoencoders.threads import blas_threads

from .options import RunningOptions
from .products import compute_products_by


def choose_device(wanted: str) -> torch.device:
    """Return the device that `running.device` names.

    Raises ValueError for `cuda` if torch finds no GPU.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("running.device: cuda, but torch finds no GPU; set it to auto or cpu")
    return torch.device(wanted)


class DeterministicAlgorithms:
    """Lets torch use its deterministic algorithms only, a setting of the whole process."""

    def __init__(self) -> None:
        """Change nothing yet."""
        self._lock = Lock()
        self._before: list[bool] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Set it inside. Of several blocks at once, in threads, the last one to end restores it."""
        with self._lock:
            self._before.append(torch.are_deterministic_algorithms_enabled())
            torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            with self._lock:
                before = self._before.pop()
                if not self._before:
                    torch.use_deterministic_algorithms(before)


deterministic_algorithms = DeterministicAlgorithms()
"""The one of this process, as torch has one setting."""


@contextmanager
def running_on(options: RunningOptions) -> Iterator[torch.device]:
    """Yield the device, with the products of torch, NumPy and SciPy set to `threads` threads.

    Algorithms are deterministic. They are set on a GPU only. On a CPU, the algorithms used here are
    deterministic anyway, and setting them imports torch's compiler, which takes longer than a
    small fit. There, products are computed by the library of `matrix_products`.
    """
    threads = torch.get_num_threads()
    device = choose_device(options.device)
    torch.set_num_threads(options.threads)
    if device.type == "cpu":
        compute_products_by(options.matrix_products)
    if device.type == "cuda":
        # required for deterministic cuBLAS
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    algorithms = deterministic_algorithms() if device.type == "cuda" else nullcontext()
    try:
        with algorithms, blas_threads(options.threads):
            yield device
    finally:
        torch.set_num_threads(threads)
