"""VAE by hand, on a network small enough to do its sums on paper, and its place beside CDAE."""

import math

import numpy as np
import pytest
import torch
from checkerboard import checkerboard, share_of_right_kind
from model_options import RUNNING, options_of
from scipy.stats import norm

from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.models import losses
from collaborative_autoencoders.models.batch import Rows
from collaborative_autoencoders.models.cdae import CDAE
from collaborative_autoencoders.models.vae import VAE

WORLD = checkerboard()
LIKES = WORLD.train.likes
USERS = np.arange(WORLD.catalogue.users)


def started(make, name, **changes):
    network = make(options_of(name, **changes).model, WORLD.catalogue)
    network.start(LIKES, torch.Generator().manual_seed(0))
    return network


def loss_of(network, seed=0):
    batch = Rows(LIKES, network.device).all()
    return network.loss(batch, torch.Generator().manual_seed(seed))


def test_the_divergence_is_half_the_sum_of_the_formula():
    mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, math.log(4)]])
    wanted = 0.5 * ((1 + 1 - 1 - 0) + (0 + 4 - 1 - math.log(4)))
    found = losses.divergence_from_normal(mean, log_variance)
    assert found.item() == pytest.approx(wanted)


def test_the_divergence_is_the_mean_of_the_log_ratio_of_the_densities():
    mean, deviation = 0.7, 0.4
    z = np.linspace(-4, 6, 200_001)
    density = norm.pdf(z, mean, deviation)
    wanted = np.trapezoid(density * np.log(density / norm.pdf(z)), z)
    found = losses.divergence_from_normal(
        torch.tensor([[mean]]), torch.tensor([[2 * math.log(deviation)]])
    )
    assert found.item() == pytest.approx(wanted, rel=1e-4)


def test_without_spread_and_divergence_the_loss_is_cdaes():
    vae = started(VAE, "vae", model__kl_weight=0, model__corruption=0.3)
    with torch.no_grad():
        vae.spread_bias_H.fill_(-100)
    cdae = started(CDAE, "cdae", model__corruption=0.3)
    assert loss_of(vae).item() == pytest.approx(loss_of(cdae).item(), rel=1e-5)


def test_the_code_is_random_in_a_fit_and_its_mean_in_a_score():
    vae = started(VAE, "vae", model__corruption=0)
    assert loss_of(vae, seed=0) != loss_of(vae, seed=1)
    assert np.array_equal(vae.score(LIKES, USERS), started(CDAE, "cdae").score(LIKES, USERS))


def test_a_score_after_a_step_reads_the_nodes_of_that_step():
    vae, unseen = started(VAE, "vae"), np.array([-1])
    vae.score(LIKES[[0]], unseen)
    loss_of(vae)
    with torch.no_grad():
        vae.user_UH += 1
    other = started(VAE, "vae")
    other.load_state(vae.state())
    assert np.array_equal(vae.score(LIKES[[0]], unseen), other.score(LIKES[[0]], unseen))


def test_drawn_scores_have_the_mean_and_the_spread_of_the_code():
    options = {"hidden_size": 1, "hidden_activation": "identity"}
    vae = started(VAE, "vae", **{f"model__{name}": value for name, value in options.items()})
    with torch.no_grad():
        vae.spread_IH[:] = 0.5
    likes, user = LIKES[[3] * 20_000], np.full(20_000, 3)
    drawn = vae.draw(likes, user, torch.Generator().manual_seed(0))[:, 0]
    log_variance = -2 + 0.5 * 1.75 * LIKES[[3]].nnz ** 0.5  # the row has the length 1.75
    deviation = math.exp(log_variance / 2) * abs(vae.decoder_HI[0, 0].item())
    assert drawn.mean() == pytest.approx(vae.score(likes, user)[0, 0], abs=0.03 * deviation)
    assert drawn.std() == pytest.approx(deviation, rel=0.03)


def test_the_weight_of_the_divergence_rises_over_its_share_of_the_fit():
    vae = started(VAE, "vae", model__kl_weight=0.2, model__kl_warmup=0.4)
    found = []
    for vae.done in (0, 0.1, 0.4, 0.9):
        found.append(vae.kl_weight)
    assert found == pytest.approx([0, 0.05, 0.2, 0.2])
    assert started(VAE, "vae", model__kl_weight=0.2, model__kl_warmup=0).kl_weight == 0.2


def test_a_strong_divergence_leaves_no_taste():
    options = options_of("vae", model__kl_weight=1000, model__kl_warmup=0)
    fitted = fit_model(options, False, RUNNING, WORLD.catalogue, **WORLD.parts).fitted
    assert share_of_right_kind(fitted.model, WORLD) < 0.8
