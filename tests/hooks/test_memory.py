"""Memory is given back before each node."""

import sys
from types import SimpleNamespace

from collaborative_autoencoders import memory
from collaborative_autoencoders.hooks import MemoryHook


def test_memory_is_given_back_once_before_the_loads_of_a_node_and_once_before_it_runs(monkeypatch):
    hook, calls = MemoryHook(), []
    monkeypatch.setattr(memory, "glibc", lambda: SimpleNamespace(malloc_trim=calls.append))
    for node in ("first", "first", "second"):
        hook.before_dataset_loaded(node=SimpleNamespace(name=node))
    assert len(calls) == 2
    hook.before_node_run()
    assert len(calls) == 3


def test_a_system_without_the_call_of_glibc_gives_back_what_pyarrow_keeps(monkeypatch):
    released = []
    pool = SimpleNamespace(release_unused=lambda: released.append(True))
    pyarrow = SimpleNamespace(default_memory_pool=lambda: pool)
    monkeypatch.setitem(sys.modules, "pyarrow", pyarrow)
    monkeypatch.setattr(memory, "glibc", lambda: None)
    MemoryHook().before_node_run()
    assert released == [True]
