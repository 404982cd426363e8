"""A network that is sent to workers is the same one, and takes its memory there once."""

import pickle
import pickletools
from copy import deepcopy

import pytest
import torch
from checkerboard import checkerboard
from model_options import options_of
from torch import nn

from collaborative_autoencoders.models import model_class, networks

WORLD = checkerboard()


def started(name):
    network = model_class(name)(options_of(name).model, WORLD.catalogue)
    part_UI = WORLD.train.view(network.learns_from)
    network.start(part_UI, torch.Generator().manual_seed(0))
    return network


def tensors_of(network):
    """All tensors by name, those too that are no part of the state."""
    return dict(network.named_parameters()) | dict(network.named_buffers())


@pytest.mark.parametrize("copy", [lambda network: pickle.loads(pickle.dumps(network, 5)), deepcopy])
@pytest.mark.parametrize("name", networks())
def test_a_copy_is_the_same_network_with_memory_of_its_own(name, copy):
    network = started(name)
    found, own = tensors_of(copied := copy(network)), tensors_of(network)
    assert found.keys() == own.keys()
    for each, tensor in own.items():
        assert type(found[each]) is type(tensor)
        assert found[each].requires_grad == tensor.requires_grad
        assert torch.equal(found[each], tensor)
        assert found[each].data_ptr() != tensor.data_ptr() or not tensor.numel()
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.add_(1)  # of memory that can be written
    for each, tensor in own.items():
        changed = isinstance(tensor, nn.Parameter) and tensor.numel()
        assert torch.equal(tensors_of(copied)[each], tensor + 1 if changed else tensor)


def test_weights_are_read_into_their_memory():
    """Of a tensor, pickle reads all bytes first, and has them until the last tensor is there."""
    network = started("cdae")
    written = [
        (kind.name, len(content))
        for kind, content, _ in pickletools.genops(pickle.dumps(network, 5))
        if isinstance(content, bytes | bytearray)
    ]
    weights = [len(array.tobytes()) for array in network.state().values()]
    assert {kind for kind, size in written if size in weights} == {"BYTEARRAY8"}
    assert sum(size for _, size in written) < 1.1 * sum(tensor_bytes(network))


def tensor_bytes(network):
    return [tensor.numel() * tensor.element_size() for tensor in tensors_of(network).values()]
