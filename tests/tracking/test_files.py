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


def test_a_link_to_the_file_has_the_same_lock(tmp_path):
    link, file = tmp_path / "link" / "mine.db", tmp_path / "shared.db"
    link.parent.mkdir()
    link.symlink_to(file)
    assert lock_beside(link).lock_file == lock_beside(file).lock_file


def test_a_link_into_a_missing_folder_names_that_folder(tmp_path):
    (tmp_path / "mine.db").symlink_to(tmp_path / "unmounted" / "shared.db")
    with pytest.raises(FileNotFoundError, match="there is no folder .*unmounted"):
        lock_beside(tmp_path / "mine.db")
    assert not (tmp_path / "unmounted").exists()


def test_a_missing_folder_is_an_error_and_is_not_created(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="there is no folder"),
        lock_beside(tmp_path / "not" / "there.db"),
    ):
        raise AssertionError("not reached")
    assert not (tmp_path / "not").exists()
