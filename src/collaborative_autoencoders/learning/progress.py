"""The progress of a fit: a bar on a terminal, elsewhere a log line at most once a minute."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from collaborative_autoencoders.terminal import one_bar_at_a_time

from .fit import Epoch, OnEpoch

logger = logging.getLogger(__name__)

LOG_SECONDS = 60
"""Least seconds from one log line to the next."""


@contextmanager
def progress_bar(title: str, epochs: int) -> Iterator[OnEpoch]:
    """Yield a function that shows an epoch that is done, and how long the others take at most.

    rich's own estimate forgets what is more than 30 seconds old, so it has none for slow epochs.
    """
    console = Console(stderr=True)
    shown = console.is_terminal and one_bar_at_a_time()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
    )
    began = logged = monotonic()
    seen = 0
    with Progress(*columns, console=console, disable=not shown) as progress:
        task = progress.add_task(title, total=epochs, state="")

        def show(epoch: Epoch) -> None:
            nonlocal logged, seen
            now, seen = monotonic(), seen + 1
            # of the epochs of this process only: a resumed fit begins with a later one
            left = (now - began) / seen * (epochs - epoch.epoch)
            state = f"{state_of(epoch)}  {time_left(left)}"
            progress.update(task, completed=epoch.epoch, state=state)
            if not shown and now - logged >= LOG_SECONDS:
                logged = now
                logger.info("%s: epoch %d of %d  %s", title, epoch.epoch, epochs, state)

        yield show


def state_of(epoch: Epoch) -> str:
    """Return training loss and validation metric as short text."""
    validation = "" if epoch.validation is None else f"  validation {epoch.validation:.4f}"
    return f"loss {epoch.train_loss:.4f}{validation}"


def time_left(seconds: float) -> str:
    """Return the time as short text, in seconds, minutes or hours."""
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min left"
    return f"about {seconds / 3600:.1f} h left"
