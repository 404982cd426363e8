"""A file is whole or not there, whatever interrupts its writing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from collaborative_autoencoders.datasets.writing import (
    open_beside_and_rename,
    write_beside_and_rename,
)

WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from collaborative_autoencoders.datasets.writing import write_beside_and_rename
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
write_beside_and_rename(Path(sys.argv[1]), b"new")
"""


def test_the_bytes_arrive_and_folders_are_made(tmp_path: Path) -> None:
    write_beside_and_rename(tmp_path / "a" / "b" / "file", b"first")
    write_beside_and_rename(tmp_path / "a" / "b" / "file", b"second")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"second"
    assert [file.name for file in (tmp_path / "a" / "b").iterdir()] == ["file"]


@pytest.mark.parametrize("blow", [OSError("No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blow: BaseException
) -> None:
    def fail(_: int) -> None:
        raise blow

    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(blow)):
        write_beside_and_rename(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    died = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, tmp_path / "file"], check=False)
    assert died.returncode == -signal.SIGKILL
    assert (tmp_path / "file").read_bytes() == b"old"
    assert len(list(tmp_path.glob(".file.*.partial"))) == 1


def test_the_next_write_into_the_folder_deletes_what_killed_processes_left(tmp_path: Path) -> None:
    (tmp_path / ".killed.7-0123abcd.partial").touch()
    (tmp_path / ".killed.99999999.partial").touch()  # as older versions named it
    (tmp_path / ".of.another.program.partial").touch()
    with open_beside_and_rename(tmp_path / "slow") as slow:
        write_beside_and_rename(tmp_path / "file", b"new")
        slow.write(b"whole")
    assert (tmp_path / "slow").read_bytes() == b"whole"
    left = sorted(file.name for file in tmp_path.iterdir())
    assert left == [".of.another.program.partial", "file", "slow"]


def test_a_file_has_the_rights_that_files_usually_get(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    write_beside_and_rename(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode
