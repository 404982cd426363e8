"""Studies: the plan of trials, which process gets which trial, and where it is stored."""

import multiprocessing
import random
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import optuna
import pytest
from checkerboard import checkerboard
from optuna.trial import TrialState
from small_search import GRID, POINTS_OF_GRID, RANGE, small_search, tuning_options

from collaborative_autoencoders.processes import identity_of
from collaborative_autoencoders.tuning import signs
from collaborative_autoencoders.tuning import study as study_module
from collaborative_autoencoders.tuning.signs import Watch
from collaborative_autoencoders.tuning.storage import open_storage
from collaborative_autoencoders.tuning.study import COMPLETE, Study

ELSEWHERE = "another-host:1"
WITH_START = {"model": {"hidden_size": [4, 16], "corruption": {"low": 0.1, "high": 0.9}}}


@pytest.fixture
def journal(tmp_path):
    return f"journal:///{tmp_path}/study"


@pytest.fixture(params=["sqlite", "journal"])
def storage(tmp_path, request):
    return f"{request.param}:///{tmp_path}/study"


def grid(storage, **tuning):
    return small_search(storage, GRID, sampler="grid", n_trials=6, **tuning)


def worker_on(search, process=ELSEWHERE):
    """A study as another process opens it."""
    study = Study(search)
    study.process = process
    return study


def dead_process():
    """The identity of a process that has ended."""
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    identity = identity_of(process.pid)
    process.join()
    return identity


def positions(study, *states):
    return [t.user_attrs["position"] for t in study.trials() if not states or t.state in states]


def all_trials(study):
    """Those that do not count too."""
    storage = study.storage
    return storage.get_all_trials(storage.get_study_id_from_name(study.name))


def running_processes(study):
    return {t.user_attrs["process"] for t in study.trials() if t.state == TrialState.RUNNING}


def finish_all(study):
    while (trial := study.claim()) is not None:
        study.finish(trial, COMPLETE, trial.params["model.corruption"])
    return study


def test_trials_of_another_version_of_the_code_are_counted_in_a_warning(
    journal, monkeypatch, caplog
):
    finish_all(Study(grid(journal)))
    Study(grid(journal))
    assert not caplog.records

    monkeypatch.setattr("collaborative_autoencoders.tuning.study.code_version", lambda: "newer")
    Study(grid(journal))

    assert "6 of its 6 trials were made by another version of the code" in caplog.text


# --- the plan ---


def test_draws_of_random_do_not_depend_on_what_has_finished(journal, tmp_path):
    study = Study(small_search(journal, n_trials=8))
    before = [study.point_at(position) for position in range(8)]
    finish_all(study)
    assert [trial.params for trial in study.trials()] == before
    assert [study.point_at(position) for position in range(8)] == before
    other = Study(small_search(f"journal:///{tmp_path}/other", n_trials=8, seed=1))
    assert other.point_at(0) != before[0]


def test_a_grid_is_the_plan_itself(journal):
    study = finish_all(Study(grid(journal)))
    points = [tuple(trial.params.values()) for trial in study.trials()]
    assert len(points) == 6
    assert set(points) == POINTS_OF_GRID


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_first_point_is_the_model_s_own_options_if_the_space_contains_them(journal, sampler):
    search = small_search(journal, WITH_START, sampler=sampler)
    own = search.options.model
    expected = {"model.hidden_size": own.hidden_size, "model.corruption": own.corruption}
    assert Study(search).point_at(0) == expected
    assert small_search(journal, RANGE).start is None


def test_tpe_repeats_in_one_process_even_if_a_trial_is_interrupted(tmp_path):
    plans = []
    for name in ("whole", "interrupted"):
        search = small_search(f"journal:///{tmp_path}/{name}", sampler="tpe", n_trials=15)
        study = Study(search)
        for trial_number in range(12):
            trial = study.claim()
            if name == "interrupted" and trial_number == 11:
                study.interrupt(trial.number)
                continue
            study.finish(trial, COMPLETE, trial.params["model.corruption"])
        plans.append([trial.params for trial in finish_all(study).trials()])
    assert plans[0] == plans[1]
    drawn = [plan["model.corruption"] for plan in plans[0]]
    independent = small_search(f"journal:///{tmp_path}/random", n_trials=15)
    assert drawn[:10] == [Study(independent).point_at(p)["model.corruption"] for p in range(10)]
    assert drawn[12] != Study(independent).point_at(12)["model.corruption"]


# --- which process gets which trial ---


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_two_workers_claim_every_position_once_and_none_too_many(storage, sampler):
    search = small_search(storage, GRID, sampler=sampler, n_trials=6)
    workers = [worker_on(search, "host-a:1"), worker_on(search, "host-b:1")]
    for _ in range(3):
        for study, trial in [(study, study.claim()) for study in workers]:
            study.finish(trial, COMPLETE, 1.0)
    assert [study.claim() for study in workers] == [None, None]
    assert positions(workers[0]) == list(range(6))


@pytest.mark.parametrize("checked", [True, False])
def test_of_two_that_claim_a_position_at_once_the_first_keeps_it(storage, monkeypatch, checked):
    search = grid(storage)
    slow, quick = worker_on(search, "host-a:1"), worker_on(search, "host-b:1")
    point_at, taken_meanwhile = slow.point_at, []

    def after_another_claim(position):
        """Between the look at the positions and the creation of the trial."""
        if not taken_meanwhile:
            taken_meanwhile.append(quick.claim())
        return point_at(position)

    monkeypatch.setattr(slow, "point_at", after_another_claim)
    if not checked:  # what happens without the check
        monkeypatch.setattr(slow, "_first_at", lambda position: slow.trials()[-1].number)
    mine = slow.claim()
    assert taken_meanwhile[0].user_attrs["position"] == 0
    assert mine.user_attrs["position"] == (1 if checked else 0)
    assert positions(slow) == ([0, 1] if checked else [0, 0])


def work(search):
    study = Study(search)
    while (trial := study.claim()) is not None:
        time.sleep(random.uniform(0, 0.01))
        study.finish(trial, COMPLETE, 1.0)


def test_whatever_process_is_killed_whenever_no_position_is_lost_or_complete_twice(tmp_path):
    search = small_search(f"sqlite:///{tmp_path}/study", n_trials=24)
    study, fork, delay = Study(search), multiprocessing.get_context("fork"), random.Random(0)

    def start():
        worker = fork.Process(target=work, args=[search])
        worker.start()
        return identity_of(worker.pid), worker

    workers = dict([start(), start()])
    for _ in range(5):
        while not (busy := workers.keys() & running_processes(study)):
            time.sleep(0.001)
        time.sleep(delay.uniform(0, 0.03))
        killed = workers.pop(min(busy))
        killed.kill()
        killed.join()
        workers |= [start()]
    for worker in workers.values():
        worker.join()
        assert worker.exitcode == 0
    assert Counter(positions(study, TrialState.COMPLETE)) == Counter(range(24))
    assert set(positions(study)) == set(range(24))
    points = [study.point_at(position) for position in range(24)]
    assert all(trial.params == points[trial.user_attrs["position"]] for trial in study.trials())
    reasons = [trial.user_attrs.get("interrupted") for trial in all_trials(study)]
    assert "interrupted" in reasons


@pytest.mark.parametrize("process", ["dead", "this"])
def test_a_trial_whose_process_has_died_is_claimed_again(storage, process):
    study = Study(grid(storage))
    if process == "dead":  # else an earlier process with the same id
        study = worker_on(grid(storage), dead_process())
    left = study.claim()
    again = Study(grid(storage)).claim()
    assert again.number == 1
    assert (again.user_attrs["position"], again.params) == (0, left.params)


def test_a_trial_of_another_host_is_left_to_it(journal):
    left = worker_on(grid(journal)).claim()
    study = finish_all(Study(grid(journal)))
    states = {trial.user_attrs["position"]: trial.state for trial in study.trials()}
    assert states.pop(left.user_attrs["position"]) == TrialState.RUNNING
    assert set(states.values()) == {TrialState.COMPLETE}
    assert len(states) == 5


def test_a_process_that_is_killed_while_it_interrupts_a_trial_loses_none(storage, monkeypatch):
    study = worker_on(grid(storage), dead_process())
    trial = study.claim()

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(study.storage, "set_trial_state_values", killed)
        study.interrupt(trial.number)
    assert sorted(positions(finish_all(Study(grid(storage))))) == list(range(6))


def test_a_finished_trial_cannot_be_interrupted(storage):
    study = Study(grid(storage))
    trial = study.claim()
    study.finish(trial, COMPLETE, 1.0)
    assert not study.interrupt(trial.number)
    assert positions(study, TrialState.COMPLETE) == [0]


# --- a database server, where no lock shows who is alive ---


@pytest.fixture
def on_a_server(tmp_path, monkeypatch):
    """A search whose storage is taken for a server."""
    monkeypatch.setattr(study_module, "study_file", lambda url: None)
    monkeypatch.setattr(study_module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(signs, "BEAT_SECONDS", 0.01)
    return grid(f"sqlite:///{tmp_path}/study")


def test_a_trial_of_another_host_is_given_back_when_it_is_silent_for_long(on_a_server, monkeypatch):
    left = worker_on(on_a_server).claim()
    study = finish_all(Study(on_a_server))
    assert len(positions(study, TrialState.COMPLETE)) == 5
    monkeypatch.setattr(signs, "SILENT_AFTER_SECONDS", 0)
    assert study.given_back()
    again = study.claim()
    assert (again.user_attrs["position"], again.params) == (0, left.params)
    assert again.number != left.number


def test_a_trial_of_another_host_that_gives_signs_is_left_to_it(on_a_server):
    elsewhere = worker_on(on_a_server)
    with elsewhere.alive(elsewhere.claim()):
        study = finish_all(Study(on_a_server))
        assert not study.given_back()
        assert positions(study, TrialState.RUNNING) == [0]


def test_a_trial_that_finishes_while_it_is_interrupted_counts(storage, monkeypatch):
    quick, slow = (worker_on(grid(storage), f"host-{name}:1") for name in "ab")
    trial, set_state = quick.claim(), slow.storage.set_trial_state_values

    def after_it_has_finished(*values, **state):
        quick.finish(trial, COMPLETE, 1.0)
        return set_state(*values, **state)

    monkeypatch.setattr(slow.storage, "set_trial_state_values", after_it_has_finished)
    assert not slow.interrupt(trial.number)
    assert positions(slow, TrialState.COMPLETE) == [0]
    assert slow.claim().user_attrs["position"] == 1


def test_a_silent_trial_is_one_whose_beat_has_not_changed_for_long(monkeypatch):
    watch, now = Watch(), [0.0]
    monkeypatch.setattr(signs.time, "monotonic", lambda: now[0])

    def is_silent(seconds, **attributes):
        now[0] = seconds
        return watch.is_silent(SimpleNamespace(number=0, user_attrs=attributes))

    late = signs.SILENT_AFTER_SECONDS + 1
    assert not is_silent(0, beat=1)
    assert not is_silent(late, beat=2)
    assert not is_silent(late + 2, beat=2)
    assert is_silent(2 * late + 1, beat=2)
    assert not is_silent(9 * late)  # of a version that gave no signs


# --- its name and its storage ---


def test_the_name_of_a_study_is_the_same_for_the_same_search_only():
    here, there = "sqlite:///x.db", "sqlite:///y.db"
    name = small_search(here).study_name
    assert name == small_search(there, n_trials=9, time_budget_seconds=5).study_name
    assert name != small_search(there, seed=1).study_name
    assert name != small_search(there, GRID).study_name
    assert name != replace(small_search(here), train=checkerboard(seed=1).train).study_name
    search = small_search(here)
    wider = replace(search, facts=search.facts | {"highest_rating": 10.0})
    assert name != wider.study_name
    assert small_search(here, study="mine").study_name == "mine"


def test_a_study_of_another_search_is_refused(journal):
    Study(small_search(journal, study="mine")).claim()
    with pytest.raises(ValueError, match="mine exists with another space"):
        Study(small_search(journal, GRID, study="mine"))
    assert Study(small_search(journal, study="mine")).trials()


def test_a_study_that_another_program_made_is_refused(journal):
    search = small_search(journal, study="mine")
    optuna.create_study(study_name="mine", storage=open_storage(journal)).ask()
    with pytest.raises(ValueError, match="mine exists with another format and options"):
        Study(search)


@pytest.mark.parametrize("scheme", ["sqlite", "journal"])
def test_a_file_that_is_no_storage_is_named_and_left_unchanged(tmp_path, scheme):
    file = tmp_path / "other.file"
    file.write_bytes(b"this is not a database" * 100)
    before = file.read_bytes()
    with pytest.raises(OSError, match=rf"tuning.storage: {scheme}:///.*other.file cannot be"):
        open_storage(f"{scheme}:///{file}")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////not/there/optuna.db",
        "journal:////not/there/x",
        "oracle://host/db",
        "a://b",
        "sqlite:////",
        "journal:////",
    ],
)
def test_a_storage_that_cannot_be_opened_is_named_with_the_fix(url):
    with pytest.raises(OSError, match=r"cannot be opened: .*\nName a writable place"):
        open_storage(url)


@pytest.mark.parametrize(
    "url", ["nosuch://ann:gehe1m@h/d", "sqlite+nosuch://:gehe1m@/d?pwd=gehe1m"]
)
def test_the_message_for_a_storage_has_no_password(url):
    with pytest.raises(OSError, match=r"\*\*\*@.* cannot be opened") as error:
        open_storage(url)
    assert "gehe1m" not in str(error.value)


def test_the_database_of_another_program_is_refused_and_left_unchanged(tmp_path):
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
    before = file.read_bytes()
    with pytest.raises(OSError, match="another program, such as MLflow: studies need a database"):
        open_storage(f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_a_storage_may_have_a_password_which_is_in_no_text_of_the_options():
    options = tuning_options(storage="postgresql://ann:gehe1m@h/d")
    assert options.storage == "postgresql://ann:gehe1m@h/d"
    assert "gehe1m" not in repr(options) + options.model_dump_json()
