"""Warm start: a fit begins with the weights of a network that was fitted on other data.

    champion      item a   b   c          new network    item b   c   d
    encoder_IH         1   2   3      ->  encoder_IH          2   3   ·   (·: a fresh weight)

Only parameters are copied. Buffers are statistics of the data, and `Network.start` has computed
those of the new data.

Dimension key: U users and I items of the new data.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.network import Network

Owners = Literal["users", "items"]


class IdAxis(NamedTuple):
    """The axis of a parameter along which each row belongs to a user, or to an item."""

    axis: int
    owners: Owners


class WarmStart(NamedTuple):
    """The networks that a fit continues, and which of their users and items are the same."""

    version: int
    """Number of the registered version, for the records of the fit."""
    members: Sequence[Network]
    """The members of the ensemble, or the network itself."""
    their_user_U: NDArray[np.int64]
    """Their index of each user; −1 for a new user."""
    their_item_I: NDArray[np.int64]
    """Their index of each item; −1 for a new item."""

    def has(self, member: int) -> bool:
        """Return whether there is a network to continue for this member of an ensemble."""
        return member < len(self.members)

    @torch.no_grad()
    def copy_into(self, network: Network, member: int) -> None:
        """Give a started network the parameters of their member, in the rows that both have."""
        theirs = dict(self.members[member].named_parameters())
        axes = id_axes(type(network), network.options, network.catalogue)
        for name, parameter in network.named_parameters():
            source = theirs[name].to(parameter.device)
            if name not in axes:
                parameter.copy_(source)
                continue
            axis, owners = axes[name]
            index = self.their_user_U if owners == "users" else self.their_item_I
            ours, found = (
                torch.as_tensor(each, device=parameter.device)
                for each in (np.flatnonzero(index >= 0), index[index >= 0])
            )
            parameter.index_copy_(axis, ours, source.index_select(axis, found))


def id_axes(network_class: type[Network], options: Any, catalogue: Catalogue) -> dict[str, IdAxis]:
    """Return the axis of users or items of each parameter or buffer that has one, by its name.

    It is the axis that grows by one if the catalogue has one user, or one item, more.
    """
    sizes = {"users": 2, "items": 2}

    def shapes(**more: int) -> dict[str, torch.Size]:
        with torch.device("meta"):  # shapes without memory
            network = network_class(options, catalogue._replace(**sizes | more))
        return {name: tensor.shape for name, tensor in network.state_dict().items()}

    before = shapes()
    found: dict[str, IdAxis] = {}
    owners: Owners
    for owners in ("users", "items"):
        for name, shape in shapes(**{owners: sizes[owners] + 1}).items():
            for axis, size in enumerate(shape):
                if size != before[name][axis]:
                    found[name] = IdAxis(axis, owners)
    return found
