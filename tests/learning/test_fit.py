"""The loop, its schedule, its stopping, and what it says when it goes wrong."""

import math
import os

import numpy as np
import pytest
import torch
from checkerboard import checkerboard
from model_options import RUNNING, options_of, raw_options
from pydantic import ValidationError
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.matrices import together
from collaborative_autoencoders.learning.averaging import WeightAverage
from collaborative_autoencoders.learning.batches import shuffled_batches
from collaborative_autoencoders.learning.fit import fit
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions
from collaborative_autoencoders.learning.running import choose_device, running_on
from collaborative_autoencoders.learning.schedules import learning_rate_factor
from collaborative_autoencoders.learning.stopping import BestEpoch
from collaborative_autoencoders.models.autorec import AutoRec
from collaborative_autoencoders.models.batch import Rows
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.cdae import CDAE
from collaborative_autoencoders.models.model import RatingModel

WORLD = checkerboard()


def outcome_of(name="cdae", world=WORLD, running=RUNNING, refit=True, **changes):
    options = options_of(name, **changes)
    return fit_model(options, refit, running, world.train, world.validation, world.catalogue)


def test_the_schedule_rises_then_falls_along_a_cosine():
    factors = [learning_rate_factor(epoch, 10, 0.2, "cosine") for epoch in (1, 2, 6, 10)]
    assert factors == pytest.approx([1 / 2, 1, 0.5 * (1 + math.cos(math.pi / 2)), 0])


def test_a_constant_schedule_stays_after_its_warm_up():
    factors = [learning_rate_factor(epoch, 10, 0.2, "constant") for epoch in (1, 2, 9)]
    assert factors == [0.5, 1, 1]


def test_a_cosine_with_a_floor_comes_down_to_it_and_stays():
    factors = [learning_rate_factor(epoch, 10, 0, "cosine", final=0.3) for epoch in (0, 5, 10, 15)]
    assert factors == pytest.approx([1, 0.3 + 0.7 * 0.5, 0.3, 0.3])


def test_the_average_is_the_mean_of_the_weights_after_the_first_epoch_that_counts():
    network = CDAE(options_of("cdae").model, WORLD.catalogue)
    average = WeightAverage(first_epoch=1)
    judged = []
    for epoch, bias in enumerate([9.0, 1.0, 2.0, 6.0], 1):
        with torch.no_grad():
            network.hidden_bias_H.fill_(bias)
        judged.append(average.after(epoch, network).hidden_bias_H[0].item())
    assert judged == pytest.approx([9, 1, (1 + 2) / 2, (1 + 2 + 6) / 3])
    assert (network.hidden_bias_H == 6).all(), "the network itself learns on"


def test_a_fit_with_averaging_ends_with_the_mean_of_its_last_epochs():
    changes = {"fitting__validation_metric": None, "fitting__patience": None, "fitting__epochs": 4}
    kept, last = [], {"schedule": "constant", "average_last": 0}
    for epochs in (3, 4):
        options = options_of("autorec", **changes, **{f"fitting__{k}": v for k, v in last.items()})
        network = AutoRec(options.model, WORLD.catalogue)
        generator = torch.Generator().manual_seed(0)
        fit(network, WORLD.train.ratings, options.fitting, generator, epochs=epochs)
        kept.append(network.decoder_CH.detach())
    averaging = options.fitting.model_copy(update={"average_last": 0.5})
    network = AutoRec(options.model, WORLD.catalogue)
    generator = torch.Generator().manual_seed(0)
    fit(network, WORLD.train.ratings, averaging, generator, epochs=4)
    assert torch.allclose(network.decoder_CH, (kept[0] + kept[1]) / 2, atol=1e-6)


@pytest.mark.parametrize("name", ["cdae", "autorec"])
def test_an_ensemble_scores_as_the_mean_of_its_seeds_and_is_saved_whole(name):
    two = outcome_of(name, fitting__ensemble=2).fitted
    alone = [outcome_of(name, fitting__seed=seed).fitted.model for seed in (42, 43)]
    history = getattr(WORLD.train, two.model.learns_from)
    users = np.arange(WORLD.catalogue.users)
    mean = np.mean([model.score(history, users) for model in alone], axis=0)
    assert np.allclose(two.model.score(history, users), mean, atol=1e-6)
    assert isinstance(two.model, RatingModel) == isinstance(alone[0], RatingModel)
    loaded = model_from_bytes(model_to_bytes(two)).model
    assert np.array_equal(loaded.score(history, users), two.model.score(history, users))


def test_the_ratings_of_an_ensemble_are_the_mean_of_its_members():
    two = outcome_of("autorec", fitting__ensemble=2).fitted.model
    users = np.arange(WORLD.catalogue.users)
    first, second = (member.predict(WORLD.train.ratings, users) for member in two.members)
    assert np.allclose(two.predict(WORLD.train.ratings, users), (first + second) / 2, atol=1e-6)


def test_an_epoch_hands_out_every_row_that_holds_anything_once():
    matrix = csr_array(np.array([[1, 0], [0, 0], [1, 1], [0, 1]], dtype=np.float32))
    batches = shuffled_batches(Rows(matrix, torch.device("cpu")), 2, torch.Generator())
    batches = list(batches)
    assert [len(batch.rows_B) for batch in batches] == [2, 1]
    assert sorted(row for batch in batches for row in batch.rows_B.tolist()) == [0, 2, 3]


def test_a_batch_holds_its_rows_in_the_order_asked_for():
    matrix = csr_array(np.array([[7, 0, 8], [0, 0, 0], [0, 9, 0]], dtype=np.float32))
    batch = Rows(matrix, torch.device("cpu")).batch(torch.tensor([2, 1, 0]))
    assert batch.count_B.tolist() == [1, 0, 2]
    assert batch.row_N.tolist() == [0, 2, 2]
    assert batch.column_N.tolist() == [1, 0, 2]
    assert batch.value_N.tolist() == [9, 7, 8]


def test_the_sparse_product_is_the_dense_one():
    matrix = WORLD.train.ratings
    batch = Rows(matrix, torch.device("cpu")).all()
    weight = torch.randn(matrix.shape[1], 5, generator=torch.Generator().manual_seed(1))
    product = batch.times(weight)
    assert product.numpy() == pytest.approx(matrix.toarray() @ weight.numpy(), abs=1e-4)


def test_the_sparse_products_gradient_is_the_dense_ones():
    matrix = csr_array(np.array([[7, 0, 8, 0], [0, 0, 0, 0], [0, 0, 9, 0]], dtype=np.float32))
    batch = Rows(matrix, torch.device("cpu")).batch(torch.tensor([2, 1, 0, 0]))
    weight = torch.ones(4, 2, requires_grad=True)
    gradient = torch.arange(8.0).reshape(4, 2)
    batch.times(weight).backward(gradient)
    assert weight.grad.tolist() == (matrix[[2, 1, 0, 0]].toarray().T @ gradient.numpy()).tolist()


def test_products_at_the_non_zeros_and_their_gradients_are_the_dense_ones():
    matrix = csr_array(np.array([[7, 0, 8, 0], [0, 0, 0, 0], [0, 0, 9, 0]], dtype=np.float32))
    batch = Rows(matrix, torch.device("cpu")).batch(torch.tensor([2, 1, 0, 0]))
    generator = torch.Generator().manual_seed(0)
    both = [torch.randn(4, 3, generator=generator).requires_grad_() for _ in range(2)]
    left, right = both
    dense_N = (left @ right.T)[batch.row_N, batch.column_N]
    sampled_N = batch.products_at(left, right)
    assert torch.allclose(sampled_N, dense_N)
    wanted, found = (
        torch.autograd.grad((values.square()).sum(), both) for values in (dense_N, sampled_N)
    )
    for wanted_gradient, gradient in zip(wanted, found, strict=True):
        assert torch.allclose(gradient, wanted_gradient)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "adagrad"])
def test_every_optimizer_brings_the_loss_down(optimizer):
    rate = {"sgd": 0.01, "adagrad": 0.1}.get(optimizer, 0.02)
    history = outcome_of(fitting__optimizer=optimizer, fitting__learning_rate=rate).history
    assert history[-1].train_loss < 0.8 * history[0].train_loss


def test_the_weights_of_the_best_epoch_are_kept_and_fitting_stops_after_patience():
    network = CDAE(options_of("cdae").model, WORLD.catalogue)
    best = BestEpoch(higher_is_better=True, patience=2)
    for epoch, (validation, bias) in enumerate([(0.1, 1.0), (0.3, 2.0), (0.3, 3.0), (0.2, 4.0)], 1):
        with torch.no_grad():
            network.hidden_bias_H.fill_(bias)
        best.see(epoch, validation, network)
        assert best.is_enough(epoch) == (epoch == 4)
    assert best.epoch == 2
    assert (best.weights["hidden_bias_H"] == 2.0).all()


def test_fit_ends_with_the_weights_it_had_in_its_best_epoch():
    options = options_of("cdae", fitting__patience=None)
    seen: list[tuple[float, bytes]] = []

    def validate(network):
        seen.append(([0.1, 0.9, 0.5][len(seen)], network.encoder_IH.detach().numpy().tobytes()))
        return seen[-1][0]

    network = CDAE(options.model, WORLD.catalogue)
    generator = torch.Generator().manual_seed(0)
    fit(network, WORLD.train.likes, options.fitting, generator, epochs=3, validate=validate)
    assert network.encoder_IH.detach().numpy().tobytes() == seen[1][1] != seen[2][1]


def test_a_refit_learns_both_parts_and_stops_at_the_best_epoch():
    outcome = outcome_of(refit=True)
    options = options_of("cdae", fitting__patience=None, fitting__validation_metric=None)
    network = CDAE(options.model, WORLD.catalogue)
    generator = torch.Generator().manual_seed(options.fitting.seed)
    both = together(WORLD.train, WORLD.validation).likes
    with running_on(RUNNING):
        fit(network, both, options.fitting, generator, epochs=outcome.best_epoch)
    assert outcome.fitted.refitted
    assert np.array_equal(outcome.fitted.model.state()["decoder_HI"], network.state()["decoder_HI"])


@pytest.mark.parametrize(
    ("name", "batch_size"), [("cdae", 16), ("cdae", 128), ("autorec", 16)]
)  # CDAE over all outputs, and by the Gram matrix
def test_two_threads_give_the_same_bytes_each_time(name, batch_size):
    wide, two = checkerboard(300, 200), RunningOptions(device="cpu", threads=2)
    first, second = (
        outcome_of(name, world=wide, running=two, fitting__batch_size=batch_size) for _ in range(2)
    )
    assert model_to_bytes(first.fitted) == model_to_bytes(second.fitted)


def test_a_formula_is_refitted_like_a_network():
    alone, both = (outcome_of("popularity", refit=refit).fitted for refit in (False, True))
    likes = WORLD.train.likes.nnz + WORLD.validation.likes.nnz
    assert alone.model.state()["likes_I"].sum() == WORLD.train.likes.nnz
    assert both.model.state()["likes_I"].sum() == likes
    assert (alone.refitted, both.refitted) == (False, True)


def test_without_a_validation_the_last_epoch_is_kept_of_a_fit_on_both_parts():
    outcome = outcome_of(fitting__validation_metric=None, fitting__patience=None)
    assert outcome.best_epoch is None
    assert [epoch.epoch for epoch in outcome.history] == list(range(1, 16))
    assert outcome.fitted.refitted


def test_another_seed_gives_other_weights():
    first, second = outcome_of(fitting__seed=1), outcome_of(fitting__seed=2)
    assert model_to_bytes(first.fitted) != model_to_bytes(second.fitted)


def test_a_fit_leaves_torchs_global_generator_and_threads_alone():
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    outcome_of(fitting__epochs=1)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads


def test_a_loss_that_diverges_stops_with_epoch_and_learning_rate():
    with pytest.raises(ValueError, match=r"loss is (nan|inf) in epoch \d+ at learning rate 1e\+2"):
        outcome_of(
            fitting__optimizer="sgd",
            fitting__learning_rate=1e20,
            fitting__warmup_fraction=0,
            fitting__schedule="constant",
        )


def test_clipping_keeps_a_wild_fit_finite():
    changes = {"fitting__optimizer": "sgd", "fitting__learning_rate": 10.0, "fitting__epochs": 4}
    with pytest.raises(ValueError, match="diverged"):
        outcome_of(**changes, model__input_scale=1000, model__hidden_activation="identity")
    outcome_of(
        **changes,
        model__input_scale=1000,
        model__hidden_activation="identity",
        fitting__clip_norm=1e-4,
    )


def test_without_anything_held_out_the_error_names_the_key():
    empty = WORLD._replace(validation=WORLD.test._replace(likes=WORLD.test.likes * 0))
    empty.validation.likes.eliminate_zeros()
    with pytest.raises(ValueError, match="split.validation_fraction"):
        outcome_of(world=empty)


def test_a_validation_list_longer_than_the_catalogue_names_the_key():
    with pytest.raises(ValueError, match=r"fitting\.validation_metric: ndcg_at_31 .* 30 items"):
        outcome_of(fitting__validation_metric="ndcg_at_31")


def test_a_model_that_tells_no_ratings_cannot_stop_by_them():
    with pytest.raises(ValidationError, match="cdae tells no ratings: not rmse"):
        options_of("cdae", fitting__validation_metric="rmse")


def test_cuda_without_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"running\.device: cuda"):
        choose_device("cuda")
    assert choose_device("auto") == torch.device("cpu")


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("cuda")


def test_on_a_gpu_algorithms_are_held_to_those_that_repeat(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    with running_on(RunningOptions(device="cuda", threads=1)) as device:
        assert device == torch.device("cuda")
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("optimizer", "lion"),
        ("learning_rate", 0),
        ("learning_rate", math.inf),
        ("epochs", 0),
        ("validation_metric", "ndcg@10"),
        ("patiense", 3),
        ("schedule", "step"),
    ],
)
def test_a_wrong_fitting_option_is_refused_by_name(key, value):
    block = raw_options("cdae")
    block["fitting"][key] = value
    with pytest.raises(ValidationError, match=key):
        TrainingOptions.model_validate(block)


def test_an_unknown_device_is_refused():
    with pytest.raises(ValidationError, match="device"):
        RunningOptions(device="tpu", threads=1)


def test_an_unknown_model_is_refused_with_the_nearest_name():
    with pytest.raises(ValidationError, match="did you mean 'autorec'"):
        TrainingOptions.model_validate(raw_options("autorec") | {"model": {"name": "autorek"}})


def test_a_formula_takes_no_fitting_and_a_network_needs_one():
    with pytest.raises(ValidationError, match="set fitting: null"):
        TrainingOptions.model_validate(
            {**raw_options("popularity"), "fitting": raw_options("cdae")["fitting"]}
        )
    with pytest.raises(ValidationError, match="say how it learns"):
        TrainingOptions.model_validate(raw_options("cdae") | {"fitting": None})


def test_a_final_rate_needs_a_rate_that_falls():
    with pytest.raises(ValidationError, match="schedule: cosine"):
        options_of("cdae", fitting__schedule="constant", fitting__final_rate=0.3)
