"""The lock of a file that two processes create."""

import threading
import time

import pytest

from collaborative_autoencoders.tracking.files import lock_beside


def test_the_second_waits_until_the_first_is_done(tmp_path):
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


def test_a_missing_folder_is_an_error_and_is_not_created(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="there is no folder"),
        lock_beside(tmp_path / "not" / "there.db"),
    ):
        raise AssertionError("not reached")
    assert not (tmp_path / "not").exists()
