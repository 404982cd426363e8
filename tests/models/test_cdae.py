"""CDAE by hand: a network small enough to do its sums on paper."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from checkerboard import checkerboard, share_of_right_kind
from model_options import RUNNING, options_of
from pydantic import ValidationError
from scipy.sparse import csr_array

from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.models import losses
from collaborative_autoencoders.models.batch import Rows, drop, thin_out
from collaborative_autoencoders.models.cdae import CDAE, CDAEOptions
from collaborative_autoencoders.models.model import Catalogue

PLAIN = {
    "model__hidden_size": 1,
    "model__hidden_activation": "identity",
    "model__normalize_input": False,
    "model__input_scale": 1,
    "model__corruption": 0,
    "model__positive_weight": 1,
}
LIKES = csr_array(np.array([[1, 1, 0], [0, 1, 0]], dtype=np.float32))
CPU = torch.device("cpu")


def by_hand(**changes):
    """W = (1, 2, 3)ᵀ, V = (10, 20), b = 0.5, W' = (1, −1, 2), b' = (0, 0, 1)."""
    network = CDAE(options_of("cdae", **(PLAIN | changes)).model, Catalogue(2, 3, 1, 5))
    network.load_state(
        {
            "encoder_IH": np.array([[1], [2], [3]], dtype=np.float32),
            "user_UH": np.array([[10], [20]], dtype=np.float32),
            "hidden_bias_H": np.array([0.5], dtype=np.float32),
            "decoder_HI": np.array([[1, -1, 2]], dtype=np.float32),
            "output_bias_I": np.array([0, 0, 1], dtype=np.float32),
        }
    )
    return network


def test_scores_are_the_papers_equations():
    z = [1 + 2 + 10 + 0.5, 2 + 20 + 0.5]
    assert by_hand().score(LIKES, np.array([0, 1])) == pytest.approx(
        np.array([[z[0], -z[0], 2 * z[0] + 1], [z[1], -z[1], 2 * z[1] + 1]])
    )


def test_an_unseen_user_gets_the_mean_of_the_nodes():
    z = 1 + 2 + (10 + 20) / 2 + 0.5
    assert by_hand().score(LIKES[[0]], np.array([-1]))[0] == pytest.approx([z, -z, 2 * z + 1])


def test_all_nodes_are_read_by_the_first_score_only():
    network = by_hand()
    network.score(LIKES, np.array([0, -1]))
    kept = network.nodes
    network.score(LIKES, np.array([1, -1]))
    assert network.nodes is kept is not None


def test_an_unseen_user_gets_the_mean_of_the_present_nodes_after_more_training():
    network, batch = by_hand(), Rows(LIKES, CPU).all()
    first = network.score(LIKES[[0]], np.array([-1]))
    network.loss(batch, torch.Generator()).backward()
    with torch.no_grad():
        network.user_UH -= 10  # the first user is left without a node: zeros
    z = 1 + 2 + 10 + 0.5
    second = network.score(LIKES[[0, 0]], np.array([-1, 0]))
    assert second == pytest.approx(np.array([[z, -z, 2 * z + 1]] * 2))
    assert first[0, 0] == z + 5


def test_a_normalised_row_has_the_length_of_the_scale():
    network = by_hand(model__normalize_input=True, model__input_scale=4)
    z = 4 / math.sqrt(2) * (1 + 2) + 10 + 0.5
    assert network.score(LIKES, np.array([0, 1]))[0, 0] == pytest.approx(z)


def test_corruption_drops_a_share_and_scales_up_the_rest():
    values = drop(torch.ones(10_000), 0.25, torch.Generator().manual_seed(0))
    assert values.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (values == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_what_corruption_drops_is_no_longer_there():
    matrix = csr_array(np.ones((200, 50), dtype=np.float32))
    whole, generators = Rows(matrix, CPU).all(), [torch.Generator().manual_seed(0) for _ in "12"]
    left = thin_out(whole, 0.25, generators[0])
    wanted_N = drop(whole.value_N, 0.25, generators[1])  # the same draws
    dense = torch.zeros(200, 50)
    dense[left.row_N, left.column_N] = left.value_N
    assert torch.equal(dense.flatten(), wanted_N)
    assert torch.equal(left.count_B, (dense > 0).sum(dim=1))
    assert thin_out(whole, 0, generators[0]) is whole


OUTPUT = torch.tensor([[0.5, 2.0, -1.0], [0.0, 1.0, 3.0]])
BATCH = Rows(LIKES, CPU).all()


def test_the_square_loss_over_all_items():
    first = 3 * 0.5**2 / 2 + 3 * 1.0**2 / 2 + 1.0**2 / 2  # likes at 0 and 1, each counted 3 times
    second = 0.0 / 2 + 3 * 0.0 / 2 + 3.0**2 / 2
    loss = losses.over_all_items(losses.square, OUTPUT, BATCH, 3)
    assert loss.item() == pytest.approx((first + second) / 2)


def test_users_and_items_not_liked_weigh_what_they_are_given():
    user, item = torch.tensor([2.0, 5.0]), torch.tensor([1.0, 3.0, 7.0])
    first = 0.5**2 / 2 + 1.0**2 / 2 + 7 * 1.0**2 / 2  # likes 0 and 1 once, item 2 seven times
    second = 0.0 + 0.0 + 7 * 3.0**2 / 2
    loss = losses.over_all_items(losses.square, OUTPUT, BATCH, 1, user, item)
    assert loss.item() == pytest.approx((2 * first + 5 * second) / 2)


@pytest.mark.parametrize("item_weight", [None, torch.tensor([1.0, 3.0, 7.0])])
@pytest.mark.parametrize("user_weight", [None, torch.tensor([2.0, 5.0])])
@pytest.mark.parametrize("n_hidden", [1, 4])  # by the Gram matrix, and over all outputs
def test_the_square_losss_own_gradient_is_autograds(n_hidden, user_weight, item_weight):
    generator = torch.Generator().manual_seed(0)
    linear = [
        torch.randn(shape, generator=generator) for shape in ((2, n_hidden), (n_hidden, 3), (3,))
    ]
    weights = (3.0, user_weight, item_weight)

    def by_autograd(hidden, decoder, bias):
        output = hidden @ decoder + bias
        return losses.over_all_items(losses.square, output, BATCH, *weights)

    def by_hand(hidden, decoder, bias):
        return losses.square_of_linear(hidden, decoder, bias, BATCH, *weights)

    (loss, gradients), (wanted, wanted_gradients) = (
        loss_and_gradients(way, linear) for way in (by_hand, by_autograd)
    )
    assert loss == pytest.approx(wanted, rel=1e-5)
    for gradient, wanted_gradient in zip(gradients, wanted_gradients, strict=True):
        assert gradient.numpy() == pytest.approx(wanted_gradient.numpy(), rel=1e-4, abs=1e-5)


def loss_and_gradients(way, values):
    leaves = [value.clone().requires_grad_() for value in values]
    loss = way(*leaves)
    (2 * loss).backward()
    return loss.item(), [leaf.grad for leaf in leaves]


def test_weights_come_from_activity_and_popularity():
    changes = {"model__activity_exponent": 0.5, "model__popularity_exponent": 2.0}
    network = CDAE(options_of("cdae", **changes).model, Catalogue(2, 3, 1, 5))
    network.start(LIKES, torch.Generator())
    mean = (2 + 1) / 2  # likes of a user
    wanted = [(2 / mean) ** -0.5, (1 / mean) ** -0.5]
    assert network._user_weights(BATCH).tolist() == pytest.approx(wanted)
    plus_one = [1 + 1, 2 + 1, 0 + 1]  # likes of items 0, 1 and 2
    wanted = [(n / 2) ** 2.0 for n in plus_one]
    assert network._item_weights().tolist() == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("loss", "output", "start"),
    [
        ("square", "identity", lambda share: share),
        ("logistic", "sigmoid", lambda share: math.log(share / (1 - share))),
        ("multinomial", "identity", math.log),
    ],
)
def test_the_output_bias_can_start_at_the_items_frequency(loss, output, start):
    changes = {"model__loss": loss, "model__output_activation": output}
    changes |= {"model__start_at_frequency": True, "model__popularity_exponent": 0}
    options = options_of("cdae", **changes).model
    network = CDAE(options, Catalogue(2, 3, 1, 5))
    network.start(LIKES, torch.Generator())
    shares = [(likes + 0.5) / (2 + 1) for likes in (1, 2, 0)]
    assert network.output_bias_I.tolist() == pytest.approx([start(share) for share in shares])


@pytest.mark.parametrize("exponent", ["activity_exponent", "popularity_exponent"])
def test_weights_are_for_losses_over_all_items(exponent):
    with pytest.raises(ValidationError, match="set them to 0"):
        options_of("cdae", model__loss="multinomial", **{f"model__{exponent}": 0.3})


def test_the_logistic_loss_over_all_items():
    def towards(target, logit):
        share = 1 / (1 + math.exp(-logit))
        return -math.log(share if target else 1 - share)

    first = towards(1, 0.5) + towards(1, 2.0) + towards(0, -1.0)
    second = towards(0, 0.0) + towards(1, 1.0) + towards(0, 3.0)
    loss = losses.over_all_items(losses.logistic, OUTPUT, BATCH, 1)
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-5)


def test_the_multinomial_loss_divides_the_logits_by_the_temperature():
    shares = [torch.softmax(row / 2, dim=0) for row in OUTPUT]
    wanted = -(math.log(shares[0][0]) + math.log(shares[0][1]) + math.log(shares[1][1])) / 2
    assert losses.multinomial(OUTPUT, BATCH, 2).item() == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("hidden_activation", "softsign", "hidden_activation"),
        ("loss", "cubic", "loss"),
        ("corruption", 1.0, "corruption"),
        ("hiden_size", 3, "hiden_size"),
        ("name", "cdae", "name"),
        ("negatives", 5, "negatives"),
        ("output_activation", "identity", "needs output_activation: sigmoid"),
    ],
)
def test_a_wrong_option_is_refused_by_name(key, value, said):
    loss = "logistic" if key == "output_activation" else "square"
    with pytest.raises(ValidationError, match=said):
        options_of("cdae", **{"model__loss": loss, f"model__{key}": value})


@pytest.mark.parametrize("loss", get_args(CDAEOptions.model_fields["loss"].annotation))
def test_every_loss_learns(loss):
    world = checkerboard()
    options = options_of(
        "cdae",
        model__loss=loss,
        model__output_activation="sigmoid" if loss == "logistic" else "identity",
        model__start_at_frequency=True,
    )
    fitted = fit_model(options, True, RUNNING, world.catalogue, **world.parts).fitted
    assert share_of_right_kind(fitted.model, world) > 0.9
