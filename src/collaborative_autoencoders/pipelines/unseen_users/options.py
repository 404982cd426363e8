"""Whom the models are not to see."""

from typing import Annotated

from annotated_types import Ge, Gt, Lt

from collaborative_autoencoders.options import Options


class UnseenUsersOptions(Options):
    """Which users are held out wholly from a fit of its own."""

    fraction: Annotated[float, Gt(0), Lt(1)]
    """Share of the users."""

    seed: Annotated[int, Ge(0), Lt(2**32)]
    """Of the choice, which is a function of the seed and the raw ids alone."""
