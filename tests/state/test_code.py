"""The version of the code changes with what decides the files in data/, and with nothing else."""

import pytest

from collaborative_autoencoders.state import code


@pytest.mark.parametrize(
    ("file", "decides"),
    [
        ("models/cdae.py", True),
        ("hooks/own_data.py", True),  # how the ids of own tables are read
        ("hooks/progress.py", False),
        ("page/app.py", False),
    ],
)
def test_the_version_changes_with_the_code_that_decides_values(
    monkeypatch, tmp_path, file, decides
):
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    changed = tmp_path / file
    changed.parent.mkdir()
    changed.write_text("one = 1")
    before = code.version_of(code.sources())
    changed.write_text("one = 2")
    assert (code.version_of(code.sources()) != before) == decides


def test_a_source_that_changes_while_the_process_runs_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    for name in ("same", "edited", "removed"):
        (tmp_path / f"{name}.py").write_text("one = 1")
    read = code.sources()
    monkeypatch.setattr(code, "sources_at_start", lambda: read)
    assert code.changed_since() == []
    (tmp_path / "edited.py").write_text("one = 2")
    (tmp_path / "removed.py").unlink()
    (tmp_path / "new.py").write_text("one = 1")
    assert code.changed_since() == ["edited.py", "new.py", "removed.py"]
    assert code.version_of(read) != code.version_of(code.sources())
