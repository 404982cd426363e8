"""A card that is not there: tensors that name another device, with their values on the CPU.

The code under test takes the path of a GPU, since the device of its tensors is not `cpu`. Each
operation is computed on the CPU and noted: one that reads a value, copies between devices or has a
result whose size depends on values is a round trip, for which a real card would be waited for.
The device is named `meta`, as torch refuses the name `cuda` where it has no CUDA.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "bincount", "is_nonzero")
"""Parts of the names of operations that have to know values of the card."""


aten = torch.ops.aten
SIZES = {
    aten.sym_size.default: lambda held: held.size(),
    aten.size.default: lambda held: held.size(),
    aten.sym_stride.default: lambda held: held.stride(),
    aten.stride.default: lambda held: held.stride(),
    aten.dim.default: lambda held: held.dim(),
    aten.sym_numel.default: lambda held: held.numel(),
    aten.numel.default: lambda held: held.numel(),
    aten.sym_storage_offset.default: lambda held: held.storage_offset(),
    aten.storage_offset.default: lambda held: held.storage_offset(),
    aten.is_contiguous.default: lambda held: held.is_contiguous(),
    aten.is_contiguous.memory_format: lambda held: held.is_contiguous(),
}
"""Questions about the form of a tensor. A card is not waited for."""


class OnCard(Tensor):
    """A tensor that names the card as its device."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor) -> "OnCard":
        place = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made: OnCard = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            dtype=held.dtype,
            device=DEVICE,
            dispatch_sizes_strides_policy="sizes",  # `squeeze_` changes those of the values
            **place,
        )
        return made

    def __init__(self, held: Tensor) -> None:
        self.held = held

    def __repr__(self) -> str:
        return f"OnCard({self.held})"

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        assert function in SIZES, f"{function} outside of the card"
        return SIZES[function](args[0].held)


class Card(TorchDispatchMode):
    """Computes what happens on the card while it is entered, and counts the round trips."""

    def __init__(self) -> None:
        super().__init__()
        self.round_trips: list[str] = []
        self.generators: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        if function in SIZES:
            return SIZES[function](args[0].held)
        kwargs = dict(kwargs or {})
        leaves = tree_leaves((args, kwargs))
        is_given = any(isinstance(leaf, OnCard) or is_sparse(leaf) for leaf in leaves)
        device = kwargs.get("device")
        is_on_card = is_given if device is None else torch.device(device) == DEVICE
        if device is not None and is_on_card:
            kwargs["device"] = torch.device("cpu")
        self.note(function, args, kwargs, is_given, is_on_card)
        own = {id(leaf.held): leaf for leaf in leaves if isinstance(leaf, OnCard)}
        found = function(*tree_map(held_of, args), **tree_map(held_of, kwargs))

        def placed(value: Any) -> Any:
            is_plain = isinstance(value, Tensor) and not isinstance(value, OnCard)
            if not is_plain or not is_on_card or is_sparse(value):
                return value
            return own[id(value)] if id(value) in own else OnCard(value)

        return tree_map(placed, found)

    def note(self, function: Any, args: Any, kwargs: Any, is_given: bool, is_on_card: bool) -> None:
        """Note an operation that a card would be waited for."""
        name = function._schema.name.removeprefix("aten::")
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if not is_given:
            if is_on_card and any(not isinstance(tensor, OnCard) for tensor in tensors):
                self.round_trips.append(f"{name} to the card")
            return
        if any(isinstance(t, Tensor) and t.dtype == torch.bool for t in indices_of(name, args)):
            name = "nonzero of a mask"
        waits = any(part in name for part in WAITS) and "nonzero_static" not in name
        waits |= name == "repeat_interleave" and kwargs.get("output_size") is None
        waits |= not is_on_card
        waits |= any(
            not isinstance(t, OnCard) and not is_sparse(t) and t.dim() > 0 for t in tensors
        )
        if waits:
            self.round_trips.append(name)


def indices_of(name: str, args: Any) -> list[Any]:
    """The indices of an operation that takes some."""
    return list(args[1]) if name in ("index", "index_put", "index_put_") else []


def is_sparse(value: Any) -> bool:
    """Whether this is a sparse tensor. It is on the card, though it names the CPU."""
    return isinstance(value, Tensor) and value.layout != torch.strided


def held_of(value: Any) -> Any:
    """The values of a tensor on the card."""
    return value.held if isinstance(value, OnCard) else value


def move(network: nn.Module) -> None:
    """Move a network to the card."""
    for module in network.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(OnCard(parameter.detach()))
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = OnCard(buffer)
