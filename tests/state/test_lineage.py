"""A stored file is checked against what made it."""

import json
import os
import shutil
from pathlib import Path

import fsspec
import pytest

from collaborative_autoencoders.state.content import UNSEEN, Content, Stored
from collaborative_autoencoders.state.lineage import Kind, Lineage, Step
from collaborative_autoencoders.state.messages import listed, made_with, mixture
from collaborative_autoencoders.state.record import parameters_of, read_record, write_record

SPLIT = Step("split", "split", ("split",), ("table",), ("train",))
FIT = Step("cdae.fit", "fit", ("cdae",), ("train",), ("fitted",))
SCORE = Step("cdae.score", "score", ("k",), ("fitted", "train"), ("scores",))
OTHER_SPLIT = Step("update.split", "split", ("split",), ("table",), ("train",))
FIT_TOO = Step("vae.fit", "fit", (), ("train",), ("fitted_too",))
SCORE_ALL = Step("cdae.score", "score", ("k",), ("fitted", "fitted_too", "train"), ("scores",))
OPTIONS = {"split": {"seed": 1}, "cdae": {"size": 200, "rates": [0.1]}, "k": 10}


class World:
    """Three steps whose files hold a text; what a step writes is a function of what it reads."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.table, self.code = folder, "ratings", "version 1"

    def stored(self, name: str) -> Stored:
        return Stored.local(self.folder / name)

    def lineage(self, of_run=(), **options) -> Lineage:
        def raw(name, known):
            return Content(self.table, 0, 0)

        steps = (SPLIT, FIT, FIT_TOO, SCORE_ALL, SCORE, OTHER_SPLIT)
        return Lineage(steps, self.stored, raw, OPTIONS | options, self.code, of_run)

    def run(self, *steps: Step, **options) -> None:
        lineage = self.lineage(**options)
        for step in steps:
            read = [lineage.content(name).digest for name in step.inputs]
            given = parameters_of(step.parameters, OPTIONS | options)
            for name in step.outputs:
                Path(self.stored(name).path).write_text(json.dumps([read, given]))
                write_record(self.stored(name), lineage.record(step, self.stored(name).content()))

    def reasons(self, *names: str, events=frozenset(), **options) -> list[str]:
        return [str(each) for each in self.lineage(**options).problems(names, events)]


def test_what_no_record_is_of_is_made_by_the_first_pipeline_that_makes_it(world):
    assert world.lineage().step_of("train") == SPLIT


def test_what_a_step_works_with_has_no_fingerprint_if_an_input_is_in_no_file(world):
    def stored(name):
        return None if name == "train" else world.stored(name)

    files = world.lineage().fingerprint(FIT)
    assert files == world.lineage().fingerprint(FIT)
    assert files != world.lineage(cdae={"size": 5, "rates": [0.1]}).fingerprint(FIT)
    in_memory = Lineage((SPLIT, FIT), stored, lambda name, known: None, OPTIONS, world.code)
    assert in_memory.fingerprint(FIT) is None


@pytest.fixture
def world(tmp_path) -> World:
    world = World(tmp_path)
    world.run(SPLIT, FIT, SCORE)
    return world


def test_what_a_whole_run_has_written_is_valid(world):
    assert world.reasons("scores", "fitted", "train") == []


def test_another_option_is_named_with_both_values(world):
    other = {"cdae": {"size": 5, "rates": [0.1]}}
    assert world.reasons("scores", **other) == ["fitted: cdae.size was 200, is 5"]
    assert world.reasons("train", **other) == []


def test_what_was_made_before_a_later_fit_is_not_valid(world):
    """The scores are of the model with 200 units; the model beside them has 5."""
    other = {"cdae": {"size": 5, "rates": [0.1]}}
    world.run(FIT, **other)
    assert world.reasons("scores", **other) == ["scores: was made from another fitted"]
    assert world.reasons("scores") == ["fitted: cdae.size was 5, is 200"]


def test_a_step_that_writes_the_same_again_leaves_the_rest_valid(world):
    world.run(SPLIT, split={"seed": 2})
    assert world.reasons("scores", split={"seed": 2}) == ["fitted: was made from another train"]
    world.run(SPLIT)
    assert world.reasons("scores") == []


def test_another_raw_table_is_the_cause_and_is_named_once(world):
    world.table = "other ratings"
    assert world.reasons("scores", "fitted") == ["train: was made from another table"]


def test_a_file_that_was_changed_by_hand_is_named(world):
    path = Path(world.stored("fitted").path)
    path.write_text(path.read_text().replace("200", "201"))
    assert world.reasons("scores") == [f"fitted: {path} has changed since cdae.fit wrote it"]


def test_a_file_of_the_same_size_and_time_is_not_read_again(world, monkeypatch):
    def refuse(*_):
        raise AssertionError("the file was read")

    monkeypatch.setattr("hashlib.file_digest", refuse)
    assert world.reasons("scores") == []


@pytest.mark.parametrize("folder", [False, True])
def test_another_file_with_the_size_and_time_of_the_former_is_seen(tmp_path, folder):
    file = tmp_path / "raw" / "ratings.csv"
    file.parent.mkdir()
    file.write_text("1,2,5")
    stored = Stored.local(file.parent if folder else file)
    before, times = stored.content(), file.stat()
    other = tmp_path / "other.csv"
    other.write_text("1,2,4")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    shutil.copy2(other, file)  # as `cp -p` does
    assert not stored.content(before).same_as(before)


def test_a_record_of_an_earlier_version_with_another_number_of_the_time_holds(tmp_path):
    file = tmp_path / "ratings.csv"
    file.write_text("1,2,5")
    content = Stored.local(file).content()
    former = content._replace(modified=file.stat().st_mtime_ns)
    assert Stored.local(file).content(former) == content
    assert content.same_as(former)


def test_a_copied_file_is_still_valid(world):
    path = Path(world.stored("fitted").path)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert world.reasons("scores") == []


def test_a_deleted_file_still_has_its_options(world):
    Path(world.stored("fitted").path).unlink()
    problems = world.lineage().problems(["scores"])
    assert [(each.dataset, each.kind) for each in problems] == [("fitted", Kind.MISSING)]
    other = {"cdae": {"size": 5, "rates": [0.1]}}
    assert world.reasons("scores", **other) == ["fitted: cdae.size was 200, is 5"]


@pytest.mark.parametrize("text", [None, "", "{}", '{"step": "cdae.fit"'])
def test_without_a_valid_record_nothing_is_known(world, text):
    record = Path(world.stored("fitted").record)
    record.unlink() if text is None else record.write_text(text)
    assert world.reasons("scores") == ["fitted: has no record of what made it"]


def test_other_code_is_a_problem_of_every_step(world):
    world.code = "version 2"
    kinds = {each.kind for each in world.lineage().problems(["scores"])}
    assert kinds == {Kind.OTHER_CODE}
    world.run(FIT)
    assert world.lineage().codes(["scores"]) == {
        "split": {"version 1"},
        "fit": {"version 2"},
        "score": {"version 1"},
    }


def test_another_train_is_seen_beside_other_code_and_an_unknown_part(world):
    world.run(SPLIT, split={"seed": 2})
    world.code = "version 2"
    reasons = world.reasons("scores", split={"seed": 2})
    assert "fitted: was made from another train" in reasons

    world.code = "version 1"
    Path(world.stored("train").record).unlink()
    reasons = world.reasons("scores", split={"seed": 2})
    assert reasons == [
        "train: has no record of what made it",
        "fitted: was made from another train",
    ]


def test_a_dataset_of_several_pipelines_is_checked_by_the_step_that_made_it(world):
    """The pipeline of all models compares one more, under the same name."""
    world.run(FIT_TOO, SCORE_ALL)
    assert world.reasons("scores") == []
    path = Path(world.stored("fitted_too").path)
    path.write_text("another")
    assert world.reasons("scores") == [f"fitted_too: {path} has changed since vae.fit wrote it"]


def test_a_run_takes_nothing_that_another_pipeline_made_from_other_inputs(world):
    def reasons():
        return [
            str(each) for each in world.lineage(of_run=(SPLIT, FIT, SCORE)).problems(["scores"])
        ]

    assert reasons() == []
    world.run(FIT_TOO, SCORE_ALL)
    assert reasons() == ["scores: was made from another fitted_too"]
    world.run(OTHER_SPLIT)
    assert reasons()[0] == "train: was made by update.split"


def test_a_record_has_the_input_as_it_was_read(world):
    read = {"table": Content(world.table, 0, 0)}
    world.table = "replaced while the split worked"
    content = world.stored("train").content()

    write_record(world.stored("train"), world.lineage().record(SPLIT, content, read))

    assert world.reasons("train") == ["train: was made from another table"]


def test_a_table_that_is_downloaded_when_it_is_read_has_the_content_of_the_download(world):
    before = {"table": UNSEEN._replace(entry="catalog entry")}
    content = world.stored("train").content()

    write_record(world.stored("train"), world.lineage().record(SPLIT, content, before))

    assert world.reasons("train") == []


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_a_folder_is_another_if_two_of_its_files_are_exchanged(scheme, tmp_path):
    fs, folder = fsspec.filesystem(scheme), f"{tmp_path.as_posix()}/parts"
    for name in ("train.csv", "test.csv"):
        fs.makedirs(folder, exist_ok=True)
        fs.pipe_file(f"{folder}/{name}", name.encode().ljust(9))
    stored = Stored(fs, folder)
    before = stored.content()
    assert stored.content(before).same_as(before)

    for old, new in (("train.csv", "x"), ("test.csv", "train.csv"), ("x", "test.csv")):
        fs.mv(f"{folder}/{old}", f"{folder}/{new}")

    assert not stored.content(before).same_as(before)


def test_an_event_stays_valid_as_it_was_written(world):
    other = {"cdae": {"size": 5, "rates": [0.1]}}
    assert world.reasons("scores", events={"score"}, **other) == []
    path = Path(world.stored("scores").path)
    path.write_text("other scores")
    changed = f"scores: {path} has changed since cdae.score wrote it"
    assert world.reasons("scores", events={"score"}, **other) == [changed]


def test_a_record_holds_no_uri(world):
    given = parameters_of(("storage",), {"storage": {"url": "postgresql://me:secret@host/db"}})
    assert "secret" not in str(given)
    other = parameters_of(("storage",), {"storage": {"url": "postgresql://me:secret@host/other"}})
    assert given != other


def test_records_are_kept_on_any_file_system(world):
    fs = fsspec.filesystem("memory")
    stored = Stored(fs, "/lineage/train")
    fs.pipe_file(stored.path, b"text")
    record = world.lineage().record(SPLIT, stored.content())
    write_record(stored, record)
    assert read_record(stored) == record
    assert stored.content().same_as(record.content)


def test_the_message_groups_causes_and_proposes_the_former_options(world):
    problems = world.lineage(split={"seed": 2}, k=5).problems(["scores"])
    text = mixture(problems, "kedro run --from-nodes split")
    assert "  train: split.seed was 1, is 2\n  scores: k was 10, is 5\n" in text
    assert text.endswith("--params split.seed=1,k=10")
    assert made_with(world.lineage(cdae={"size": 5}).problems(["scores"])) is None  # a list


def test_of_many_causes_some_are_shown_and_the_rest_is_counted(world):
    many = [
        each._replace(dataset=f"{number}.fitted", reason=f"reason {number // 2}")
        for number in range(16)
        for each in world.lineage(k=5).problems(["scores"])
    ]
    lines = listed(many)
    assert lines[0] == "  0.fitted, 1.fitted: reason 0"
    assert lines[-1] == "  and 3 more"
