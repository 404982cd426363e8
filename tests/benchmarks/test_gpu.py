"""The benchmark of a card still runs: on the CPU, which it compares with itself."""

import sys

import projects
import pytest

from benchmarks import gpu


def test_the_cpu_has_the_losses_metrics_and_lists_of_itself(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(projects.REPOSITORY / "benchmarks")
    command = ["gpu.py", "--device", "cpu", "--movielens", str(tmp_path), "--ratings", "20000"]
    monkeypatch.setattr(sys, "argv", [*command, "--models", "cdae", "autorec", "--epochs", "2"])
    with pytest.raises(SystemExit) as ended:
        gpu.main()
    assert ended.value.code == 0
    *_, cdae, autorec = capsys.readouterr().out.splitlines()
    assert cdae.startswith("| cdae | 0.0e+00 | 0.0e+00 |")
    assert "| 100.00% |" in cdae
    assert autorec.startswith("| autorec | 0.0e+00 | 0.0e+00 |")
