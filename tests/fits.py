"""Fits of any model with the options of conf/test; a stack's members are fitted first."""

from typing import Any

from checkerboard import World
from model_options import RUNNING, options_of

from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.stacking import Member, fit_members, fit_stack
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.models.model import Fitted


def fit(name: str, world: World, refit: bool = True, **changes: Any) -> Fitted:
    """The model, fitted on the world. Changes of a stack are changes of its networks."""
    if MODELS[name].members:
        return fit_stack(
            options_of(name), RUNNING, members_of(name, world, refit, **changes), **world.parts
        )
    options = options_of(name, **changes)
    return fit_model(options, refit, RUNNING, world.catalogue, **world.parts).fitted


def members_of(name: str, world: World, refit: bool = True, **changes: Any) -> dict[str, Member]:
    """The members of a stack, fitted on the world. Changes are those of its networks."""
    options = (
        options_of(member, **(changes if MODELS[member].is_network else {}))
        for member in MODELS[name].members
    )
    return fit_members(options, refit, RUNNING, world.catalogue, **world.parts)
