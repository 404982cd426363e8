"""What fits models: this process, or workers of a Spark cluster."""

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions
from collaborative_autoencoders.models.registry import model_class
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


def computed_by(running: RunningOptions) -> AbstractContextManager[None]:
    """Return where the pieces of closed forms are computed by what `running.engine` names."""
    if running.engine == "one_machine":
        return nullcontext()
    from collaborative_autoencoders import cluster

    return mapped_by(cluster.map_on_workers)
