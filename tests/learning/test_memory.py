"""A network that the machine cannot hold is left out before anything is allocated."""

import re

import pytest
from checkerboard import checkerboard
from model_options import RUNNING, options_of
from scipy.sparse import csr_array

from collaborative_autoencoders import memory as machine
from collaborative_autoencoders.learning import memory
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.models import ease, mf
from collaborative_autoencoders.models.model import Catalogue

WORLD = checkerboard(20, 15)


def left_out(name, **changes):
    """The reason why a model is left out of a run."""
    options = options_of(name, **changes)
    return fit_model(options, True, RUNNING, WORLD.catalogue, **WORLD.parts).fitted.left_out


def test_weights_are_counted_without_memory():
    options = options_of("autorec", model__hidden_sizes=[1_000_000]).model
    count = memory.count_weights(memory.model_class("autorec"), options, Catalogue(10**9, 0, 1, 5))
    # 10^9 users with 10^6 weights in encoder and decoder and a bias each, and 10^6 hidden biases
    assert count == 2 * 10**15 + 10**9 + 10**6


@pytest.mark.parametrize(
    "changes", [{"model__hidden_size": 1_000_000}, {"fitting__ensemble": 1000}]
)
def test_a_fit_that_is_larger_than_the_machine_is_left_out_with_the_reason(monkeypatch, changes):
    monkeypatch.setattr(memory, "machine_memory", lambda: 3_000_000)
    reason = left_out("cdae", **changes)
    assert re.match(r"cdae\.model: these sizes make .* weights.*GiB", reason)


@pytest.mark.parametrize(
    ("name", "fix"), [("autorec", "sizes or core.ratings: core"), ("cdae", "sizes$")]
)
def test_only_for_a_model_of_ratings_fewer_users_are_a_way_out(monkeypatch, name, fix):
    monkeypatch.setattr(memory, "machine_memory", lambda: 1)
    assert re.search(f"set smaller {fix}", left_out(name))


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


def test_ease_reads_the_neighbours_of_each_item_where_the_machine_holds_no_pairs(monkeypatch):
    """A default run says so, and is not ended: 15 items need 4,500 bytes, 20 users 8,000."""
    monkeypatch.setattr(ease, "gib_of_neighbours", lambda *sizes: 1000 / 2**30)
    monkeypatch.setattr(machine, "machine_memory", lambda: 4_499)
    outcome = fit_model(options_of("ease"), True, RUNNING, WORLD.catalogue, **WORLD.parts)
    assert isinstance(outcome.fitted.model.weight_II, csr_array)
    (remark,) = outcome.remarks
    assert re.search("300 nearest neighbours alone, .* 15 .* GiB of this machine$", remark)
    monkeypatch.setattr(machine, "machine_memory", lambda: 4_500)
    outcome = fit_model(options_of("ease"), True, RUNNING, WORLD.catalogue, **WORLD.parts)
    assert not outcome.remarks
    monkeypatch.setattr(machine, "machine_memory", lambda: 999)
    assert "300 neighbours of 15 items need" in left_out("ease")


@pytest.mark.parametrize("name", ["mf", "sequential_ease"])
def test_a_formula_that_is_larger_than_the_machine_is_left_out(monkeypatch, name):
    for module in (machine, mf):
        monkeypatch.setattr(module, "machine_memory", lambda: 9)
    assert "GiB of this machine" in left_out(name)


def test_a_lower_limit_counts_and_is_named(monkeypatch):
    monkeypatch.setattr(machine, "machine_memory", lambda: 2 * 2**30)
    assert machine.memory_limit(3, "ease.limit") == (2, "the 2.0 GiB of this machine")
    assert machine.memory_limit(1, "ease.limit").words.startswith("ease.limit: 1, which can be")
