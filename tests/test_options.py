"""Options take a value as it is written, or refuse it: nothing is converted to another type."""

from typing import Annotated

import pytest
from annotated_types import Gt
from model_options import parameters_of
from pydantic import TypeAdapter, ValidationError

from collaborative_autoencoders.hooks.parameters import check_parameters
from collaborative_autoencoders.options import Count, Options
from collaborative_autoencoders.pipeline_registry import register_pipelines

PIPELINES = register_pipelines()


class Some(Options):
    count: Count
    share: Annotated[float, Gt(0)]
    is_on: bool
    sizes: list[Count]
    rating: float | None


GOOD = {"count": 3, "share": 0.5, "is_on": True, "sizes": [1, 2], "rating": None}


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("count", True),
        ("count", "3"),
        ("count", 2.5),
        ("count", 2**31),
        ("share", True),
        ("share", "0.5"),
        ("share", float("nan")),
        ("share", 1e-300),
        ("share", 10**400),
        ("is_on", 1),
        ("is_on", "yes"),
        ("sizes", [True]),
        ("sizes", ["3"]),
        ("rating", False),
    ],
)
def test_a_value_of_another_type_is_refused(key, wrong):
    with pytest.raises(ValidationError) as caught:
        Some.model_validate(GOOD | {key: wrong})
    assert {error["loc"][0] for error in caught.value.errors()} == {key}


def test_a_whole_number_is_one_however_it_is_written():
    given = GOOD | {"count": 1e3, "share": 1, "sizes": [10.0, 20], "rating": 4}
    assert Some.model_validate(given).model_dump() == GOOD | {
        "count": 1000,
        "share": 1.0,
        "sizes": [10, 20],
        "rating": 4.0,
    }


def leaves(block, key=""):
    """Every key of the parameters with its value, but for the search spaces."""
    for name, value in block.items():
        if isinstance(value, dict) and name != "search_spaces":
            yield from leaves(value, f"{key}{name}.")
        else:
            yield f"{key}{name}", value


def put(parameters, dotted, value):
    *way, last = dotted.split(".")
    for key in way:
        parameters = parameters[key]
    parameters[last] = value


def changed(dotted, value):
    parameters = parameters_of("base")
    put(parameters, dotted, value)
    return parameters


NUMBERS = [
    key
    for key, value in leaves(parameters_of("base"))
    if isinstance(value, int | float) and not isinstance(value, bool)
]


def test_no_number_of_the_configuration_takes_true_text_a_list_or_a_block():
    assert len(NUMBERS) > 70
    for wrong in (True, "3", [], {}):
        parameters = parameters_of("base")
        for key in NUMBERS:
            put(parameters, key, wrong)
        with pytest.raises(ValueError, match="parameters") as caught:
            check_parameters(parameters, PIPELINES)
        named = {line.strip().partition(":")[0] for line in str(caught.value).splitlines()}
        shared = {key for key in NUMBERS if ".fitting." in key}  # reported once, as fitting.…
        assert set(NUMBERS) - shared <= named


@pytest.mark.parametrize("wrong", [[], 3, "cdae", None])
@pytest.mark.parametrize("key", ["cdae", "cdae.model", "cdae.fitting", "cleaning.columns", "core"])
def test_a_block_that_is_a_list_a_number_or_text_is_an_error_with_its_key(key, wrong):
    with pytest.raises(ValueError) as caught:
        check_parameters(changed(key, wrong), PIPELINES)
    assert f"\n  {key.removesuffix('.fitting')}" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("autorec.model.fallback", -1),
        ("autorec_user.model.fallback", 5.5),
        ("core.like_threshold", 0),
        ("core.min_rating", 6),
    ],
)
def test_an_option_that_is_a_rating_lies_on_the_scale(key, value):
    with pytest.raises(ValueError, match=f"{key}: {value} lies outside the scale from 1 to 5"):
        check_parameters(changed(key, value), PIPELINES)


def test_an_option_of_several_types_is_named_by_its_own_key():
    with pytest.raises(ValueError) as caught:
        check_parameters(changed("autorec.model.fallback", True), PIPELINES)
    keys = {line.strip().partition(":")[0] for line in str(caught.value).splitlines()[1:]}
    assert keys == {"autorec.model.fallback"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fitting.ensemble", 10**7),
        ("cdae.model.hidden_size", 10**9),
        ("mf.model.factors", 10**9),
        ("autorec.model.hidden_sizes", [10**9]),
        ("autorec.model.hidden_sizes", []),
        ("autorec.model.hidden_sizes", [5] * 1000),
        ("evaluation.k", []),
        ("evaluation.k", [10, 10]),
        ("evaluation.bootstrap_resamples", 10**9),
        ("running.threads", 10**6),
        ("fitting.batch_size", 10**30),
        ("fitting.seed", 2**64),
    ],
)
def test_a_number_that_no_machine_can_hold_is_refused(key, value):
    with pytest.raises(ValueError, match=f"\n  {key}"):
        check_parameters(changed(key, value), PIPELINES)


def test_a_search_space_takes_a_value_as_the_option_does():
    from collaborative_autoencoders.tuning.space import read_space

    assert TypeAdapter(int).validate_python(True) == 1  # what pydantic does if it is not strict
    for wrong in (True, "8"):
        with pytest.raises(ValueError, match="model.hidden_size"):
            read_space("cdae", {"model": {"hidden_size": [4, wrong]}})
    assert "model.hidden_size" in read_space("cdae", {"model": {"hidden_size": [4, 8.0]}}).axes


def test_a_grid_that_does_not_fit_into_memory_is_refused():
    from collaborative_autoencoders.tuning.space import read_space

    options = ("corruption", "positive_weight", "input_scale", "temperature")
    many = {option: [(number + 1) / 100 for number in range(60)] for option in options}
    with pytest.raises(ValueError, match=r"12,960,000 points.*sampler: random"):
        read_space("cdae", {"model": many}).grid(seed=1)
