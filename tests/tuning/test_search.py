"""Searches of a small network: which trials are done, by whom, and what is refused."""

import json
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import replace

import pytest
from checkerboard import checkerboard
from filelock import FileLock
from model_options import RUNNING, options_of
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState
from sqlalchemy import event
from sqlalchemy.orm.exc import StaleDataError

from collaborative_autoencoders.interactions.matrices import Interactions, to_matrix
from collaborative_autoencoders.pipelines.tuning.options import TuningOptions
from collaborative_autoencoders.pipelines.tuning.reporting import describe
from collaborative_autoencoders.pipelines.tuning.searching import Search, search
from collaborative_autoencoders.pipelines.tuning.space import read_space
from collaborative_autoencoders.pipelines.tuning.study import Study

WORLD = checkerboard()
FOUR_BY_RANGE = {"model": {"hidden_size": [4, 8], "corruption": {"low": 0.1, "high": 0.9}}}
GRID = {"model": {"hidden_size": [2, 4, 8], "corruption": [0.1, 0.5]}}


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path}/optuna.db"


def asked(storage, block=FOUR_BY_RANGE, model="cdae", **tuning):
    options = {
        "space": "small",
        "sampler": "random",
        "pruner": "none",
        "pruner_startup_trials": 0,
        "pruner_warmup_epochs": 0,
        "n_trials": 4,
        "time_budget_seconds": None,
        "seed": 0,
        "storage": storage,
        "study": None,
    }
    return Search(
        model=model,
        base=options_of(model, fitting__epochs=4),
        space=read_space(model, block),
        tuning=TuningOptions.model_validate(options | tuning),
        running=RUNNING,
        train=WORLD.train,
        validation=WORLD.validation,
        catalogue=WORLD.catalogue,
        facts={},
    )


def done(study):
    """Values by point, of all trials that count."""
    trials = study.trials()
    by_point = {tuple(trial.params.values()): trial.value for trial in trials}
    assert len(by_point) == len(trials), "a point was tried twice"
    return by_point


def leave_behind(wanted, host=None, whole=True):
    """A trial that a process has begun, which is gone by now; its point, if it came so far."""
    study = study_of(wanted)
    trial = study.next()
    point = study.point(trial) if whole else {}
    own = trial.user_attrs["process"].rpartition(":")[0]
    study.mark(trial.number, process=f"{host or own}:999999999")
    return tuple(point.values())


def study_of(wanted):
    start = wanted.space.point_of(wanted.base.model_dump(mode="json"))
    args = (wanted.space, wanted.tuning, wanted.about(), True, start)
    return Study(wanted.tuning.storage, wanted.name(), *args)


# --- which trials are done ---


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_as_many_trials_as_asked_for_and_no_more_when_it_is_started_again(storage, sampler):
    first = done(search(asked(storage, sampler=sampler)))
    assert len(first) == 4
    assert done(search(asked(storage, sampler=sampler))) == first


def test_a_random_search_gives_the_same_trials_stopped_or_not(storage, tmp_path):
    whole = done(search(asked(storage)))
    other = f"sqlite:///{tmp_path}/other.db"
    part = done(search(asked(other, n_trials=2)))
    assert part.items() < whole.items()
    leave_behind(asked(other))
    study_of(asked(other)).void_abandoned()
    leave_behind(asked(other), whole=False)
    assert done(search(asked(other))) == whole


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_first_trial_is_the_options_as_they_are_where_the_space_holds_them(storage, sampler):
    block = {"model": {"hidden_size": [4, 16], "corruption": {"low": 0.1, "high": 0.9}}}
    wanted = asked(storage, block, sampler=sampler)
    own = wanted.base.model
    leave_behind(wanted, whole=False)
    points = list(done(search(wanted)))
    assert points[0] == (own.hidden_size, own.corruption)
    assert len(points) == 4
    elsewhere = asked(storage, block | {"fitting": {"epochs": [3]}}, sampler=sampler)
    assert elsewhere.space.point_of(elsewhere.base.model_dump(mode="json")) is None
    without = asked(storage, FOUR_BY_RANGE, sampler=sampler)
    assert own.hidden_size not in {hidden for hidden, _ in done(search(without))}


def test_another_seed_is_another_search(storage):
    assert done(search(asked(storage))) != done(search(asked(storage, seed=1)))


def test_tpe_repeats_in_one_uninterrupted_worker(storage, tmp_path):
    again = f"sqlite:///{tmp_path}/again.db"
    searches = [search(asked(place, sampler="tpe", n_trials=14)) for place in (storage, again)]
    assert done(searches[0]) == done(searches[1])


def test_a_grid_is_done_once_whatever_the_interruptions(storage, tmp_path):
    wanted = asked(storage, GRID, sampler="grid", n_trials=6)
    whole = done(search(wanted))
    assert set(whole) == {(h, c) for h in (2, 4, 8) for c in (0.1, 0.5)}
    other = asked(f"sqlite:///{tmp_path}/other.db", GRID, sampler="grid", n_trials=6)
    leave_behind(other)
    search(replace(other, tuning=other.tuning.model_copy(update={"time_budget_seconds": 1e-9})))
    assert done(search(other)) == whole


@pytest.mark.parametrize(("sampler", "block"), [("random", FOUR_BY_RANGE), ("grid", GRID)])
def test_a_trial_whose_process_is_gone_is_done_by_whoever_comes_next(
    storage, tmp_path, sampler, block
):
    wanted = asked(storage, block, sampler=sampler, n_trials=6)
    point = leave_behind(wanted)
    found = search(wanted)
    assert point in done(found)
    assert len(done(found)) == 6
    whole = asked(f"sqlite:///{tmp_path}/whole.db", block, sampler=sampler, n_trials=6)
    assert done(search(whole)) == done(found)
    void = [t for t in found.study.trials if "void" in t.user_attrs]
    assert [(t.number, t.state) for t in void] == [(0, TrialState.FAIL)]


@pytest.mark.parametrize("host_of_another_worker", [None, "another-host"])
def test_a_trial_that_does_not_say_whose_it_is_is_done_again_unless_others_are_at_work(
    storage, host_of_another_worker
):
    wanted = asked(storage, GRID, sampler="grid", n_trials=6)
    study = study_of(wanted)
    killed = study.study.ask()
    if host_of_another_worker:
        study.study.set_user_attr(f"worker {host_of_another_worker}:1", True)
    trials = {trial.number: trial.state.name for trial in search(wanted).trials()}
    assert trials.get(killed.number) == ("RUNNING" if host_of_another_worker else None)
    assert len(trials) == 6


def test_a_trial_of_another_host_is_left_to_it(storage):
    wanted = asked(storage, GRID, sampler="grid", n_trials=6)
    point = leave_behind(wanted, host="another-host")
    states = {t.state for t in search(wanted).trials() if tuple(t.params.values()) == point}
    assert states == {TrialState.RUNNING}


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_two_workers_never_take_the_same_trial_nor_one_too_many(storage, sampler):
    wanted = asked(storage, GRID, sampler=sampler, n_trials=6)
    workers = [study_of(wanted), study_of(wanted)]
    taken = [trial for _ in range(4) for study in workers if (trial := study.next()) is not None]
    points = [tuple(workers[0].point(trial).values()) for trial in taken]
    assert len(points) == 6
    if sampler == "grid":
        assert len(set(points)) == 6


def take_at_the_same_time(wanted):
    """The points that four workers take, each with a study of its own, all at once."""
    studies = [study_of(wanted) for _ in range(4)]
    together = threading.Barrier(len(studies))

    def work(study):
        # as long as possible between the look at a trial and the taking of it
        event.listen(study.storage.engine, "before_cursor_execute", slowly)
        together.wait()
        taken = []
        while (trial := study.next()) is not None:
            taken.append((trial.number, tuple(study.point(trial).values())))
        return taken

    with ThreadPoolExecutor(len(studies)) as pool:
        return [taken for of_one in pool.map(work, studies) for taken in of_one]


def slowly(connection, cursor, statement, *_):
    if statement.startswith("UPDATE trials"):
        time.sleep(0.05)


@pytest.mark.parametrize(("sampler", "block"), [("random", FOUR_BY_RANGE), ("grid", GRID)])
def test_workers_that_reach_for_a_trial_at_the_same_time_get_different_ones(
    storage, sampler, block
):
    taken = take_at_the_same_time(asked(storage, block, sampler=sampler, n_trials=6))
    assert len(taken) == len({number for number, _ in taken}) == 6
    assert len({point for _, point in taken}) == 6


def test_two_that_took_the_same_trial_would_be_noticed(storage, monkeypatch):
    monkeypatch.setattr(FileLock, "acquire", lambda self, *_, **__: nullcontext())
    monkeypatch.setattr(FileLock, "release", lambda self, *_, **__: None)
    numbers = []
    with suppress(UpdateFinishedTrialError, StaleDataError):
        wanted = asked(storage, GRID, sampler="grid", n_trials=6)
        numbers = [number for number, _ in take_at_the_same_time(wanted)]
    assert len(numbers) != len(set(numbers)) or not numbers


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_a_worker_that_comes_too_late_for_the_last_trial_gets_none(storage, sampler, monkeypatch):
    wanted = asked(storage, GRID, sampler=sampler, n_trials=6)
    quick, slow = study_of(wanted), study_of(wanted)
    while quick.next() is not None:
        pass
    monkeypatch.setattr(slow, "_is_any_left", lambda: True)  # as it was a moment ago
    assert slow.next() is None
    assert len(slow.trials()) == 6


@pytest.mark.parametrize(("sampler", "block"), [("random", FOUR_BY_RANGE), ("grid", GRID)])
@pytest.mark.parametrize("steps", [1, 2])
def test_a_process_that_is_killed_while_it_gives_a_trial_back_loses_none(
    storage, tmp_path, sampler, block, steps
):
    wanted = asked(storage, block, sampler=sampler, n_trials=6)
    study = study_of(wanted)
    trial = study.next()
    study.point(trial)
    study.mark(trial.number, void="interrupted")
    if steps == 2:
        study.study.tell(trial, state=TrialState.FAIL)
    whole = asked(f"sqlite:///{tmp_path}/whole.db", block, sampler=sampler, n_trials=6)
    assert done(search(wanted)) == done(search(whole))


def test_a_grid_that_was_half_queued_is_made_whole(storage):
    wanted = asked(storage, GRID, sampler="grid", n_trials=6)
    study = study_of(wanted)
    for trial in study.study.get_trials(states=(TrialState.WAITING,))[:4]:
        study.mark(trial.number, void="never queued")
        study.study.tell(study.study.ask(), state=TrialState.FAIL)
    assert len(done(search(wanted))) == 6


def test_a_trial_of_this_process_s_number_is_of_a_process_before_it(storage):
    wanted = asked(storage, GRID, sampler="grid", n_trials=6)
    study = study_of(wanted)
    study.is_at_work(True)
    point = tuple(study.point(study.next()).values())
    assert point in done(search(wanted))


def test_choices_that_are_nearly_the_same_are_two(storage):
    block = {"fitting": {"seed": [20260101, 20260102]}}
    assert len(done(search(asked(storage, block, sampler="grid")))) == 2


# --- how trials end ---


def test_the_value_is_the_best_epoch_s_and_pruning_ends_what_is_below_the_median(storage):
    block = {"fitting": {"learning_rate": [0.02, 1e-9, 2e-9, 3e-9]}}
    first = {"fitting.learning_rate": 0.02}
    seed = next(seed for seed in range(99) if read_space("cdae", block).grid(seed)[0] == first)
    pruning = {"pruner": "median", "pruner_startup_trials": 1}
    wanted = asked(storage, block, sampler="grid", seed=seed, **pruning)
    trials = search(wanted).trials()
    states = {trial.params["fitting.learning_rate"]: trial.state.name for trial in trials}
    assert trials[0].params["fitting.learning_rate"] == 0.02
    assert states == {
        0.02: "COMPLETE",
        1e-9: "PRUNED",
        2e-9: "PRUNED",
        3e-9: "PRUNED",
    }
    best = trials[0]
    assert best.value == max(best.intermediate_values.values())
    assert best.intermediate_values[best.user_attrs["best_epoch"]] == best.value


def test_a_failed_trial_does_not_end_the_search_and_says_why(storage):
    block = {"model": {"loss": ["square", "logistic"]}, "fitting": {"epochs": [2, 3]}}
    found = describe(wanted := asked(storage, block, sampler="grid"), search(wanted))
    failed = [trial for trial in found["trials"] if trial["state"] == "failed"]
    assert len(failed) == 2
    assert all("loss: logistic needs output_activation: sigmoid" in t["error"] for t in failed)
    assert found["best"]["params"]["model"]["loss"] == "square"


def test_a_fit_that_diverges_is_a_failed_trial(storage):
    block = {"fitting": {"learning_rate": [0.01, 1e30]}}
    found = describe(wanted := asked(storage, block, sampler="grid"), search(wanted))
    (error,) = [t["error"] for t in found["trials"] if t["state"] == "failed"]
    assert error.startswith("ValueError: the loss is ")


def test_a_search_in_which_all_trials_failed_says_the_first_error(storage):
    block = {"model": {"loss": ["logistic"], "hidden_size": [2, 4]}}
    wanted = asked(storage, block, sampler="grid")
    with pytest.raises(ValueError, match=r"none of 2 trials came to its end \(.*loss: logistic"):
        describe(wanted, search(wanted))


@pytest.mark.parametrize("sign", [1, -1])
def test_lower_is_better_where_the_metric_says_so(storage, sign):
    model = {1: "cdae", -1: "autorec"}[sign]
    block = {"fitting": {"learning_rate": [0.02, 1e-6]}}
    wanted = asked(storage, block, model, sampler="grid")
    study = search(wanted)
    best = describe(wanted, study)["best"]["value"]
    values = [trial.value for trial in study.trials()]
    assert best == (max(values) if sign == 1 else min(values))
    assert len(set(values)) == 2


def test_the_time_budget_ends_a_search_after_the_trial_that_is_going_on(storage, caplog):
    caplog.set_level("INFO")
    found = search(asked(storage, time_budget_seconds=1e-6))
    assert len(found.trials()) <= 1
    assert "the time is up" in caplog.text


def test_after_the_first_trials_it_says_how_long_all_would_take(storage, caplog):
    wanted = asked(storage, n_trials=2000, time_budget_seconds=2)
    search(replace(wanted, base=options_of("cdae", fitting__epochs=30)))
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "a trial takes some" in warning
    assert "the 1997 left " in warning
    assert "time_budget_seconds leaves" in warning


def test_it_says_so_too_where_there_is_time_enough(storage, caplog):
    caplog.set_level("INFO")
    search(asked(storage, GRID, sampler="grid", n_trials=6))
    assert "0 of 6 trials are done (6 combinations)" in caplog.text
    assert "the 3 left " in caplog.text


# --- what is refused ---


def test_a_grid_that_is_larger_than_the_trials_allowed_says_how_large(storage):
    wanted = asked(storage, GRID, sampler="grid", n_trials=5)
    with pytest.raises(ValueError, match=r"grid of cdae .* has 6 combinations, more than 5: raise"):
        search(wanted)


def test_a_grid_too_large_to_be_listed_is_refused_at_once(storage):
    choices = list(range(1, 1001))
    block = {"model": {"hidden_size": choices}, "fitting": {"batch_size": choices, "seed": choices}}
    with pytest.raises(ValueError, match="has 1000000000 combinations, more than 5"):
        search(asked(storage, block, sampler="grid", n_trials=5))


def test_a_grid_of_a_range_is_refused_before_the_first_trial(storage):
    with pytest.raises(ValueError, match=r"grid needs choices, and model\.corruption is a range"):
        search(asked(storage, sampler="grid"))


def test_no_validation_is_refused_before_the_first_trial(storage, tmp_path):
    wanted = asked(storage)
    fitting = wanted.base.fitting.model_copy(update={"validation_metric": None, "patience": None})
    with pytest.raises(ValueError, match="cdae.fitting.validation_metric is null"):
        search(replace(wanted, base=wanted.base.model_copy(update={"fitting": fitting})))
    nothing = to_matrix(*([WORLD.train.likes.indices[:0]] * 2), 1.0, WORLD.train.likes.shape)
    with pytest.raises(ValueError, match="no row is held out"):
        search(replace(wanted, validation=Interactions(nothing, nothing)))
    assert not (tmp_path / "optuna.db").exists()


def test_a_study_about_something_else_is_not_gone_on_with(storage):
    search(asked(storage, study="mine"))
    other = asked(storage, GRID, study="mine")
    with pytest.raises(ValueError, match="mine is there and has another space"):
        search(other)
    assert len(done(search(asked(storage, study="mine")))) == 4


def test_the_name_of_a_study_is_the_same_for_the_same_search_alone():
    wanted, storage = asked("sqlite:///x.db"), "sqlite:///y.db"
    assert wanted.name() == asked(storage, n_trials=9, time_budget_seconds=5).name()
    assert wanted.name() != asked(storage, seed=1).name()
    assert wanted.name() != asked(storage, GRID).name()
    other = checkerboard(seed=1)
    assert wanted.name() != replace(wanted, train=other.train).name()
    assert asked(storage, study="mine").name() == "mine"


# --- storage ---


def test_a_journal_file_keeps_a_study_too(tmp_path):
    journal = f"journal:///{tmp_path}/optuna.log"
    first = done(search(asked(journal, n_trials=2)))
    assert first.items() < done(search(asked(journal))).items()
    leave_behind(asked(journal, n_trials=6))
    assert len(done(search(asked(journal, n_trials=6)))) == 6


def rubbish(tmp_path):
    (tmp_path / "rubbish").write_bytes(b"this is no database" * 100)
    return tmp_path / "rubbish"


@pytest.mark.parametrize("scheme", ["sqlite", "journal"])
def test_a_file_that_is_no_storage_is_named_and_stays_as_it_is(tmp_path, scheme):
    file = rubbish(tmp_path)
    before = file.read_bytes()
    with pytest.raises(OSError, match=rf"tuning.storage: {scheme}:///.*rubbish cannot be opened"):
        search(asked(f"{scheme}:///{file}"))
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "url",
    ["sqlite:////not/there/optuna.db", "journal:////not/there/x", "oracle://host/db", "a://b"],
)
def test_a_storage_that_cannot_be_opened_is_named_with_the_mend(url):
    with pytest.raises(OSError, match=r"cannot be opened: .*\nName a place that can be written"):
        search(asked(url))


def test_a_folder_is_no_storage(tmp_path):
    for scheme in ("sqlite", "journal"):
        with pytest.raises(OSError, match="cannot be opened"):
            search(asked(f"{scheme}:///{tmp_path}"))


def test_a_wrong_search_leaves_the_store_whole(storage, tmp_path):
    first = done(search(asked(storage)))
    with pytest.raises(ValueError, match="combinations"):
        search(asked(storage, GRID, sampler="grid", n_trials=2))
    with sqlite3.connect(tmp_path / "optuna.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert done(search(asked(storage))) == first


def test_what_is_said_of_a_search_is_json(storage):
    wanted = asked(storage, {"model": {"hidden_sizes": [[4], [8]]}}, "autorec", sampler="grid")
    told = describe(wanted, search(wanted))
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["best"]["params"]["model"]["hidden_sizes"] in ([4], [8])
    assert told["block"]["model"]["hidden_sizes"] == told["best"]["params"]["model"]["hidden_sizes"]
