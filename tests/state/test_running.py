"""One run at a time writes a set of files."""

import subprocess
import sys
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from collaborative_autoencoders.state.content import Stored
from collaborative_autoencoders.state.messages import busy
from collaborative_autoencoders.state.running import Busy, Claim, Running, names_of

CHILD = """
import sys
from pathlib import Path
from collaborative_autoencoders.state.running import Claim, Running
running = Running(Path(sys.argv[1]))
running.claim(Claim.of("kedro run --env mine", [], ["a"], None))
print("claimed", flush=True)
sys.stdin.read()
"""


def claim(reads="", writes="", shared=None) -> Claim:
    return Claim.of("kedro run", reads, writes, shared)


@pytest.fixture
def other_process(tmp_path):
    """A process that writes file `a` until it is killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "claimed\n"
    yield child
    child.kill()
    child.communicate()


def test_a_second_run_is_refused_until_the_first_is_killed(tmp_path, other_process):
    running = Running(tmp_path)
    with pytest.raises(Busy) as caught:
        running.claim(claim(writes="a"))
    holder = caught.value.holder
    assert (holder.pid, holder.command) == (other_process.pid, "kedro run --env mine")
    other_process.kill()
    other_process.wait()
    running.claim(claim(writes="a"))
    running.release()
    assert [path.name for path in tmp_path.iterdir()] == ["alone"]


def test_runs_that_share_no_file_that_one_of_them_writes_run_at_once(tmp_path):
    first, second = Running(tmp_path), Running(tmp_path)
    first.claim(claim(reads="a", writes="b"))
    second.claim(claim(reads="a", writes="c"))
    first.release()
    second.release()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (claim(writes="a"), claim(writes="ab")),
        (claim(reads="a"), claim(writes="a")),
        (claim(writes="a", shared="one search"), claim(writes="a", shared="another")),
        (claim(writes="a", shared="one search"), claim(writes="a")),
    ],
)
def test_runs_that_could_mix_exclude_each_other(ours, theirs):
    assert ours.excludes(theirs)
    assert theirs.excludes(ours)


def test_workers_of_one_search_do_not_exclude_each_other():
    assert not claim(writes="a", shared="x").excludes(claim(writes="a", shared="x"))


MODEL = "06_models/test/cdae.safetensors"


def of(data: Path, file: str = MODEL) -> set[str]:
    """The names of a file in the data of a project."""
    return names_of(Stored.local(data / file), data)


def test_runs_that_reach_one_file_by_two_paths_exclude_each_other(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    assert claim(reads=of(real)).excludes(claim(writes=of(link)))
    assert claim(writes=of(link)).excludes(claim(writes=of(real)))
    assert not claim(writes=of(real)).excludes(claim(writes=of(link, "train.npz")))
    elsewhere = tmp_path / "data"  # of a project that names a file of another one's data
    assert claim(writes=names_of(Stored.local(link / MODEL), elsewhere)).excludes(
        claim(writes=of(real))
    )


def test_containers_that_mount_one_folder_elsewhere_exclude_each_other():
    here, there = Path("/srv/project/data"), Path("/app/data")
    assert claim(writes=of(here)).excludes(claim(reads=of(there)))
    outside = Stored.local(Path("/srv/tables/06_models/test/cdae.safetensors"))
    assert not claim(writes=names_of(outside, here)).excludes(claim(writes=of(there)))


def test_a_claim_of_an_older_version_has_the_path_as_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    written = (tmp_path / "link" / MODEL).as_posix()
    assert claim(writes=[written]).excludes(claim(writes=of(tmp_path / "link")))
    assert not claim(writes=[written]).excludes(claim(writes=of(tmp_path / "link", "train.npz")))


def test_a_file_in_a_store_has_its_path_alone():
    stored = Stored(MemoryFileSystem(), "/data/06_models/cdae.safetensors")
    assert names_of(stored, Path("/data")) == {stored.path}


def test_the_message_says_who_and_two_ways_on():
    holder = claim()
    text = busy(holder, "kedro run --params outputs=NAME")
    for part in (str(holder.pid), holder.host, holder.since, holder.command):
        assert part in text
    assert "Wait" in text
    assert text.endswith("kedro run --params outputs=NAME")


def test_the_file_of_a_claim_that_is_not_valid_is_not_in_the_way(tmp_path):
    running = Running(tmp_path)
    (tmp_path / "0.json").write_text("{")
    running.claim(claim(writes="a"))
    running.release()
    assert not list(Path(tmp_path).glob("*.json"))
