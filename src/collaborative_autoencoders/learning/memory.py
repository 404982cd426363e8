"""Whether the fit of a network fits into the memory of this machine."""

from typing import Any

import torch

from collaborative_autoencoders.memory import TooLarge, machine_memory
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.network import Network
from collaborative_autoencoders.models.registry import model_class
from collaborative_autoencoders.options import Options

BYTES_IN_A_FIT = 16
"""Per weight: the weight, its gradient and two moments of Adam, each float32."""

BYTES_KEPT = 4
"""Per weight of a member of an ensemble that is fitted already."""


def refuse_too_large(name: str, options: Options, catalogue: Catalogue, members: int) -> None:
    """Raise TooLarge if the fit needs more memory than the machine has. Nothing is allocated."""
    network_class = model_class(name)
    weights = count_weights(network_class, options, catalogue)
    needed, there = weights * (BYTES_IN_A_FIT + BYTES_KEPT * (members - 1)), machine_memory()
    if there is not None and needed > there:
        of_members = f" in each of fitting.ensemble: {members} members" if members > 1 else ""
        fewer = " or core.ratings: core" if network_class.learns_from == "ratings" else ""
        raise TooLarge(
            f"{name}.model: these sizes make {weights:,} weights{of_members} for "
            f"{catalogue.users:,} users and {catalogue.items:,} items. Their fit needs at least "
            f"{needed / 2**30:,.1f} GiB, more than the {there / 2**30:.1f} GiB of this machine: "
            f"set smaller sizes{fewer}"
        )


def count_weights(network_class: type[Network], options: Any, catalogue: Catalogue) -> int:
    """Return the number of weights that a network would have."""
    with torch.device("meta"):  # shapes without memory
        network = network_class(options, catalogue)
    return sum(weight.numel() for weight in network.parameters())
