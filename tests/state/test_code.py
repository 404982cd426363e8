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
    before = code.code_version.__wrapped__()
    changed.write_text("one = 2")
    assert (code.code_version.__wrapped__() != before) == decides
