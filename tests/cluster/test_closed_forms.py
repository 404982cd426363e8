"""Workers add up, find neighbours and solve for columns as one machine does, to the last bit."""

import math
from pathlib import Path

import numpy as np
import pytest
from checkerboard import World, checkerboard, split_by_users, with_others
from model_options import RUNNING, options_of
from sharded import stored, write

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.learning.options import RefitOptions
from collaborative_autoencoders.models import bias, ease, nearest
from collaborative_autoencoders.models.sums import HeldRows
from collaborative_autoencoders.pipelines.training import nodes

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]

WORLD, OF_FEW_USERS = checkerboard(100, 70), checkerboard(6, 70)
LADDER = {"model__penalty": "auto", "model__penalty_factor": [0.5, 2]}


@pytest.fixture(autouse=True)
def many_blocks_of_a_large_catalogue(monkeypatch):
    monkeypatch.setattr(ease, "gib_of_pairs", lambda size: math.inf)
    monkeypatch.setattr(nearest, "ITEMS_AT_ONCE", 8)


def fitted_by(engine: str, name: str, world=WORLD, refit=True, **changes):
    options, running = options_of(name, **changes), RUNNING.model_copy(update={"engine": engine})
    core = dict(zip(("core_users", "core_items"), world.train.core_shape, strict=True))
    facts = world.catalogue._asdict() | core
    parts = world.train, world.validation
    return nodes.fit_model(options, RefitOptions(refit=refit), running, *parts, facts)


@pytest.mark.parametrize(
    ("name", "changes"),
    [("itemknn", {}), ("itemknn", {"model__user_exponent": 0.7}), ("ease", LADDER)],
)
def test_models_have_the_bits_of_one_machine(name, changes):
    changes |= {"model__neighbours": 9}
    here, there = (fitted_by(engine, name, **changes) for engine in ("one_machine", "spark"))
    assert there["fit_facts"]["chosen"] == here["fit_facts"]["chosen"]
    state = there["fitted"].model.state()
    for tensor, value in here["fitted"].model.state().items():
        assert np.array_equal(value, state[tensor]), tensor


def with_ratings(world: World, of_cells) -> World:
    """The world with other ratings of the same cells, on their own scale."""

    def changed(part):
        ratings_UI = part.ratings.copy()
        ratings_UI.data = of_cells(ratings_UI.data).astype(np.float32)
        return Interactions.of(ratings_UI, 0, core_shape=part.core_shape)

    parts = [changed(part) for part in world[:3]]
    values = np.concatenate([part.ratings.data for part in parts])
    ends = {"lowest_rating": float(values.min()), "highest_rating": float(values.max())}
    return World(*parts, world.catalogue._replace(**ends))


def tenths(ratings):
    """Ratings that are no sums of powers of two, some below 0, in an order of their own."""
    return ratings / 10 - 0.3 + np.arange(len(ratings)) % 7 / 10


def plays(ratings):
    """Numbers of plays: most are small, and a few as large as all others together."""
    return np.where(np.arange(len(ratings)) % 97 == 5, 123_456.7, ratings)


@pytest.fixture
def in_folders(tmp_path):
    def written(world: World) -> World:
        parts = [stored(part, tmp_path / f"{n}") for n, part in enumerate(world[:2])]
        return World(*parts, *world[2:])

    return written


OTHERS = with_others(WORLD)


@pytest.mark.parametrize(
    ("world", "refit", "damping"),
    [
        (OTHERS, True, "auto"),
        (OTHERS, False, 5),
        (with_ratings(OTHERS, tenths), True, "auto"),
        (with_ratings(OTHERS, plays), True, "auto"),
        (with_ratings(OTHERS, np.zeros_like), True, "auto"),
        (split_by_users(OTHERS), True, "auto"),
    ],
)
def test_popularity_and_biases_are_sums_of_what_workers_read(
    in_folders, monkeypatch, world, refit, damping
):
    world, others = in_folders(world), {"bias": {"model__damping": damping}, "popularity": {}}
    for name, changes in others.items():
        here = fitted_by("one_machine", name, world, refit, **changes)
        with monkeypatch.context() as no_sums_here:
            no_sums_here.delattr(HeldRows, "__init__")
            there = fitted_by("spark", name, world, refit, **changes)
        assert there["fit_facts"]["chosen"] == here["fit_facts"]["chosen"]
        state = there["fitted"].model.state()
        for tensor, value in here["fitted"].model.state().items():
            assert np.array_equal(value, state[tensor]), tensor


OTHER_ROWS = "workers have read other rows in .* than the driver, .*: .* Make the parts again"


def swapped(part: Interactions) -> Interactions:
    """The part in which every user has the ratings of another."""
    return part.of_users(np.roll(np.arange(part.shape[0]), 1))


@pytest.mark.parametrize("name", ["popularity", "bias"])
def test_rows_that_the_driver_has_not_read_are_an_error(in_folders, name):
    world = in_folders(WORLD)
    write(swapped(world.train), Path(world.train.folder))
    with pytest.raises(ValueError, match=OTHER_ROWS):
        fitted_by("spark", name, world)


@pytest.mark.parametrize("of_cells", [lambda ratings: 4000 * ratings, lambda ratings: -ratings])
def test_ratings_of_another_scale_are_the_same_error(in_folders, of_cells):
    world = in_folders(WORLD)
    write(with_ratings(WORLD, of_cells).train, Path(world.train.folder))
    with pytest.raises(ValueError, match=OTHER_ROWS):
        fitted_by("spark", "bias", world)


def test_rows_that_change_between_two_passes_are_an_error(in_folders, monkeypatch):
    world, biases_of = in_folders(WORLD), bias.item_biases

    def then_other_files(*of_items):
        biases_I = biases_of(*of_items)
        write(swapped(world.train), Path(world.train.folder))
        return biases_I

    monkeypatch.setattr(bias, "item_biases", then_other_files)
    with pytest.raises(ValueError, match=OTHER_ROWS):
        fitted_by("spark", "bias", world, model__damping="auto")


def test_an_empty_part_is_left_out_as_on_one_machine(in_folders):
    nothing = np.ones(100, dtype=bool)
    world = in_folders(WORLD._replace(train=WORLD.train.without_users(nothing)))
    for name in ("popularity", "bias"):
        here, there = (fitted_by(engine, name, world) for engine in ("one_machine", "spark"))
        assert there["fitted"].left_out == here["fitted"].left_out
        assert "the train part has no" in there["fitted"].left_out


def test_an_error_of_a_worker_is_that_of_one_machine():
    with pytest.raises(ValueError, match=r"ease\.model\.penalty: 1e-30 is too small"):
        fitted_by("spark", "ease", OF_FEW_USERS, model__penalty=1e-30)
