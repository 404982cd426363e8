"""AutoRec by hand, item- and user-based, and the law of its penalty."""

import numpy as np
import pytest
import torch
from checkerboard import checkerboard
from model_options import RUNNING, options_of
from pydantic import ValidationError
from scipy.sparse import csr_array

from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.models.autorec import AutoRec, UserAutoRec
from collaborative_autoencoders.models.batch import Rows
from collaborative_autoencoders.models.bias import (
    Bias,
    BiasOptions,
    item_biases,
    noise_by_spread,
    user_biases,
)
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.sums import HeldRows

PLAIN = {
    "model__hidden_sizes": [1],
    "model__encoder_activation": "identity",
    "model__decoder_activation": "identity",
    "model__input_dropout": 0,
    "model__scale_input": False,
    "model__standardize": False,
    "model__penalty": 1,
    "model__target": "raw",
    "model__fallback": 3,
}
#        item 0  1  2       user 0 has rated items 0 and 1, user 1 item 1, no user item 2
RATINGS = csr_array(
    (np.array([5, 1, 4], dtype=np.float32), np.array([0, 1, 1]), np.array([0, 2, 3])), shape=(2, 3)
)
CPU = torch.device("cpu")


def by_hand(network_class, encoder, decoder, **changes):
    options = options_of("autorec", **PLAIN | changes).model
    network = network_class(options, Catalogue(2, 3, 1, 5))
    network.start(RATINGS, torch.Generator())
    with torch.no_grad():
        network.encoder[0].copy_(torch.tensor(encoder)[:, None])
        network.decoder_CH.copy_(torch.tensor(decoder)[:, None])
        network.encoder_bias[0].fill_(0.5)
        network.decoder_bias_C.fill_(0.25)
    network.finish(Rows(network.rows(RATINGS), CPU))
    return network


def test_item_based_scores_are_equation_3_of_each_items_column():
    network = by_hand(AutoRec, [1.0, 2.0], [1.0, -1.0])
    code = [5 * 1 + 0.5, 1 * 1 + 4 * 2 + 0.5]
    wanted = [[code[0] + 0.25, code[1] + 0.25, 3], [-code[0] + 0.25, -code[1] + 0.25, 3]]
    assert network.score(RATINGS, np.array([0, 1])) == pytest.approx(np.array(wanted))


def test_user_based_scores_are_equation_3_of_each_users_row():
    network = by_hand(UserAutoRec, [1.0, 2.0, 3.0], [1.0, -1.0, 2.0])
    code = 5 * 1 + 1 * 2 + 0.5
    assert network.score(RATINGS[[0]], np.array([0]))[0] == pytest.approx(
        [code + 0.25, -code + 0.25, 3]  # no user has rated item 2
    )


def test_the_loss_looks_at_observed_ratings_only():
    network = by_hand(UserAutoRec, [1.0, 2.0, 3.0], [1.0, -1.0, 2.0])
    codes = [5 * 1 + 1 * 2 + 0.5, 4 * 2 + 0.5]
    first = (5 - (codes[0] + 0.25)) ** 2 + (1 - (-codes[0] + 0.25)) ** 2
    second = (4 - (-codes[1] + 0.25)) ** 2
    loss = network.loss(Rows(RATINGS, CPU).all(), torch.Generator())
    assert loss.item() == pytest.approx((first + second) / 2)


def test_no_gradient_is_summed_in_an_order_that_depends_on_the_threads():
    """With many ratings, several threads sum the gradient of `x[index]`, in no fixed order."""
    network = by_hand(AutoRec, [1.0, 2.0], [1.0, -1.0])
    batch = Rows(network.rows(RATINGS), CPU).all()
    steps, names = [network.loss(batch, torch.Generator()).grad_fn], set()
    while steps:
        step = steps.pop()
        names.add(step.name())
        steps += [earlier for earlier, _ in step.next_functions if earlier is not None]
    assert "SampledProductBackward" in names
    assert "IndexBackward0" not in names


def test_a_rating_of_zero_is_observed():
    zero = RATINGS.copy()
    zero.data[1] = 0
    network = by_hand(UserAutoRec, [1.0, 2.0, 3.0], [1.0, -1.0, 2.0])
    codes = [5 * 1 + 0.5, 4 * 2 + 0.5]
    errors = [5 - (codes[0] + 0.25), 0 - (-codes[0] + 0.25), 4 - (-codes[1] + 0.25)]
    loss = network.loss(Rows(zero, CPU).all(), torch.Generator())
    assert loss.item() == pytest.approx(sum(error**2 for error in errors) / 2)


def test_biases_are_damped_means_of_what_is_left_over():
    mean = (5 + 1 + 4) / 3
    b = [(5 - mean) / (1 + 1), (1 - mean + 4 - mean) / (2 + 1), 0]
    assert item_biases(HeldRows(RATINGS), mean, 1) == pytest.approx(b)
    users = [(5 - mean - b[0] + 1 - mean - b[1]) / (2 + 1), (4 - mean - b[1]) / (1 + 1)]
    assert user_biases(RATINGS, mean, np.array(b, dtype=np.float32), 1) == pytest.approx(users)


def test_item_biases_are_those_of_the_bias_model():
    network = by_hand(AutoRec, [1.0, 2.0], [1.0, -1.0], model__bias_damping=1)
    model = Bias(BiasOptions(damping=1), network.catalogue)
    model.fit(RATINGS)
    assert network.mean == model.mean
    assert network.item_bias_I.tolist() == model.item_bias_I.tolist()


def silent(**changes):
    network = by_hand(
        AutoRec,
        *([0.0, 0.0], [0.0, 0.0]),
        model__target="minus_biases",
        model__fallback="biases",
        **changes,
    )
    with torch.no_grad():
        network.decoder_bias_C.zero_()
    return network


def test_with_bias_targets_a_silent_network_predicts_the_biases():
    network, mean = silent(model__bias_damping=10), 10 / 3
    b_i = item_biases(HeldRows(RATINGS), mean, 10)
    b_u = user_biases(RATINGS, mean, b_i, 10)
    wanted = np.clip(mean + b_u[:, None] + b_i, 1, 5)
    assert network.predict(RATINGS, np.array([0, 1])) == pytest.approx(wanted, abs=1e-5)


def test_an_automatic_damping_is_three_times_that_of_the_bias_model():
    network, mean = silent(model__bias_damping="auto"), 10 / 3
    rows = HeldRows(RATINGS)
    of_items = 3 * noise_by_spread(rows.of_items.moments(mean))
    b_i = item_biases(rows, mean, of_items)
    of_users = 3 * noise_by_spread(rows.of_users(mean, b_i))
    b_u = user_biases(RATINGS, mean, b_i, of_users)
    wanted = np.clip(mean + b_u[:, None] + b_i, 1, 5)
    assert network.predict(RATINGS, np.array([0, 1])) == pytest.approx(wanted, abs=1e-5)
    assert network.chosen == pytest.approx(
        {"damping_of_items": of_items, "damping_of_users": of_users}
    )


def test_the_penalty_of_a_row_does_not_depend_on_the_batch():
    network = by_hand(AutoRec, [1.0, 2.0], [1.0, -1.0], model__penalty=12.0)
    strengths = [group.strength for group in network.penalties(n_rows=4)]
    assert strengths == [12 / 4, 0]  # λ/2 ‖·‖² of the whole sum is λ/4/2 ‖·‖² of a row's mean


def test_the_deep_form_has_the_papers_three_layers():
    options = options_of("autorec", model__hidden_sizes=[4, 2, 4]).model
    network = AutoRec(options, Catalogue(2, 3, 1, 5))
    shapes = [tuple(weight.shape) for weight in (*network.encoder, network.decoder_CH.T)]
    assert shapes == [(2, 4), (4, 2), (2, 4), (4, 2)]


@pytest.mark.parametrize("name", ["autorec", "autorec_user"])
@pytest.mark.parametrize("sizes", [[16], [16, 8, 16]])
def test_both_kinds_learn_at_any_depth(name, sizes):
    world = checkerboard()
    options = options_of(
        name,
        model__hidden_sizes=sizes,
        model__encoder_activation="tanh",
        fitting__epochs=60,
        fitting__patience=None,
    )
    history = fit_model(options, False, RUNNING, world.catalogue, **world.parts).history
    assert min(epoch.validation for epoch in history) < 1.3  # a bias is off by 1.7


def test_only_the_item_based_kind_keeps_the_code_of_every_item():
    options, catalogue = options_of("autorec", **PLAIN).model, Catalogue(2, 3, 1, 5)
    assert AutoRec(options, catalogue).code_RH.shape == (3, 1)
    assert UserAutoRec(options, catalogue).code_RH.shape == (0, 1)


def test_a_sigmoid_decoder_is_stretched_to_the_scale_of_the_ratings():
    network = by_hand(UserAutoRec, [1.0, 2.0, 3.0], [1.0, -1.0, 2.0])
    stretched = by_hand(
        UserAutoRec, [1.0, 2.0, 3.0], [1.0, -1.0, 2.0], model__decoder_activation="sigmoid"
    )
    plain = network.score(RATINGS[[0]], np.array([0]))[0, :2]
    assert stretched.score(RATINGS[[0]], np.array([0]))[0, :2] == pytest.approx(
        1 + (5 - 1) / (1 + np.exp(-plain))
    )


def test_a_sigmoid_decoder_cannot_give_what_biases_leave_over():
    with pytest.raises(ValidationError, match="set target: raw"):
        options_of("autorec", model__decoder_activation="sigmoid", model__target="minus_biases")
