"""Two processes that make the same file."""

import threading
import time

import pytest

from collaborative_autoencoders.tracking.files import lock_beside


def test_whoever_comes_second_waits(tmp_path):
    order = []

    def work(name):
        with lock_beside(tmp_path / "store.db"):
            order.append(name)
            time.sleep(0.2)
            order.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order in (["a", "a", "b", "b"], ["b", "b", "a", "a"])


def test_no_folder_is_made(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="there is no folder"),
        lock_beside(tmp_path / "not" / "there.db"),
    ):
        raise AssertionError("not reached")
    assert not (tmp_path / "not").exists()
