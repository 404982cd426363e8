"""Ctrl-C and SIGTERM wait until what is written is whole."""

import signal

import pytest

from collaborative_autoencoders.tracking.interruptions import uninterrupted


def test_an_interruption_comes_when_it_is_done_and_not_before():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("whole")
    assert done == ["whole"]


def test_one_inside_another_is_interrupted_at_the_end_of_the_outer():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
        done.append("whole")
    assert done == ["whole"]


def test_handlers_are_what_they_were():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with uninterrupted():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
