"""Where a network runs, and with how many threads."""

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
    """The device, with torch held to `threads` threads and to algorithms that repeat exactly."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield choose_device(options.device)
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
