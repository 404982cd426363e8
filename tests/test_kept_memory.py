"""Memory that is freed within a fit is used again, and given back after it."""

from types import SimpleNamespace

import pytest
from checkerboard import checkerboard
from model_options import RUNNING, options_of

from collaborative_autoencoders import memory as module
from collaborative_autoencoders.learning.fit_model import fit_model
from collaborative_autoencoders.memory import KEPT, USUAL, kept_memory

WORLD = checkerboard(20, 15)


def recording(monkeypatch) -> list[tuple[int, ...]]:
    """The calls of the C library, in order."""
    calls: list[tuple[int, ...]] = []
    record = SimpleNamespace(
        mallopt=lambda *given: calls.append(given), malloc_trim=lambda pad: calls.append((pad,))
    )
    monkeypatch.setattr(module, "glibc", lambda: record)
    return calls


def test_memory_is_kept_in_a_fit_and_given_back_after_it(monkeypatch):
    calls = recording(monkeypatch)
    fit_model(options_of("cdae"), False, RUNNING, WORLD.catalogue, **WORLD.parts)
    assert calls == [*KEPT.items(), *USUAL.items(), (0,)]


def test_memory_is_given_back_after_an_error(monkeypatch):
    calls = recording(monkeypatch)
    with pytest.raises(KeyError), kept_memory():
        raise KeyError
    assert calls[-1] == (0,)


def test_without_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(module, "glibc", lambda: None)
    with kept_memory():
        pass
