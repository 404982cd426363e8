"""Workers find neighbours and solve for columns as one machine does, to the last bit."""

import math

import numpy as np
import pytest
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from collaborative_autoencoders.learning.options import RefitOptions
from collaborative_autoencoders.models import ease, nearest
from collaborative_autoencoders.pipelines.training import nodes

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]

WORLD, OF_FEW_USERS = checkerboard(100, 70), checkerboard(6, 70)
LADDER = {"model__penalty": "auto", "model__penalty_factor": [0.5, 2]}


@pytest.fixture(autouse=True)
def many_blocks_of_a_large_catalogue(monkeypatch):
    monkeypatch.setattr(ease, "gib_of_pairs", lambda size: math.inf)
    monkeypatch.setattr(nearest, "ITEMS_AT_ONCE", 8)


def fitted_by(engine: str, name: str, world=WORLD, **changes):
    options, running = options_of(name, **changes), RUNNING.model_copy(update={"engine": engine})
    facts = world.catalogue._asdict() | {"other_users": 0, "other_items": 0}
    parts = world.train, world.validation
    return nodes.fit_model(options, RefitOptions(refit=True), running, *parts, facts)


@pytest.mark.parametrize(("name", "changes"), [("itemknn", {}), ("ease", LADDER)])
def test_models_have_the_bits_of_one_machine(name, changes):
    changes |= {"model__neighbours": 9}
    here, there = (fitted_by(engine, name, **changes) for engine in ("one_machine", "spark"))
    assert there["fit_facts"]["chosen"] == here["fit_facts"]["chosen"]
    state = there["fitted"].model.state()
    for tensor, value in here["fitted"].model.state().items():
        assert np.array_equal(value, state[tensor]), tensor


def test_an_error_of_a_worker_is_that_of_one_machine():
    with pytest.raises(ValueError, match=r"ease\.model\.penalty: 1e-30 is too small"):
        fitted_by("spark", "ease", OF_FEW_USERS, model__penalty=1e-30)
