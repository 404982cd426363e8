"""What fits models: this process, or workers of a Spark cluster."""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part_rows import ShardedPart
from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions
from collaborative_autoencoders.models.registry import model_class
from collaborative_autoencoders.models.sums import Claim, FittedBySums, RatingScale, RatingSums
from collaborative_autoencoders.side_by_side import mapped_by

if TYPE_CHECKING:
    from collaborative_autoencoders.learning.on_ranks import OnRanks

logger = logging.getLogger(__name__)


def ranks_for(options: TrainingOptions, running: RunningOptions) -> "OnRanks | None":
    """Return what fits a network on workers; None if it is fitted in this process."""
    if running.ranks == 1 or options.fitting is None:
        return None
    if model_class(options.name).ranks_share is None:
        logger.warning(
            "%s: fitted by the driver alone, without running.ranks: %d, which share cdae, vae, "
            "autorec and autorec_user",
            options.name,
            running.ranks,
        )
        return None
    from collaborative_autoencoders import cluster
    from collaborative_autoencoders.learning.on_ranks import OnRanks

    device = cluster.device_of_ranks(running.device)  # one for all, whatever a host may have
    on_device = running.model_copy(update={"device": device})
    return OnRanks(cluster.launch_on(running.ranks, device), on_device)


def rows_on_workers(
    options: TrainingOptions,
    refit: bool,
    running: RunningOptions,
    parts: Mapping[str, Interactions],
) -> RatingSums | None:
    """Return the rows of the final fit as workers read them; None if this process adds them up.

    `parts` has train and validation. Workers read folders of Parquet files, so not other parts.
    """
    of_class = model_class(options.name)
    if running.engine == "one_machine" or not issubclass(of_class, FittedBySums):
        return None
    read = [part for name, part in parts.items() if refit or name == "train"]
    folders = [part.folder for part in read if isinstance(part, ShardedPart)]
    held = [rows for part in read for rows in (part, part.fold_in) if rows is not None]
    views = [rows.view(of_class.learns_from) for rows in held]
    if len(folders) < len(read) or not any(view_UI.nnz for view_UI in views):
        return None
    from collaborative_autoencoders import cluster

    scale = RatingScale.of(views) if of_class.learns_from == "ratings" else None
    return cluster.StoredRows(folders, Claim.of(views, scale), views[0].shape[1], scale)


def computed_by(running: RunningOptions) -> AbstractContextManager[None]:
    """Return where the pieces of closed forms are computed by what `running.engine` names."""
    if running.engine == "one_machine":
        return nullcontext()
    from collaborative_autoencoders import cluster

    return mapped_by(cluster.map_on_workers)
