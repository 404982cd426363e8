"""The checkerboard world: even users like even items, odd users odd ones, so the answer is plain.

item   0  1  2  3  …
user 0 5  1  4  2
user 1 1  5  2  4
"""

from typing import NamedTuple

import numpy as np

from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.evaluation.ranking import rank_items
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.user_order import places_of
from collaborative_autoencoders.models.model import Catalogue, Model


class World(NamedTuple):
    train: Interactions
    validation: Interactions
    test: Interactions
    catalogue: Catalogue

    @property
    def parts(self) -> dict[str, Interactions]:
        """The parts that a fit may use, by name: `fit_model(…, **world.parts)`."""
        return {"train": self.train, "validation": self.validation}

    @property
    def known(self) -> Interactions:
        """Train + validation."""
        return self.train.joined(self.validation)

    def known_to(self, model: Model) -> Known:
        """What a model that was refitted on train + validation may know."""
        return Known(self.known.view(model.learns_from), self.known.ratings)


def checkerboard(n_users: int = 40, n_items: int = 30, seed: int = 0) -> World:
    """Three parts of the world, in which every user has rated seven cells of ten."""
    random = np.random.default_rng(seed)
    user, item = np.nonzero(random.random((n_users, n_items)) < 0.7)
    liked = user % 2 == item % 2
    rating = np.where(liked, 5, 1) + np.where(liked, -1, 1) * (random.random(len(user)) < 0.3)
    part = random.choice(3, size=len(user), p=[0.6, 0.2, 0.2])
    time = random.permutation(len(user))
    order = places_of(user, time, np.arange(len(user)), liked)

    def interactions_of(number: int) -> Interactions:
        rows = part == number
        return Interactions.from_rows(
            user[rows],
            item[rows],
            (n_users, n_items),
            ratings=rating[rows],
            times=time[rows],
            like_threshold=4,
            order=order[rows],
        )

    catalogue = Catalogue(n_users, n_items, 1, 5)
    return World(interactions_of(0), interactions_of(1), interactions_of(2), catalogue)


def with_others(world: World, n_users: int = 6, n_items: int = 5) -> World:
    """The world as the core of a larger one, whose further users and items have few ratings."""
    random = np.random.default_rng(1)
    core_shape = world.catalogue.users, world.catalogue.items
    shape = core_shape[0] + n_users, core_shape[1] + n_items
    outside_UI = random.random(shape) < 0.2
    outside_UI[: core_shape[0], : core_shape[1]] = False
    part_UI = np.where(outside_UI, random.choice(3, size=shape, p=[0.6, 0.2, 0.2]), -1)
    parts = []
    for number, part in enumerate((world.train, world.validation, world.test)):
        user, item = np.nonzero(part_UI == number)
        core = part.ratings.tocoo()
        parts.append(
            Interactions.from_rows(
                np.concatenate([core.row, user]),
                np.concatenate([core.col, item]),
                shape,
                ratings=np.concatenate([core.data, random.integers(1, 6, len(user))]),
                times=None,
                like_threshold=4,
                core_shape=core_shape,
                order=np.concatenate([part.order[core.row, core.col], np.zeros(len(user))]),
            )
        )
    return World(*parts, Catalogue(*shape, 1, 5))


def share_of_right_kind(model: Model, world: World) -> float:
    """The share of users whose first unseen item is even as they are, or odd as they are.

    A list that is the same for every user is right for about half of them.
    """
    items, _ = rank_items(model, world.known_to(model), k=1, batch_size=100)
    return float((items[:, 0] % 2 == np.arange(world.catalogue.users) % 2).mean())


def split_by_users(world: World) -> World:
    """The world with every fourth user in test alone, half of the ratings to fold in."""
    is_test_U = np.arange(world.train.shape[0]) % 4 == 1
    held = world.train.without_users(~is_test_U)
    starts = held.ratings.indptr[:-1][np.diff(held.ratings.indptr) > 0]
    is_fold_in_N = np.arange(held.ratings.nnz) % 2 == 0
    is_fold_in_N[starts] = True
    known = {name: part.without_users(is_test_U) for name, part in world.parts.items()}
    return world._replace(**known, test=held.split_off(is_fold_in_N))
