"""`kedro run` takes its parameters as they are typed."""

import click
import pytest
from kedro.framework.cli.cli import KedroCLI
from projects import REPOSITORY

from collaborative_autoencoders import __main__, cli

OPTION = next(option for option in cli.run.params if option.name == "params")


def typed(params: str) -> dict:
    return OPTION.process_value(click.Context(cli.run), params)


@pytest.mark.parametrize("name", ["2024_01", "010", "007", "1e3", "8", "true", "12:30:00", "a/7"])
def test_outputs_is_the_text_that_was_typed(name):
    assert typed(f"split.seed=7,outputs={name}") == {"split": {"seed": 7}, "outputs": name}


@pytest.mark.parametrize(
    ("params", "base"),
    [("split.seed=010", 8), ("a=-0_7", 8), ("a=12:30:00", 60)],
)
def test_a_number_of_another_base_is_refused(params, base):
    with pytest.raises(click.BadParameter, match=f"read as a number of base {base}"):
        typed(params)


def test_decimal_numbers_and_texts_are_read_as_kedro_reads_them():
    params = """a=10,b=-0.5,c=1e-3,d=0,e="010",f=x:010,g=2019-01-05,h=null"""
    expected = {"a": 10, "b": -0.5, "c": 1e-3, "d": 0, "e": "010", "f": "x:010", "g": "2019-01-05"}
    assert typed(params) == expected | {"h": None}
    assert typed("") == {}


def test_kedro_and_the_installed_package_use_this_command():
    assert KedroCLI(REPOSITORY).get_command(click.Context(cli.cli), "run") is cli.run
    assert __main__.run is cli.run
