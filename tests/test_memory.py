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


MAP_AN_ARRAY = """
import ctypes, sys
from collaborative_autoencoders import memory

class Allocated(ctypes.Structure):  # struct mallinfo2 of glibc
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

library = memory.glibc()
library.malloc.restype = ctypes.c_void_p
library.mallinfo2.restype = Allocated
with getattr(memory, sys.argv[1])():
    before = library.mallinfo2().hblkhd
    library.malloc(2**21)
    print(library.mallinfo2().hblkhd - before >= 2**21)
"""


@pytest.mark.skipif(glibc() is None, reason="only glibc has these options")
@pytest.mark.parametrize(("name", "is_own"), [("returned_memory", True), ("kept_memory", False)])
def test_an_array_has_memory_of_its_own_only_if_it_is_to_be_given_back(name, is_own):
    command = [sys.executable, "-c", MAP_AN_ARRAY, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(is_own)


PEAK = """
import subprocess, sys
from collaborative_autoencoders.memory import peak_memory

if sys.argv[1:]:
    print(peak_memory())
else:
    held = b"1" * 300_000_000
    subprocess.run([sys.executable, __file__, "started"], check=True)
    print(peak_memory())
"""


def test_the_peak_of_a_process_is_not_that_of_the_one_that_has_started_it(tmp_path):
    script = tmp_path / "peak.py"
    script.write_text(PEAK, encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    started, starting = map(int, done.stdout.split())
    assert 1_000_000 < started < 200_000_000
    assert 300_000_000 < starting < 600_000_000


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_a_system_without_glibc_is_left_as_it_is(monkeypatch, error):
    def refuse(name):
        raise error

    monkeypatch.setattr(memory, "ctypes", SimpleNamespace(CDLL=refuse))
    assert glibc() is None
    memory.let_threads_share_a_heap()
