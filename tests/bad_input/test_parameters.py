"""Every wrong key and value in the YAML is named whole, all in one error, before anything runs."""

import copy
from pathlib import Path

import pytest
import yaml

from collaborative_autoencoders.hooks.parameters import check_parameters
from collaborative_autoencoders.pipeline_registry import register_pipelines

CONF = Path(__file__).parents[2] / "conf/base"
PIPELINES = register_pipelines()
MISSING = object()


def base() -> dict:
    files = sorted(CONF.glob("parameters*.yml"))
    return {key: value for file in files for key, value in yaml.safe_load(file.open()).items()}


def changed(dotted: str, value) -> dict:
    """The committed parameters, one of them another value or not there."""
    parameters = copy.deepcopy(base())
    *way, last = dotted.split(".")
    block = parameters
    for key in way:
        block = block[key]
    if value is MISSING:
        del block[last]
    else:
        block[last] = value
    return parameters


def test_the_committed_parameters_are_right():
    check_parameters(base(), PIPELINES)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("cdea", {}, "cdea: nobody reads this key; did you mean 'cdae'"),
        ("cdae.model.hiden_size", 3, "cdae.model.hiden_size: nobody reads this key"),
        ("cdae.fitting.patiense", 3, "cdae.fitting.patiense: nobody reads this key"),
        ("cdae.fiting", None, "cdae.fiting: nobody reads this key"),
        ("evaluation.sed", 3, "evaluation.sed: nobody reads this key"),
        ("registration.enable", True, "registration.enable: nobody reads this key"),
        ("running.device_", "cpu", "running.device_: nobody reads this key"),
        ("cleaning.columns.user", "u", "cleaning.columns.user: nobody reads this key"),
        ("cleaning.rating_scale.low", 1, "cleaning.rating_scale.low: nobody reads this key"),
        ("titles.name", "t", "titles.name: nobody reads this key"),
        ("core.kk", 5, "core.kk: nobody reads this key"),
        ("split.sed", 5, "split.sed: nobody reads this key"),
        ("split", MISSING, "split: is missing"),
        ("split.seed", MISSING, "split.seed: is missing"),
        ("autorec.model", MISSING, "autorec.model: is missing"),
        ("autorec.model.name", "autorek", "'autorek' is none of .* did you mean 'autorec'"),
        ("cdae", 3, "cdae: .*found 3"),
        ("evaluation", None, "evaluation: .*found None"),
        ("evaluation.k", "ten", "evaluation.k: .* list; found 'ten'"),
        ("evaluation.k", [0, 10], "evaluation.k.0: .* greater than 0; found 0"),
        ("split.seed", -1, "split.seed: .* greater than or equal to 0; found -1"),
        ("cdae.fitting.seed", -1, "cdae.fitting.seed: .*found -1"),
        ("split.test_fraction", 1.0, "split.test_fraction: .* less than 1; found 1.0"),
        ("split.validation_fraction", -0.1, "split.validation_fraction: .*found -0.1"),
        ("core.k", "five", "core.k: .*found 'five'"),
        ("cdae.model.hidden_activation", "tahn", "hidden_activation: .*'tanh'.*found 'tahn'"),
        ("autorec.model.decoder_activation", "", "decoder_activation: .*'identity'.*found ''"),
        ("cdae.model.loss", "hinge", "cdae.model.loss: .*'square'.*found 'hinge'"),
        ("running.device", "gpu", "running.device: .*'cuda'; found 'gpu'"),
        ("cdae.fitting.learning_rate", float("inf"), "cdae.fitting.learning_rate: .*found inf"),
    ],
)
def test_what_is_wrong_is_named_by_its_whole_key(key, value, said):
    with pytest.raises(ValueError, match=said) as error:
        check_parameters(changed(key, value), PIPELINES)

    assert str(error.value).startswith("parameters")
    assert "pydantic" not in str(error.value)


def test_a_typo_is_told_beside_what_it_hides():
    parameters = base()
    parameters["core"]["min_ratng"] = parameters["core"].pop("min_rating")
    parameters["evaluation"]["primary_metrc"] = parameters["evaluation"].pop("primary_metric")

    with pytest.raises(ValueError, match="nobody reads") as error:
        check_parameters(parameters, PIPELINES)

    assert str(error.value).splitlines()[1:] == [
        "  core.min_rating: is missing",
        "  core.min_ratng: nobody reads this key; did you mean 'min_rating'?",
        "  evaluation.primary_metrc: nobody reads this key; did you mean 'primary_metric'?",
        "  evaluation.primary_metric: is missing",
    ]


def test_held_out_parts_that_leave_nothing_are_refused():
    parameters = base()
    parameters["split"] |= {"validation_of": "all", "test_fraction": 0.5}
    parameters["split"] |= {"validation_fraction": 0.5}

    with pytest.raises(ValueError, match=r"split: .* is 1.0: nothing is left to learn from"):
        check_parameters(parameters, PIPELINES)
