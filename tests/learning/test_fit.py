"""The loop, its schedule and its stopping, and the errors it raises."""

import math
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from checkerboard import checkerboard
from model_options import RUNNING, options_of, raw_options
from pydantic import ValidationError
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions.sparse import user_of_cells
from collaborative_autoencoders.learning.best_epoch import BestEpoch, BestOnDisk
from collaborative_autoencoders.learning.fit import (
    OPTIMIZERS,
    FitState,
    fit,
    learn,
    learning_rate_factor,
    make_optimizer,
    shuffled_batches,
)
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions
from collaborative_autoencoders.learning.running import choose_device, running_on
from collaborative_autoencoders.models.autorec import AutoRec
from collaborative_autoencoders.models.batch import Batch, Rows
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.cdae import CDAE
from collaborative_autoencoders.models.model import RatingModel
from collaborative_autoencoders.models.network import Penalised

WORLD = checkerboard()


def outcome_of(name="cdae", world=WORLD, running=RUNNING, refit=True, **changes):
    options = options_of(name, **changes)
    return fit_model(options, refit, running, world.catalogue, **world.parts)


def factors(*epochs_done, **changes):
    """The schedule's factors where its horizon is 10 epochs."""
    plain = {"epochs": 10, "average_last": 0, "warmup_fraction": 0, "final_rate": 0}
    options = options_of("cdae").fitting.model_copy(update=plain | changes)
    return [learning_rate_factor(epoch, options) for epoch in epochs_done]


def test_the_schedule_rises_then_falls_along_a_cosine():
    found = factors(1, 2, 6, 10, schedule="cosine", warmup_fraction=0.2)
    assert found == pytest.approx([1 / 2, 1, 0.5 * (1 + math.cos(math.pi / 2)), 0])


def test_a_network_is_told_the_share_of_the_steps_that_are_done(monkeypatch):
    told, loss = [], CDAE.loss
    monkeypatch.setattr(
        CDAE, "loss", lambda self, *given: told.append(self.done) or loss(self, *given)
    )
    outcome_of(refit=False, fitting__epochs=2, fitting__batch_size=20)
    steps = 2 * 2  # 40 users in batches of 20
    assert told == pytest.approx([(step + 0.5) / steps for step in range(steps)])


def test_a_constant_schedule_stays_after_its_warm_up():
    assert factors(1, 2, 9, schedule="constant", warmup_fraction=0.2) == [0.5, 1, 1]


def test_a_cosine_with_a_final_rate_falls_to_it_and_stays():
    found = factors(0, 5, 10, 15, schedule="cosine", final_rate=0.3)
    assert found == pytest.approx([1, 0.3 + 0.7 * 0.5, 0.3, 0.3])


def test_a_step_has_the_learning_rate_of_its_middle():
    """With two batches per epoch, the steps are taken at 1/4 and 3/4 of the epoch."""
    changes = {"epochs": 4, "average_last": 0, "warmup_fraction": 0.5, "batch_size": 20}
    options = options_of("cdae").fitting.model_copy(update=changes | {"learning_rate": 8})
    network = CDAE(options_of("cdae").model, WORLD.catalogue)
    optimizer, scheduler = make_optimizer(network, 40, options)
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == [8 * 0.25 / 2, 8 * 0.75 / 2, 8 * 1.25 / 2, 8 * 1.75 / 2]


@pytest.mark.parametrize("factor", [None, torch.tensor([1.0, 3.0])])
def test_a_step_has_the_gradient_of_the_penalty_with_its_factor(factor):
    weights = torch.nn.Parameter(torch.tensor([[1.0, 1.0], [2.0, 2.0]]))
    network = SimpleNamespace(
        penalties=lambda n_rows: [Penalised([weights], 0.5, factor)], most_rows=lambda: None
    )
    options = options_of("cdae").fitting.model_copy(
        update={"optimizer": "sgd", "learning_rate": 0.1, "warmup_fraction": 0}
    )
    optimizer, _ = make_optimizer(network, 40, options)
    (weights * torch.tensor([5.0, 7.0])).sum().backward()
    rate = optimizer.param_groups[0]["lr"]
    optimizer.step()
    one, three = (1, 1) if factor is None else (1, 3)
    wanted = [
        [w - rate * (5 + 0.5 * one * w), w - rate * (7 + 0.5 * three * w)] for w in (1.0, 2.0)
    ]
    assert np.allclose(weights.detach(), wanted)


def test_averaged_weights_are_the_mean_over_the_epochs_after_the_schedule():
    changes = {"epochs": 4, "average_last": 0.75, "schedule": "constant", "final_rate": 0}
    options = options_of("cdae", **{f"fitting__{key}": value for key, value in changes.items()})
    network = CDAE(options.model, WORLD.catalogue)
    generator = torch.Generator().manual_seed(0)
    own, validated = [], []
    network.start(WORLD.train.likes, generator)
    rows = Rows(network.rows(WORLD.train.likes), network.device)
    state = FitState.of(network, rows, options.fitting, generator)
    epochs = learn(state, rows, options.fitting)
    for _, candidate in islice(epochs, 4):
        own.append(network.decoder_HI.detach().clone())
        validated.append(candidate.decoder_HI.detach().clone())
    means = [own[0], own[1], (own[1] + own[2]) / 2, (own[1] + own[2] + own[3]) / 3]
    assert torch.allclose(torch.stack(validated), torch.stack(means), atol=1e-6)
    assert not torch.allclose(own[3], means[3], atol=1e-3), "the network itself is not averaged"


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
def test_an_ensemble_scores_as_the_mean_of_its_members_and_is_saved_with_all_of_them(name):
    two = outcome_of(name, fitting__ensemble=2).fitted
    alone = [outcome_of(name, fitting__seed=seed).fitted.model for seed in (42, 43)]
    history = WORLD.train.view(two.model.learns_from)
    users = np.arange(WORLD.catalogue.users)
    mean = np.mean([model.score(history, users) for model in alone], axis=0)
    assert np.allclose(two.model.score(history, users), mean, atol=1e-6)
    assert isinstance(two.model, RatingModel) == isinstance(alone[0], RatingModel)
    loaded = model_from_bytes(model_to_bytes(two)).model
    assert np.array_equal(loaded.score(history, users), two.model.score(history, users))


def test_an_ensemble_predicts_the_mean_of_its_members():
    two = outcome_of("autorec", fitting__ensemble=2).fitted.model
    users = np.arange(WORLD.catalogue.users)
    first, second = (member.predict(WORLD.train.ratings, users) for member in two.members)
    dense, wanted = two.predict(WORLD.train.ratings, users), WORLD.validation.ratings
    assert np.allclose(dense, (first + second) / 2, atol=1e-6)
    at_cells = two.predict_at(WORLD.train.ratings, users, wanted)
    assert np.allclose(at_cells, dense[user_of_cells(wanted), wanted.indices], atol=1e-5)


def test_an_epoch_has_every_row_that_is_not_empty_once():
    matrix = csr_array(np.array([[1, 0], [0, 0], [1, 1], [0, 1]], dtype=np.float32))
    rows = Rows(matrix, torch.device("cpu"))
    batches = list(shuffled_batches(rows, 2, torch.Generator()))
    assert [len(batch.rows_B) for batch in batches] == [2, 1]
    assert sorted(row for batch in batches for row in batch.rows_B.tolist()) == [0, 2, 3]


@pytest.mark.parametrize("way", [Rows.batch, Rows.copied, Rows.gathered])
def test_a_batch_has_its_rows_in_the_given_order(way):
    matrix = csr_array(np.array([[7, 0, 8], [0, 0, 0], [0, 9, 0]], dtype=np.float32))
    batch = way(Rows(matrix, torch.device("cpu")), torch.tensor([2, 1, 0]))
    assert batch.rows_B.tolist() == [2, 1, 0]
    assert batch.count_B.tolist() == [1, 0, 2]
    assert batch.row_N.tolist() == [0, 2, 2]
    assert batch.column_N.tolist() == [1, 0, 2]
    assert batch.value_N.tolist() == [9, 7, 8]


@pytest.mark.parametrize("way", [Batch.transposed, Batch.counted, Batch.sorted])
def test_a_transposed_batch_has_the_columns_as_its_rows(way):
    matrix = csr_array(np.array([[7, 0, 8, 0], [0, 0, 0, 0], [0, 0, 9, 0]], dtype=np.float32))
    by_column = way(Rows(matrix, torch.device("cpu")).batch(torch.tensor([2, 1, 0, 0])), 4)
    assert by_column.rows_B.tolist() == [0, 1, 2, 3]
    assert by_column.count_B.tolist() == [2, 0, 3, 0]
    assert by_column.row_N.tolist() == [0, 0, 2, 2, 2]
    assert by_column.column_N.tolist() == [2, 3, 0, 2, 3]
    assert by_column.value_N.tolist() == [7, 7, 9, 8, 8]


def test_the_sparse_product_equals_the_dense_product():
    matrix = WORLD.train.ratings
    batch = Rows(matrix, torch.device("cpu")).all()
    weight = torch.randn(matrix.shape[1], 5, generator=torch.Generator().manual_seed(1))
    product = batch.times(weight)
    assert product.numpy() == pytest.approx(matrix.toarray() @ weight.numpy(), abs=1e-4)


def test_the_gradient_of_the_sparse_product_is_that_of_the_dense_product():
    matrix = csr_array(np.array([[7, 0, 8, 0], [0, 0, 0, 0], [0, 0, 9, 0]], dtype=np.float32))
    batch = Rows(matrix, torch.device("cpu")).batch(torch.tensor([2, 1, 0, 0]))
    weight = torch.ones(4, 2, requires_grad=True)
    gradient = torch.arange(8.0).reshape(4, 2)
    batch.times(weight).backward(gradient)
    assert weight.grad.tolist() == (matrix[[2, 1, 0, 0]].toarray().T @ gradient.numpy()).tolist()


def test_products_at_the_non_zeros_and_their_gradients_equal_the_dense_ones():
    matrix = csr_array(np.array([[7, 0, 8, 0], [0, 0, 0, 0], [0, 0, 9, 0]], dtype=np.float32))
    batch = Rows(matrix, torch.device("cpu")).batch(torch.tensor([2, 1, 0, 0]))
    generator = torch.Generator().manual_seed(0)
    both = [torch.randn(4, 3, generator=generator).requires_grad_() for _ in range(2)]
    left, right = both
    dense_N = (left @ right.T)[batch.row_N, batch.column_N]
    sampled_N = batch.products_at(left, right)
    assert torch.allclose(sampled_N, dense_N)
    expected, found = (
        torch.autograd.grad(values.square().sum(), both) for values in (dense_N, sampled_N)
    )
    for expected_gradient, gradient in zip(expected, found, strict=True):
        assert torch.allclose(gradient, expected_gradient)


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.02), ("sgd", 0.01)])
def test_every_optimizer_lowers_the_loss(optimizer, rate):
    history = outcome_of(fitting__optimizer=optimizer, fitting__learning_rate=rate).history
    assert history[-1].train_loss < 0.8 * history[0].train_loss


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_an_optimizer_has_the_steps_of_torchs_own(name):
    torchs = {"adam": partial(torch.optim.Adam, fused=True), "sgd": torch.optim.SGD}

    def weights_after(make) -> torch.Tensor:
        weights = torch.nn.Parameter(torch.linspace(-2, 3, 50))

        def add_one(*_) -> None:
            weights.grad.add_(1.0)

        optimizer = make([{"params": [weights], "weight_decay": 0.1}], lr=0.05)
        optimizer.register_step_pre_hook(add_one)
        for _ in range(5):
            weights.square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        return weights.detach()

    assert weights_after(OPTIMIZERS[name]).equal(weights_after(torchs[name]))


def test_a_fit_does_not_import_the_compiler():
    fits = (
        "from checkerboard import checkerboard\n"
        "from model_options import RUNNING, options_of\n"
        "from collaborative_autoencoders.learning.fit_model import fit_model\n"
        "world = checkerboard()\n"
        "fit_model(options_of('cdae'), False, RUNNING, world.catalogue, **world.parts)\n"
        "import sys\n"
        "print('torch._dynamo' in sys.modules)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", fits], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("is_on_disk", [False, True])
def test_the_first_of_the_best_epochs_is_kept_and_fitting_stops_after_patience(
    tmp_path, is_on_disk
):
    network = CDAE(options_of("cdae").model, WORLD.catalogue)
    on_disk = partial(BestOnDisk, path=tmp_path / "best.safetensors")
    best = (on_disk if is_on_disk else BestEpoch)(higher_is_better=True, patience=2)
    assert not best.weights
    for epoch, (validation, bias) in enumerate([(0.1, 1.0), (0.3, 2.0), (0.3, 3.0), (0.2, 4.0)], 1):
        with torch.no_grad():
            network.hidden_bias_H.fill_(bias)
        best.see(epoch, validation, network)
        assert best.is_enough(epoch) == (epoch == 4)
    assert best.epoch == 2
    assert (best.weights["hidden_bias_H"] == 2.0).all()
    assert best.weights.keys() == network.state_dict().keys()
    others = {name: value + 1 for name, value in best.weights.items()}
    best.keep(others)  # as those of a checkpoint
    assert all(torch.equal(best.weights[name], value) for name, value in others.items())


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


def test_a_fitted_network_holds_no_gradients():
    network = outcome_of(fitting__epochs=1).fitted.model
    assert [name for name, weights in network.named_parameters() if weights.grad is not None] == []


def test_the_final_fit_is_on_both_parts_and_stops_at_the_best_epoch():
    outcome = outcome_of(refit=True)
    options = options_of("cdae", fitting__patience=None, fitting__validation_metric=None)
    network = CDAE(options.model, WORLD.catalogue)
    generator = torch.Generator().manual_seed(options.fitting.seed)
    with running_on(RUNNING):
        fit(network, WORLD.known.likes, options.fitting, generator, epochs=outcome.best_epoch)
    assert outcome.fitted.refitted
    assert np.array_equal(outcome.fitted.model.state()["decoder_HI"], network.state()["decoder_HI"])


@pytest.mark.parametrize(
    ("name", "batch_size"), [("cdae", 16), ("cdae", 128), ("autorec", 16)]
)  # CDAE computes its loss over all outputs, or with the Gram matrix if batches are large
def test_a_repeated_fit_with_two_threads_gives_the_same_bytes(name, batch_size):
    wide, two = checkerboard(300, 200), RUNNING.model_copy(update={"threads": 2})
    changes = {"fitting__batch_size": batch_size, "fitting__epochs": 3}
    first, second = (outcome_of(name, world=wide, running=two, **changes) for _ in range(2))
    assert model_to_bytes(first.fitted) == model_to_bytes(second.fitted)


def test_the_final_fit_of_a_formula_is_on_both_parts_if_refit_is_true():
    alone, both = (outcome_of("popularity", refit=refit).fitted for refit in (False, True))
    likes = WORLD.train.likes.nnz + WORLD.validation.likes.nnz
    assert alone.model.state()["likes_I"].sum() == WORLD.train.likes.nnz
    assert both.model.state()["likes_I"].sum() == likes
    assert (alone.refitted, both.refitted) == (False, True)


def test_without_a_validation_there_is_one_fit_on_both_parts_to_its_last_epoch():
    outcome = outcome_of(fitting__validation_metric=None, fitting__patience=None)
    assert outcome.best_epoch is None
    assert [epoch.epoch for epoch in outcome.history] == list(range(1, 16))
    assert outcome.fitted.refitted


def test_another_seed_gives_other_weights():
    first, second = outcome_of(fitting__seed=1), outcome_of(fitting__seed=2)
    assert model_to_bytes(first.fitted) != model_to_bytes(second.fitted)


def test_a_fit_does_not_change_torchs_global_generator_or_threads():
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    outcome_of(fitting__epochs=1)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads


def test_a_loss_that_diverges_is_an_error_with_epoch_and_learning_rate():
    with pytest.raises(ValueError, match=r"loss is (nan|inf) in epoch \d+ at learning rate 1e\+2"):
        outcome_of(
            fitting__optimizer="sgd",
            fitting__learning_rate=1e20,
            fitting__warmup_fraction=0,
            fitting__schedule="constant",
        )


@pytest.mark.parametrize(
    ("name", "problem"), [("cdae", "no likes, so ndcg_at_5"), ("autorec", "no ratings, so rmse")]
)
def test_a_network_without_a_validation_part_is_left_out_with_the_parameter(name, problem):
    everything = np.ones(WORLD.catalogue.items, dtype=np.bool_)
    empty = WORLD._replace(validation=WORLD.validation.without_items(everything))
    fitted = outcome_of(name, world=empty).fitted

    assert fitted.model is None
    assert re.search(f"{problem} cannot .* raise split.validation_fraction", fitted.left_out)
    typed = re.findall(rf"{name}\.(fitting)\.(\w+): null", fitted.left_out)
    unvalidated = {f"{group}__{key}": None for group, key in typed}
    assert set(unvalidated) == {"fitting__validation_metric", "fitting__patience"}
    assert outcome_of(name, world=empty, **unvalidated).fitted.model is not None


def test_a_network_whose_list_is_longer_than_the_catalogue_is_left_out():
    reason = outcome_of(fitting__validation_metric="ndcg_at_31").fitted.left_out

    assert re.match(r"cdae\.fitting\.validation_metric: ndcg_at_31 .* 30 items", reason)


@pytest.mark.parametrize("name", ["popularity", "ease", "cdae", "bias"])
def test_a_model_without_a_train_part_is_left_out(name):
    everything = np.ones(WORLD.catalogue.items, dtype=np.bool_)
    empty = WORLD._replace(train=WORLD.train.without_items(everything))

    assert "the train part has no" in outcome_of(name, world=empty).fitted.left_out


def test_a_model_that_does_not_predict_ratings_cannot_be_validated_by_rmse():
    with pytest.raises(ValidationError, match="cdae does not predict ratings, so it has no rmse"):
        options_of("cdae", fitting__validation_metric="rmse")


def test_cuda_without_a_gpu_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"running\.device: cuda"):
        choose_device("cuda")
    assert choose_device("auto") == torch.device("cpu")


def test_auto_is_the_gpu_if_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("cuda")


def test_on_a_gpu_only_deterministic_algorithms_are_allowed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    with running_on(RUNNING.model_copy(update={"device": "cuda"})) as device:
        assert device == torch.device("cuda")
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()


def test_algorithms_stay_deterministic_until_the_last_of_two_fits_at_once_ends(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    on_a_gpu = RUNNING.model_copy(update={"device": "cuda"})
    first, second = ExitStack(), ExitStack()
    for block in (first, second):
        block.enter_context(running_on(on_a_gpu))
    first.close()
    assert torch.are_deterministic_algorithms_enabled()
    second.close()
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
def test_a_wrong_fitting_option_is_an_error_that_names_it(key, value):
    block = raw_options("cdae")
    block["fitting"][key] = value
    with pytest.raises(ValidationError, match=key):
        TrainingOptions.of("cdae").model_validate(block)


def test_an_unknown_device_is_an_error():
    with pytest.raises(ValidationError, match="device"):
        RunningOptions(
            device="tpu", threads=1, validation_users=None, ranks=1, checkpoint_seconds=None
        )


def test_a_formula_takes_no_fitting_block_and_a_network_needs_one():
    with pytest.raises(ValidationError, match="popularity is fitted by a formula: remove its"):
        TrainingOptions.of("popularity").model_validate(
            raw_options("popularity") | {"fitting": raw_options("cdae")["fitting"]}
        )
    with pytest.raises(ValidationError, match="cdae is a network and needs a `fitting` block"):
        TrainingOptions.of("cdae").model_validate(raw_options("cdae") | {"fitting": None})


def test_a_final_rate_needs_a_schedule_that_falls():
    with pytest.raises(ValidationError, match="schedule: cosine"):
        options_of("cdae", fitting__schedule="constant", fitting__final_rate=0.3)
