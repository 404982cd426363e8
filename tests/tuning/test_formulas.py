"""Searches of models that are fitted by a formula: one fit and one validation per trial."""

import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
import yaml
from small_search import WORLD, small_search, tuning_options

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.sparse import to_matrix
from collaborative_autoencoders.learning.options import TrainingOptions
from collaborative_autoencoders.models.bias import Bias, BiasOptions
from collaborative_autoencoders.tuning import figures
from collaborative_autoencoders.tuning import trial as trial_module
from collaborative_autoencoders.tuning.results import result_of, trials_table, write_proposal
from collaborative_autoencoders.tuning.search import run_search
from collaborative_autoencoders.tuning.study import Study

DAMPINGS = [0, 1, 2, 3, 5, 8, 10, 15, 20, 30]
SPACES = {
    "bias": {"model": {"damping": DAMPINGS}},
    "ease": {"model": {"penalty_factor": [0.5, 1], "relaxation": [0, 0.5]}},
    "itemknn": {"model": {"neighbours": [2, 100], "shrinkage": [0, 10]}},
    "mf": {"model": {"factors": [2, 4], "penalty_factor": [0.5, 1]}},
}


@pytest.fixture
def storage(tmp_path):
    return f"journal:///{tmp_path}/study"


def formula(storage, model="bias", block=None, **tuning):
    """A search with the default sampler and the budget of a small grid."""
    tuning = {"sampler": "tpe", "n_trials": 10} | tuning
    return small_search(storage, block or SPACES[model], model, **tuning)


@pytest.fixture(scope="module")
def of_bias(tmp_path_factory):
    """The result of a finished search of ten dampings, for tests that only read."""
    search = formula(f"journal:///{tmp_path_factory.mktemp('bias')}/study")
    return result_of(search, run_search(search))


# --- which trials are run ---


def test_a_trial_is_a_fit_on_train_and_an_evaluation_on_validation(of_bias):
    held_out, users_U = WORLD.validation.ratings, np.arange(WORLD.train.shape[0])
    for trial in of_bias["trials"]:
        model = Bias(BiasOptions(damping=trial["params"]["model.damping"]), WORLD.catalogue)
        model.fit(WORLD.train.ratings)
        predicted_UI = model.predict(WORLD.train.ratings, users_U)
        error_N = predicted_UI[held_out.nonzero()] - held_out.data
        assert trial["value"] == pytest.approx(np.sqrt(np.mean(error_N**2)), rel=1e-6)
    assert of_bias["best"]["value"] == min(trial["value"] for trial in of_bias["trials"])


@pytest.mark.parametrize("model", ["ease", "itemknn", "mf"])
def test_a_small_space_is_searched_as_a_whole_and_repeats(storage, tmp_path, model):
    first = formula(storage, model)
    found = result_of(first, run_search(first))
    assert found["sampler"] == "grid"
    points = {tuple(trial["params"].values()) for trial in found["trials"]}
    assert len(points) == len(found["trials"]) == 4
    second = formula(f"journal:///{tmp_path}/again", model)
    again = result_of(second, run_search(second))
    assert [t["value"] for t in again["trials"]] == [t["value"] for t in found["trials"]]


@pytest.mark.parametrize(
    ("damping", "n_trials", "sampler"),
    [
        (DAMPINGS, 10, "grid"),
        (DAMPINGS, 9, "tpe"),
        ({"low": 0, "high": 50}, 200, "tpe"),
    ],
)
def test_a_larger_space_has_the_sampler_and_the_trials_of_a_network(
    storage, damping, n_trials, sampler
):
    block = {"model": {"damping": damping}}
    search = formula(storage, block=block, n_trials=n_trials)
    assert search.sampler == sampler
    assert Study(search).size == n_trials
    assert small_search(storage, {"fitting": {"epochs": [2, 3]}}, sampler="tpe").sampler == "tpe"


def test_an_interrupted_search_resumes_with_the_trials_that_are_left(storage, of_bias, monkeypatch):
    validate, fitted = trial_module.validate_formula, []

    def interrupted_in_the_third(*args, **named):
        fitted.append(args)
        if len(fitted) == 3:
            raise KeyboardInterrupt
        return validate(*args, **named)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(trial_module, "validate_formula", interrupted_in_the_third)
        run_search(formula(storage))
    resumed = run_search(formula(storage)).trials()
    assert [trial.value for trial in resumed] == [trial["value"] for trial in of_bias["trials"]]
    assert [trial.number for trial in resumed] == [0, 1, *range(3, 11)]


def test_a_trial_that_cannot_be_computed_fails_with_its_error_and_the_others_go_on(storage):
    block = {"model": {"penalty": [1e-20, "auto"]}}
    search = formula(storage, "ease", block)
    trials = result_of(search, run_search(search))["trials"]
    assert {trial["state"] for trial in trials} == {"complete", "failed"}
    (error,) = [trial["error"] for trial in trials if trial["state"] == "failed"]
    assert error.startswith("ValueError: ease.model.penalty: 1e-20 is too small for these data")


# --- what is refused ---


def test_a_metric_that_cannot_be_computed_is_refused_with_its_option(storage):
    longer = {"formula_metrics": {"ranking": "ndcg_at_31", "rating": "rmse"}}
    with pytest.raises(
        ValueError, match=r"tuning\.formula_metrics\.ranking: ndcg_at_31 needs 31 items"
    ):
        run_search(formula(storage, "ease", **longer))
    nothing = to_matrix(*([WORLD.train.likes.indices[:0]] * 2), 1.0, WORLD.train.likes.shape)
    search = replace(formula(storage), validation=Interactions(nothing, nothing))
    with pytest.raises(ValueError, match="the validation part has no ratings") as error:
        run_search(search)
    assert "patience" not in str(error.value)


def test_another_metric_is_another_search(storage):
    options = tuning_options(
        storage=storage, formula_metrics={"ranking": "ndcg_at_5", "rating": "mae"}
    )
    search = formula(storage)
    assert replace(search, tuning=options).study_name != search.study_name


# --- the result ---


def test_the_proposal_is_a_block_of_the_model_without_epochs(of_bias):
    text = write_proposal(of_bias, datetime(2026, 11, 27))
    damping = of_bias["best"]["params"]["model"]["damping"]
    assert yaml.safe_load(text) == {"bias": {"model": {"damping": damping}}}
    TrainingOptions.of("bias").model_validate(yaml.safe_load(text)["bias"])
    assert f"# Validation rmse {of_bias['best']['value']!r}. As the best of many," in text
    assert "epoch" not in text
    assert text.endswith(f"damping: {damping}  # found\n")
    assert json.loads(json.dumps(of_bias, allow_nan=False)) == of_bias


def test_the_table_of_trials_has_no_columns_of_epochs(of_bias):
    columns = ["number", "state", "value", "seconds", "model.damping", "error", "mlflow_run"]
    assert list(trials_table(of_bias)) == columns


def test_importances_are_of_ten_trials_or_more_and_their_figure_says_so(of_bias):
    assert figures.importances_of(of_bias) == {"model.damping": pytest.approx(1)}
    fewer = of_bias | {"trials": of_bias["trials"][:9]}
    assert figures.importances_of(fewer) == {}
    (words,) = figures.draw_importances(fewer).layout.annotations
    assert words.text.startswith("importances need 10 complete trials")


def test_the_best_trial_is_the_only_wide_and_opaque_line_and_is_in_front(of_bias):
    *others, best = figures.draw_parallel_coordinates(of_bias).data
    (damping,) = [shown for axis, shown in best.customdata if axis == "damping"]
    assert float(damping) == of_bias["best"]["params"]["model"]["damping"]
    assert (best.opacity, best.line.width) == (1, 4)
    assert best.line.color not in {line.line.color for line in others}
    opacities = [line.opacity for line in others]
    assert opacities == sorted(opacities)
    assert max(opacities) < 0.7


@pytest.mark.parametrize(
    "draw",
    [figures.draw_progress, figures.draw_parallel_coordinates, figures.draw_importances],
)
def test_no_figure_is_blank(of_bias, draw):
    assert len(draw(of_bias).data) > 0
    left_out = {"model": "popularity", "left_out": "it has no options"}
    (words,) = draw(left_out).layout.annotations
    assert words.text == "it has no options"
