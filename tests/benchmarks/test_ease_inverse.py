"""The benchmark of EASE's inverse still runs."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import ease_inverse

    monkeypatch.setattr(ease_inverse, "FLOAT32", 0)
    return ease_inverse


def test_both_fits_of_a_small_table_give_the_same_lists(script, monkeypatch, capsys):
    words = ["ease_inverse.py", "--ratings", "3000", "--factors", "1", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", words)
    script.main()
    said = capsys.readouterr().out
    assert "penalty x 1: " in said
    assert said.endswith("the same lists for 100.00%\n")
