"""Threads of a run share one heap, whose free memory glibc gives back."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from collaborative_autoencoders import memory
from collaborative_autoencoders.memory import glibc

COUNT_HEAPS = """
import ctypes, sys, threading
from collaborative_autoencoders.memory import let_threads_share_a_heap

if sys.argv[1] == "one":
    let_threads_share_a_heap()
together = threading.Barrier(4)

def allocate():
    held = bytearray(100_000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
library = ctypes.CDLL(None)
library.fopen.restype = ctypes.c_void_p
out = library.fopen(b"/dev/stdout", b"w")
library.malloc_info(0, ctypes.c_void_p(out))
library.fclose(ctypes.c_void_p(out))
"""


@pytest.mark.skipif(glibc() is None, reason="only glibc has heaps of threads")
def test_threads_share_one_heap_in_a_run_and_have_their_own_otherwise():
    def heaps(number: str) -> int:
        command = [sys.executable, "-c", COUNT_HEAPS, number]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.count("<heap nr=")

    assert heaps("one") == 1
    assert heaps("many") > 1


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_a_system_without_glibc_is_left_as_it_is(monkeypatch, error):
    def refuse(name):
        raise error

    monkeypatch.setattr(memory, "ctypes", SimpleNamespace(CDLL=refuse))
    assert glibc() is None
    memory.let_threads_share_a_heap()
