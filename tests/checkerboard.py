"""The checkerboard world: even users like even items, odd users odd ones; the answer is plain.

item   0  1  2  3  …
user 0 5  1  4  2
user 1 1  5  2  4
"""

from typing import NamedTuple

import numpy as np

from collaborative_autoencoders.interactions.matrices import (
    Interactions,
    likes_of,
    to_matrix,
    together,
)
from collaborative_autoencoders.models.model import Catalogue, Model
from collaborative_autoencoders.recommending.ranking import rank_items


class World(NamedTuple):
    train: Interactions
    validation: Interactions
    test: Interactions
    catalogue: Catalogue


def checkerboard(n_users: int = 40, n_items: int = 30, seed: int = 0) -> World:
    """Three parts of the world, in which every user has rated seven cells of ten."""
    random = np.random.default_rng(seed)
    user, item = np.nonzero(random.random((n_users, n_items)) < 0.7)
    liked = user % 2 == item % 2
    rating = np.where(liked, 5, 1) + np.where(liked, -1, 1) * (random.random(len(user)) < 0.3)
    part = random.choice(3, size=len(user), p=[0.6, 0.2, 0.2])

    def view(number: int) -> Interactions:
        rows = part == number
        ratings = to_matrix(user[rows], item[rows], rating[rows], (n_users, n_items))
        return Interactions(ratings, likes_of(ratings, 4))

    return World(view(0), view(1), view(2), Catalogue(n_users, n_items, 1, 5))


def share_of_right_kind(model: Model, world: World) -> float:
    """Of all users, those whose first unseen item is even as they are, or odd as they are.

    A list that is the same for everybody is right for about half of them.
    """
    known = together(world.train, world.validation)
    items, _ = rank_items(model, getattr(known, model.learns_from), known.ratings, 1, 100)
    return float((items[:, 0] % 2 == np.arange(world.catalogue.users) % 2).mean())
