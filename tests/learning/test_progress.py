"""What a fit of hours says of its progress where there is no terminal."""

import logging

import pytest

from collaborative_autoencoders.learning import progress
from collaborative_autoencoders.learning.fit import Epoch
from collaborative_autoencoders.learning.progress import progress_bar, time_left


@pytest.fixture
def lines(monkeypatch, caplog):
    """Return the log lines of the epochs of a fit that each take so many seconds."""

    def of(seconds: float, done: int, epochs: int) -> list[str]:
        clock = [1000.0]
        monkeypatch.setattr(progress, "monotonic", lambda: clock[0])
        with caplog.at_level(logging.INFO), progress_bar("cdae", epochs) as show:
            for number in range(done + 1, epochs + 1):
                clock[0] += seconds
                show(Epoch(number, 0.5, 0.001, seconds, 0.25))
        return [record.getMessage() for record in caplog.records]

    return of


def test_the_time_left_of_a_fit_that_goes_on_is_that_of_the_epochs_to_come(lines):
    """Ten minutes an epoch, after epoch 37 of 40: 38 leaves two."""
    assert lines(600, done=37, epochs=40) == [
        "cdae: epoch 38 of 40  loss 0.5000  validation 0.2500  about 20 min left",
        "cdae: epoch 39 of 40  loss 0.5000  validation 0.2500  about 10 min left",
        "cdae: epoch 40 of 40  loss 0.5000  validation 0.2500  about 0 s left",
    ]


def test_the_log_has_a_line_a_minute_at_most(lines):
    found = lines(7, done=0, epochs=20)  # 140 seconds; a line from 60 s and 120 s on
    assert [line.split("  ")[0] for line in found] == [
        "cdae: epoch 9 of 20",
        "cdae: epoch 18 of 20",
    ]


def test_a_short_fit_is_not_in_the_log(lines):
    assert lines(2, done=0, epochs=20) == []


def test_the_time_is_in_a_unit_that_can_be_read_at_once():
    assert [time_left(seconds) for seconds in (89, 90, 5399, 9000)] == [
        "about 89 s left",
        "about 2 min left",
        "about 90 min left",
        "about 2.5 h left",
    ]
