"""A fit that continues a champion begins with its weights, where users and items are the same."""

from typing import Any

import numpy as np
import pytest
import torch
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from collaborative_autoencoders.learning import fit as loop
from collaborative_autoencoders.learning.checkpoints import FOLDER
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.warm_start import IdAxis, WarmStart, id_axes
from collaborative_autoencoders.models import networks
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.registry import model_class

OLD, NEW = checkerboard(40, 30, seed=0), checkerboard(43, 32, seed=1)
USERS = np.array([-1, -1, *range(39, -1, -1), -1])
"""Their index of each new user: three are new, and the others are in the reverse order."""
ITEMS = np.array([*range(29, -1, -1), -1, -1])


def network_of(name: str, world: Any) -> Any:
    """A network before its first epoch."""
    model = options_of(name).model
    network = model_class(name)(model, world.catalogue)
    network.start(world.train.view(network.learns_from), torch.Generator().manual_seed(7))
    return network


def champion_of(name: str) -> Any:
    """A network whose parameters are all different, and of no fresh network."""
    network = network_of(name, OLD)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(100 + torch.arange(parameter.numel()).reshape(parameter.shape))
    return network


def copies(network: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Its parameters and its buffers by name, as they are now."""
    parameters, buffers = (
        {name: value.detach().clone() for name, value in each}
        for each in (network.named_parameters(), network.named_buffers())
    )
    return parameters, buffers


@pytest.mark.parametrize("name", networks())
def test_known_users_and_items_begin_with_their_weights_and_new_ones_with_fresh_ones(name):
    champion, network = champion_of(name), network_of(name, NEW)
    fresh, statistics = copies(network)

    WarmStart(3, [champion], USERS, ITEMS).copy_into(network, member=0)

    started, buffers = copies(network)
    theirs = dict(champion.named_parameters())
    by_size = {(43, 40): USERS, (32, 30): ITEMS}
    assert any(started[key].shape != theirs[key].shape for key in started)
    for key, values in started.items():
        sizes = zip(values.shape, theirs[key].shape, strict=True)
        axes = [(axis, pair) for axis, pair in enumerate(sizes) if pair in by_size]
        if not axes:
            torch.testing.assert_close(values, theirs[key], rtol=0, atol=0)
            continue
        ((axis, pair),) = axes
        index = by_size[pair]
        for row, found in enumerate(index):
            expected = fresh[key].select(axis, row)
            if found >= 0:
                expected = theirs[key].select(axis, found)
            torch.testing.assert_close(values.select(axis, row), expected, rtol=0, atol=0)
    for key, values in buffers.items():  # the statistics of the new data
        torch.testing.assert_close(values, statistics[key], rtol=0, atol=0, equal_nan=True)


def test_the_axis_of_users_and_items_is_found_by_its_size():
    catalogue = Catalogue(16, 16, 1, 5)  # as many as hidden units
    of_cdae = id_axes(model_class("cdae"), options_of("cdae").model, catalogue)
    assert of_cdae == {
        "encoder_IH": IdAxis(0, "items"),
        "decoder_HI": IdAxis(1, "items"),
        "output_bias_I": IdAxis(0, "items"),
        "user_UH": IdAxis(0, "users"),
    }
    without = options_of("cdae", model__user_node=False).model
    assert "user_UH" not in id_axes(model_class("cdae"), without, catalogue)
    of_autorec = id_axes(model_class("autorec"), options_of("autorec").model, catalogue)
    of_items = {name for name, axis in of_autorec.items() if axis.owners == "items"}
    assert of_items == {"code_RH", "item_bias_I", "rated_I"}  # none of them a parameter


SHORT = {"fitting__epochs": 2, "fitting__patience": None, "fitting__ensemble": 2}


def fit(name: str, warm: WarmStart | None, **changes: Any) -> Any:
    options = options_of(name, **SHORT | changes)
    return fit_model(options, True, RUNNING, NEW.catalogue, **NEW.parts, warm=warm)


def test_each_member_continues_its_own_and_a_member_without_one_begins_anew(monkeypatch):
    begun, of = [], loop.FitState.of

    def seen(network, *given):
        begun.append(copies(network)[0]["hidden_bias_H"])
        return of(network, *given)

    monkeypatch.setattr(loop.FitState, "of", seen)
    champions = [champion_of("cdae"), champion_of("cdae")]
    with torch.no_grad():
        champions[1].hidden_bias_H.fill_(-5)
    fit("cdae", WarmStart(3, champions, USERS, ITEMS), fitting__ensemble=3)
    assert len(begun) == 6  # two fits of each member: on train, and on train + validation
    for first, of_member in zip(begun[::2], (champions[0].hidden_bias_H, -5, 0), strict=True):
        assert (first == of_member).all()
    assert all((one == two).all() for one, two in zip(begun[::2], begun[1::2], strict=True))


def test_a_warm_fit_keeps_its_checkpoints_apart_from_a_fit_from_new_weights(tmp_path, monkeypatch):
    names = []

    def phase(self, name, title, epochs):
        names.append(name)

    monkeypatch.setattr("collaborative_autoencoders.learning.checkpoints.Checkpoints.phase", phase)
    token = FOLDER.set(tmp_path)
    running = RUNNING.model_copy(update={"checkpoint_seconds": 0})
    options = options_of("cdae", **SHORT | {"fitting__ensemble": 1})
    for warm in (None, WarmStart(3, [champion_of("cdae")], USERS, ITEMS)):
        fit_model(options, True, running, NEW.catalogue, **NEW.parts, warm=warm)
    FOLDER.reset(token)
    cold = ["42.train", "42.final"]
    assert names == [*cold, *(f"{name}.from_version_3" for name in cold)]
