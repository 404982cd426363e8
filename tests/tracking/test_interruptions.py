"""Ctrl-C and SIGTERM are delayed until a block of code is done."""

import signal

import pytest

from collaborative_autoencoders.tracking.interruptions import uninterrupted


@pytest.fixture(autouse=True)
def ctrl_c_interrupts():
    """The usual handler of Ctrl-C. Tests that run in the background inherit that it is ignored."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


def test_an_interruption_is_raised_at_the_end_of_the_block():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("whole")
    assert done == ["whole"]


def test_an_inner_block_is_interrupted_at_the_end_of_the_outer_block():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
        done.append("whole")
    assert done == ["whole"]


def test_the_handlers_are_restored():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with uninterrupted():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
