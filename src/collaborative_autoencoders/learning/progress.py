"""A progress bar with loss and validation metric, shown on a terminal only."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from collaborative_autoencoders.terminal import one_bar_at_a_time

from .fit import Epoch, OnEpoch


@contextmanager
def progress_bar(title: str, epochs: int) -> Iterator[OnEpoch]:
    """Yield a function that advances the bar by one epoch."""
    console = Console(stderr=True)
    shown = console.is_terminal and one_bar_at_a_time()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not shown) as progress:
        task = progress.add_task(title, total=epochs, state="")
        yield lambda epoch: progress.update(task, advance=1, state=state_of(epoch))


def state_of(epoch: Epoch) -> str:
    """Return training loss and validation metric as short text."""
    validation = "" if epoch.validation is None else f"  validation {epoch.validation:.4f}"
    return f"loss {epoch.train_loss:.4f}{validation}"
