"""Where a network runs, and with how many threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .options import RunningOptions


def choose_device(wanted: str) -> torch.device:
    """The device that `running.device` names.

    Raises ValueError where cuda is asked for and there is none.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("running.device: cuda, but torch sees no GPU; set it to auto or cpu")
    return torch.device(wanted)


@contextmanager
def running_on(options: RunningOptions) -> Iterator[torch.device]:
    """The device, with torch held to `threads` threads and to algorithms that repeat exactly.

    On a CPU ours repeat as they are; asking torch for it would import its compiler, which takes
    longer than a small fit.
    """
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    device = choose_device(options.device)
    torch.set_num_threads(options.threads)
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS may not repeat
        torch.use_deterministic_algorithms(True)
    try:
        yield device
    finally:
        torch.set_num_threads(threads)
        if device.type == "cuda":
            torch.use_deterministic_algorithms(deterministic)
