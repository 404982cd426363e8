"""A fit that is killed after any epoch goes on to the same bits, and repeats no epoch."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from collaborative_autoencoders.learning import checkpoints, fit
from collaborative_autoencoders.learning.checkpoints import FOLDER, read_state
from collaborative_autoencoders.learning.fit_model import Outcome, fit_model
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.models.bytes import model_to_bytes

WORLD = checkerboard()
NETWORKS = sorted(name for name, entry in MODELS.items() if entry.is_network)
AT_ONCE = RUNNING.model_copy(update={"checkpoint_seconds": 0})
SHORT = {"fitting__epochs": 3, "fitting__batch_size": 16}
AVERAGED = {"fitting__average_last": 0.5, "fitting__schedule": "cosine", "fitting__ensemble": 2}


class Killed(BaseException):
    """The end of a process."""


@pytest.fixture
def folder(tmp_path):
    token = FOLDER.set(tmp_path / "fit")
    yield tmp_path / "fit"
    FOLDER.reset(token)


@pytest.fixture
def epochs_run(monkeypatch):
    """A list with an entry for each pass over the rows."""
    passes, one_epoch = [], fit.one_epoch
    monkeypatch.setattr(fit, "one_epoch", lambda *given: passes.append(given) or one_epoch(*given))
    return passes


@pytest.fixture
def killed_after_each_epoch(monkeypatch):
    """Raise Killed after each checkpoint."""
    write = checkpoints.write_state

    def write_and_die(path, state):
        write(path, state)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_state", write_and_die)
        yield patch


def outcome_of(name: str = "cdae", running: Any = AT_ONCE, **changes: Any) -> Outcome:
    options = options_of(name, **SHORT | changes)
    return fit_model(options, True, running, WORLD.catalogue, **WORLD.parts)


def outcome_in_pieces(name: str, **changes: Any) -> Outcome:
    for _ in range(30):
        try:
            return outcome_of(name, **changes)
        except Killed:
            pass
    raise AssertionError("the fit does not go on")


def bits_of(outcome: Outcome) -> Any:
    """All that comes out of a fit but seconds."""
    models = [model_to_bytes(each) for each in (outcome.fitted, outcome.on_train)]
    history = [epoch._replace(epoch_seconds=0) for epoch in outcome.history]
    return models, history, outcome.best_epoch, outcome.chosen, outcome.remarks


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((name, AVERAGED) for name in NETWORKS),
        ("cdae", {"fitting__optimizer": "sgd", "fitting__ensemble": 2}),
        ("cdae", {"fitting__epochs": 9, "fitting__patience": 1, "fitting__learning_rate": 0.3}),
        ("autorec", {"fitting__validation_metric": None, "fitting__patience": None}),
    ],
)
def test_a_fit_that_is_killed_after_each_epoch_ends_with_the_same_bits(
    folder, epochs_run, request, name, changes
):
    whole = outcome_of(name, RUNNING, **changes)
    passes = len(epochs_run)
    request.getfixturevalue("killed_after_each_epoch")
    assert bits_of(outcome_in_pieces(name, **changes)) == bits_of(whole)
    assert len(epochs_run) == 2 * passes, "an epoch was run again"


def test_a_fit_that_stops_early_is_one_of_those(epochs_run):
    """One of the fits above stops before its last epoch."""
    changes = {"fitting__epochs": 9, "fitting__patience": 1, "fitting__learning_rate": 0.3}
    assert len(outcome_of("cdae", **changes).history) < 9


def test_a_fit_goes_on_with_the_products_that_began_it(folder, request, monkeypatch):
    """They are of the checkpoint, also where `auto` would now take another library."""
    kept = kept_by_a_fit_that_was_killed(folder, request)
    about, _ = read_state(kept, torch.device("cpu"))
    assert about["matrix_products"] == "torch"
    asked: list[str] = []
    monkeypatch.setattr(checkpoints, "go_on_with", asked.append)
    outcome_in_pieces("cdae")
    assert asked
    assert set(asked) == {"torch"}


def kept_by_a_fit_that_was_killed(folder: Path, request: Any) -> Path:
    request.getfixturevalue("killed_after_each_epoch")
    with pytest.raises(Killed):
        outcome_of()
    (kept,) = folder.iterdir()
    return kept


def cut(kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:-100])


def change_a_value(kept: Path) -> None:
    content = bytearray(kept.read_bytes())
    content[-3] ^= 1
    kept.write_bytes(content)


def change_the_header(kept: Path) -> None:
    kept.write_bytes(kept.read_bytes().replace(b"crc32", b"crc33"))


@pytest.mark.parametrize("damage", [cut, change_a_value, change_the_header])
def test_a_damaged_checkpoint_is_ignored_with_a_warning(folder, request, caplog, damage):
    damage(kept_by_a_fit_that_was_killed(folder, request))
    whole = outcome_of(running=RUNNING)
    request.getfixturevalue("killed_after_each_epoch").undo()
    assert bits_of(outcome_of()) == bits_of(whole)
    (warned,) = (each for each in caplog.records if each.levelno == logging.WARNING)
    assert "cdae: starts anew; cannot use" in warned.getMessage()


def test_a_checkpoint_that_is_not_whole_replaces_none(folder, request, monkeypatch):
    kept = kept_by_a_fit_that_was_killed(folder, request)
    before = kept.read_bytes()

    def write_half(tensors, path, metadata):
        path.write_bytes(before[: len(before) // 2])
        raise Killed

    request.getfixturevalue("killed_after_each_epoch").undo()
    monkeypatch.setattr(checkpoints, "save_file", write_half)
    with pytest.raises(Killed):
        outcome_of()
    assert kept.read_bytes() == before


def test_a_full_disk_ends_no_fit(folder, monkeypatch, caplog):
    def fill(tensors, path, metadata):
        path.write_bytes(b"part")
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", fill)
    assert bits_of(outcome_of()) == bits_of(outcome_of(running=RUNNING))
    assert "the fit goes on without a new checkpoint" in caplog.text
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("seconds", [3600, None])
def test_a_fit_that_ends_before_it_is_time_writes_nothing(folder, seconds):
    outcome_of(running=RUNNING.model_copy(update={"checkpoint_seconds": seconds}))
    assert not folder.exists()


def test_a_phase_that_has_a_checkpoint_is_kept_when_it_is_over(folder, request):
    """So a later phase that is killed does not run its last epochs again."""
    kept = kept_by_a_fit_that_was_killed(folder, request)
    with pytest.raises(Killed):
        outcome_of(running=RUNNING.model_copy(update={"checkpoint_seconds": 3600}))
    about, _ = checkpoints.read_state(kept, torch.device("cpu"))
    assert [number for number, *_ in about["history"]] == [1, 2, 3]
