"""A network that the machine cannot hold is refused before anything is allocated."""

import pytest
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from collaborative_autoencoders import memory as machine
from collaborative_autoencoders.learning import memory
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.models.model import Catalogue

WORLD = checkerboard(20, 15)


def test_weights_are_counted_without_memory():
    options = options_of("autorec", model__hidden_sizes=[1_000_000]).model
    count = memory.count_weights(memory.model_class("autorec"), options, Catalogue(10**9, 0, 1, 5))
    # 10^9 users with 10^6 weights in encoder and decoder and a bias each, and 10^6 hidden biases
    assert count == 2 * 10**15 + 10**9 + 10**6


@pytest.mark.parametrize(
    "changes", [{"model__hidden_size": 1_000_000}, {"fitting__ensemble": 1000}]
)
def test_a_fit_that_is_larger_than_the_machine_names_the_model(monkeypatch, changes):
    monkeypatch.setattr(memory, "machine_memory", lambda: 3_000_000)
    with pytest.raises(ValueError, match=r"cdae\.model: these sizes make .* weights.*GiB"):
        fit_model(options_of("cdae", **changes), True, RUNNING, WORLD.catalogue, **WORLD.parts)


@pytest.mark.parametrize(
    ("name", "fix"), [("autorec", "sizes or core.ratings: core"), ("cdae", "sizes$")]
)
def test_only_for_a_model_of_ratings_fewer_users_are_a_way_out(monkeypatch, name, fix):
    monkeypatch.setattr(memory, "machine_memory", lambda: 1)
    with pytest.raises(ValueError, match=f"set smaller {fix}"):
        fit_model(options_of(name), True, RUNNING, WORLD.catalogue, **WORLD.parts)


def test_the_memory_of_a_container_counts(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("12345\n")
    monkeypatch.setattr(machine, "CONTAINER_LIMIT", tmp_path / "memory.max")
    assert machine.machine_memory() == 12345


@pytest.mark.parametrize("name", ["autorec", "autorec_user"])
def test_a_fallback_outside_the_ratings_of_the_table_is_refused_before_the_fit(name):
    with pytest.raises(ValueError, match="fallback: -1 lies outside the scale .* 1 to 5"):
        options = options_of(name, model__fallback=-1)
        fit_model(options, True, RUNNING, WORLD.catalogue, **WORLD.parts)


def test_a_penalty_of_ease_that_is_too_small_is_named():
    options = options_of("ease", model__penalty=1e-30)
    with pytest.raises(ValueError, match=r"ease\.model\.penalty: 1e-30 is too small"):
        fit_model(
            options,
            True,
            RUNNING,
            Catalogue(3, 15, 1, 5),
            **{name: part.of_users([0, 1, 2]) for name, part in WORLD.parts.items()},
        )
