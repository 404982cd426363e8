"""A fit that has learned nothing says so, with what to try."""

import pytest
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from collaborative_autoencoders.learning.fit import Epoch, Fit
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.remarks import remarks_of

WORLD = checkerboard()


def remarks_of_fit(name, **changes):
    options = options_of(name, **changes)
    return fit_model(options, False, RUNNING, WORLD.catalogue, **WORLD.parts).remarks


def remarks_of_best(best, is_warm=False, **changes):
    """The remarks on 12 epochs of AutoRec, much better than its biases in this one."""
    history = [Epoch(number, 1.0, 0.1, 1.0, 0.8 + (number != best)) for number in range(1, 13)]
    options, found = options_of("autorec", **changes), Fit(history, best)
    return remarks_of(options, found, WORLD.catalogue, 1.5, **WORLD.parts, is_warm=is_warm)


@pytest.mark.parametrize("name", ["cdae", "autorec", "autorec_user"])
def test_a_network_that_has_learned_is_better_than_its_biases(name):
    assert not [remark for remark in remarks_of_fit(name) if "no better" in remark]


def test_a_rating_network_with_dead_weights_is_no_better_than_its_biases():
    dead = {"model__penalty": 1e6, "fitting__learning_rate": 0.2, "model__bias_damping": 10}
    (first, *_) = remarks_of_fit("autorec", **dead)
    assert first.startswith("it is no better than its own biases: validation rmse is")


def test_a_ranking_network_with_dead_weights_is_no_better_than_popularity_or_biases():
    dead = {f"model__{name}_penalty": 1e6 for name in ("encoder", "user", "decoder")}
    (first, *_) = remarks_of_fit("cdae", **dead)
    assert "it is no better than" in first and "validation ndcg_at_5 is" in first


@pytest.mark.parametrize("name", ["sequential_dae", "sasrec"])
def test_a_network_without_penalties_is_not_compared_with_itself(name):
    assert not [remark for remark in remarks_of_fit(name) if "its own biases" in remark]


def test_a_best_epoch_that_is_the_last_asks_for_more():
    (remark,) = remarks_of_best(12, fitting__epochs=12)
    assert remark == "its best epoch, 12, is the last: try --params autorec.fitting.epochs=24"
    assert remarks_of_best(12, fitting__epochs=13, fitting__average_last=0.5) == []


def test_a_best_epoch_that_is_the_first_asks_for_smaller_steps():
    (remark,) = remarks_of_best(1, fitting__learning_rate=0.003)
    assert remark == "its best epoch is the first: try --params autorec.fitting.learning_rate=0.001"


def test_a_fit_that_continues_a_champion_may_be_best_early():
    assert remarks_of_best(1, is_warm=True) == []
    assert remarks_of_best(3, is_warm=True, fitting__average_last=0.5) == []
    assert remarks_of_best(12, is_warm=True, fitting__epochs=12) != []


def test_an_average_that_begins_after_the_best_epoch_is_named():
    changes = {"fitting__epochs": 20, "fitting__average_last": 0.5}
    (remark,) = remarks_of_best(10, **changes)
    assert "10, comes before the weights are averaged, from epoch 11 on: try --params" in remark
    assert remarks_of_best(11, **changes) == []
