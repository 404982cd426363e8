"""The batches of one epoch."""

from collections.abc import Iterator

import torch

from collaborative_autoencoders.models.batch import Batch, Rows


def shuffled_batches(rows: Rows, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
    """Every row that holds anything once, in a new order, `batch_size` at a time.

    The order is drawn and the batches are made on the device of the rows.
    """
    observed = rows.observed()
    order = torch.randperm(len(observed), generator=generator, device=rows.device)
    for places in observed[order].split(batch_size):
        yield rows.batch(places)
