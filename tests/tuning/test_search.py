"""Searches of a small network: which trials are run, how they end, and what is refused."""

import json
import sqlite3
from dataclasses import replace
from datetime import datetime
from itertools import count
from types import SimpleNamespace

import pytest
from optuna.trial import TrialState
from small_search import GRID, POINTS_OF_GRID, RANGE, WORLD, small_search

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.sparse import ones_in, to_matrix
from collaborative_autoencoders.pipelines.tuning.nodes import propose_parameters, search_options
from collaborative_autoencoders.tuning import search as search_module
from collaborative_autoencoders.tuning import trial as trial_module
from collaborative_autoencoders.tuning.options import SearchSpaces
from collaborative_autoencoders.tuning.results import result_of, write_proposal
from collaborative_autoencoders.tuning.search import run_search
from collaborative_autoencoders.tuning.study import Study


@pytest.fixture
def storage(tmp_path):
    return f"journal:///{tmp_path}/study"


def values(study):
    """Validation by point."""
    return {tuple(trial.params.values()): trial.value for trial in study.trials()}


def searched(search):
    return result_of(search, run_search(search))


@pytest.fixture(scope="module")
def grid_result(tmp_path_factory):
    """The result of a finished grid, for tests that only read."""
    storage = f"journal:///{tmp_path_factory.mktemp('grid')}/study"
    return searched(small_search(storage, GRID, sampler="grid", n_trials=6))


# --- which trials are run ---


@pytest.mark.parametrize("sampler", ["random", "tpe", "grid"])
def test_an_interrupted_search_resumes_with_the_same_trials(
    storage, tmp_path, sampler, monkeypatch
):
    block = GRID if sampler == "grid" else RANGE
    search = small_search(storage, block, sampler=sampler, n_trials=6)
    fit, fitted = trial_module.fit_with_validation, []

    def interrupted_in_the_third(*args, **named):
        fitted.append(named)
        if len(fitted) == 3:
            raise KeyboardInterrupt
        return fit(*args, **named)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(trial_module, "fit_with_validation", interrupted_in_the_third)
        run_search(search)
    resumed = run_search(search)
    whole = run_search(
        small_search(f"journal:///{tmp_path}/whole", block, sampler=sampler, n_trials=6)
    )
    assert values(resumed) == values(whole)
    assert len(resumed.trials()) == len(values(resumed)) == 6
    assert [trial.number for trial in resumed.trials()] == [0, 1, 3, 4, 5, 6]


def test_the_result_of_a_process_that_was_taken_for_dead_is_dropped(storage, monkeypatch, caplog):
    caplog.set_level("INFO")
    search = small_search(storage, n_trials=3, pruner="median")
    fit, fitted = trial_module.fit_with_validation, []

    def taken_over_in_the_second(*args, **named):
        fitted.append(named)
        if len(fitted) == 2:
            Study(search).interrupt(1)
        return fit(*args, **named)

    monkeypatch.setattr(trial_module, "fit_with_validation", taken_over_in_the_second)
    study = run_search(search)
    assert [trial.number for trial in study.trials()] == [0, 2, 3]
    finished = {TrialState.COMPLETE, TrialState.PRUNED}
    assert all(trial.state in finished for trial in study.trials())
    assert "trial 1 interrupted, another process took it over" in caplog.text


def test_a_finished_search_runs_nothing_more(storage, monkeypatch):
    first = values(run_search(small_search(storage, n_trials=2)))
    monkeypatch.setattr(trial_module, "fit_with_validation", pytest.fail)
    assert values(run_search(small_search(storage, n_trials=2))) == first


def test_a_larger_n_trials_adds_trials(storage):
    first = values(run_search(small_search(storage, n_trials=2)))
    more = values(run_search(small_search(storage, n_trials=3)))
    assert first.items() < more.items()
    assert len(more) == 3


def test_a_grid_runs_every_combination(grid_result):
    points = [tuple(trial["params"].values()) for trial in grid_result["trials"]]
    assert len(points) == 6
    assert set(points) == POINTS_OF_GRID


def test_choices_that_differ_little_are_different_choices(storage):
    block = {"fitting": {"seed": [20260101, 20260102]}}
    assert len(values(run_search(small_search(storage, block, sampler="grid")))) == 2


# --- how trials end ---


def test_a_formula_has_no_pruner_and_resumes_with_another(storage):
    block = {"model": {"neighbours": [1, 2]}}
    one, other = (
        small_search(storage, block, model="itemknn", pruner=pruner)
        for pruner in ("none", "median")
    )
    assert one.study_name == other.study_name
    assert len(run_search(one).trials()) == len(run_search(other).trials()) == 2


def test_the_value_is_the_best_epoch_s_and_the_median_pruner_stops_what_is_worse(storage):
    block = {"fitting": {"learning_rate": [0.02, 1e-9, 2e-9, 3e-9]}}
    space = small_search(storage, block).space
    first = {"fitting.learning_rate": 0.02}
    seed = next(seed for seed in range(99) if space.grid(seed)[0] == first)
    pruning = {"pruner": "median", "pruner_startup_trials": 1}
    search = small_search(storage, block, sampler="grid", seed=seed, **pruning)
    study = run_search(search)
    states = [trial["state"] for trial in result_of(search, study)["trials"]]
    assert states == ["complete", "pruned", "pruned", "pruned"]
    patient = [{"pruner": "none"}, pruning | {"pruner_warmup_epochs": 100}]
    for other in patient:  # else their best would be the best of what the first has left
        search = small_search(storage, block, sampler="grid", seed=seed, **other)
        trials = result_of(search, run_search(search))["trials"]
        assert [trial["state"] for trial in trials] == ["complete"] * 4
    best = study.trials()[0]
    assert best.value == max(best.intermediate_values.values())
    assert best.intermediate_values[best.user_attrs["record"]["best_epoch"]] == best.value


def test_a_failed_trial_does_not_end_the_search_and_keeps_its_error(storage):
    block = {
        "model": {"loss": ["square", "logistic"]},
        "fitting": {"learning_rate": [0.01, 1e30]},
    }
    result = searched(small_search(storage, block, sampler="grid"))
    errors = {
        (trial["params"]["model.loss"], trial["params"]["fitting.learning_rate"]): trial["error"]
        for trial in result["trials"]
        if trial["state"] == "failed"
    }
    assert len(errors) == 3
    for rate in (0.01, 1e30):
        assert "logistic needs output_activation: sigmoid" in errors["logistic", rate]
    assert errors["square", 1e30].startswith("ValueError: the loss is ")
    assert result["best"]["params"]["model"]["loss"] == "square"


def test_a_search_without_a_complete_trial_shows_the_first_error(storage):
    block = {"model": {"loss": ["logistic"], "hidden_size": [2, 4]}}
    with pytest.raises(ValueError, match=r"none of 2 trials is complete \(.*loss: logistic"):
        searched(small_search(storage, block, sampler="grid"))


@pytest.mark.parametrize(("model", "best_of"), [("cdae", max), ("autorec", min)])
def test_the_metric_decides_whether_higher_or_lower_is_better(storage, model, best_of):
    block = {"fitting": {"learning_rate": [0.02, 1e-6]}}
    result = searched(small_search(storage, block, model, sampler="grid"))
    found = {trial["value"] for trial in result["trials"]}
    assert len(found) == 2
    assert result["best"]["value"] == best_of(found)


def test_the_time_budget_ends_a_search_after_the_running_trial(storage, caplog):
    caplog.set_level("INFO")
    assert len(run_search(small_search(storage, time_budget_seconds=1e-6)).trials()) <= 1
    assert "the time is up" in caplog.text


def test_after_three_trials_the_log_says_how_long_the_others_take(storage, caplog):
    caplog.set_level("INFO")
    run_search(small_search(storage, GRID, sampler="grid", n_trials=6))
    assert "has 0 of 6 trials (6 combinations)" in caplog.text
    assert "for the 3 left" in caplog.text
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_time_budget_that_is_too_short_is_warned_about(storage, caplog, monkeypatch):
    clock = count(0, 0.2)  # seconds by the calls, so that the fourth trial begins on any machine
    monkeypatch.setattr(search_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    run_search(small_search(storage, n_trials=100_000, time_budget_seconds=1))
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "s per trial, about" in warning
    assert "for the 99997 left; time_budget_seconds leaves" in warning


# --- what is refused ---


def test_a_grid_larger_than_n_trials_is_refused_with_its_size(storage):
    with pytest.raises(ValueError, match=r"grid of cdae .* has 6 combinations, more than 5: raise"):
        run_search(small_search(storage, GRID, sampler="grid", n_trials=5))
    choices = list(range(1, 1001))  # too many to list
    block = {"model": {"hidden_size": choices}, "fitting": {"batch_size": choices, "seed": choices}}
    with pytest.raises(ValueError, match="has 1000000000 combinations, more than 4"):
        run_search(small_search(storage, block, sampler="grid"))


def test_a_grid_of_a_range_is_refused(storage):
    with pytest.raises(ValueError, match=r"grid needs choices, but model\.corruption is a range"):
        run_search(small_search(storage, sampler="grid"))


def test_no_validation_is_refused_before_a_study_is_created(storage, tmp_path):
    search = small_search(storage)
    fitting = search.options.fitting.model_copy(
        update={"validation_metric": None, "patience": None}
    )
    with pytest.raises(ValueError, match="cdae.fitting.validation_metric is null"):
        run_search(replace(search, options=search.options.model_copy(update={"fitting": fitting})))
    nothing = to_matrix(*([WORLD.train.likes.indices[:0]] * 2), 1.0, WORLD.train.likes.shape)
    with pytest.raises(ValueError, match="the validation part has no likes") as error:
        run_search(replace(search, validation=Interactions(nothing, nothing)))
    assert "null" not in str(error.value), "a search needs a metric"
    assert not list(tmp_path.iterdir())


def test_a_refused_search_leaves_the_database_intact(tmp_path):
    storage = f"sqlite:///{tmp_path}/optuna.db"
    first = values(run_search(small_search(storage, n_trials=2)))
    with pytest.raises(ValueError, match="combinations"):
        run_search(small_search(storage, GRID, sampler="grid", n_trials=2))
    with sqlite3.connect(tmp_path / "optuna.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert values(run_search(small_search(storage, n_trials=2))) == first


# --- the result ---


def test_the_result_is_json_with_lists_as_lists(storage):
    block = {"model": {"hidden_sizes": [[4], [8]]}}
    result = searched(small_search(storage, block, "autorec", sampler="grid"))
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    best = result["best"]["params"]["model"]["hidden_sizes"]
    assert best in ([4], [8])
    assert result["block"]["model"]["hidden_sizes"] == best


def test_the_proposal_names_the_origin_of_the_best_trial(grid_result):
    best = grid_result["best"] | {"threads": 3, "git_commit": "abc", "git_dirty": "true"}
    text = write_proposal(grid_result | {"best": best}, datetime(2026, 11, 27))
    assert f"the study {grid_result['study']} on 2026-11-27: trial {best['number']}," in text
    assert "best of 6 complete trials" in text
    assert f"# Validation ndcg_at_5 {best['value']!r} in epoch {best['best_epoch']}." in text
    assert "# Commit abc with uncommitted changes." in text
    library = best["matrix_products"]
    assert library in ("torch", "onednn")
    assert f"running.threads 3 and running.matrix_products {library} on device cpu." in text
    older = write_proposal(
        grid_result | {"best": best | {"matrix_products": None}}, datetime(2026, 11, 27)
    )
    assert "running.threads 3 on device cpu." in older
    found = [line.split(":")[0].strip() for line in text.splitlines() if line.endswith("# found")]
    assert found == ["hidden_size", "corruption"]


def test_a_table_without_ratings_leaves_out_a_network_that_learns_from_them(storage):
    search = small_search(storage, {"fitting": {"epochs": [2, 3]}}, "autorec")
    spaces = SearchSpaces.model_validate({"small": {"autorec": {"fitting": {"epochs": [2, 3]}}}})
    parts = {
        name: replace(part, ratings=ones_in(part.ratings)) for name, part in search.parts.items()
    }
    result = search_options(
        search.options,
        search.tuning,
        spaces,
        search.running,
        **parts,
        data_facts=search.facts | dict.fromkeys(("rated", "lowest_rating", "highest_rating")),
    )
    reason = "it is fitted on ratings, and the table has no ratings"
    assert result == {"model": "autorec", "left_out": reason}


def test_a_network_that_is_left_out_has_a_proposal_that_says_why():
    proposal = propose_parameters({"model": "mf", "left_out": "it has no space"})
    assert proposal == "# Nothing is proposed: it has no space.\n"
