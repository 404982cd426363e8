"""One error, before a run, names every wrong key and value by its full key."""

import pytest
from model_options import parameters_of

from collaborative_autoencoders.hooks.parameters import check_parameters
from collaborative_autoencoders.pipeline_registry import register_pipelines

PIPELINES = register_pipelines()
MISSING = object()


def changed(dotted: str, value) -> dict:
    """The committed parameters, with another value of one key, or without it."""
    parameters = parameters_of("base")
    *way, last = dotted.split(".")
    block = parameters
    for key in way:
        block = block[key]
    if value is MISSING:
        del block[last]
    else:
        block[last] = value
    return parameters


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("cdea", {}, "cdea: unknown key; did you mean 'cdae'"),
        ("cdae.model.hiden_size", 3, "cdae.model.hiden_size: unknown key"),
        ("cdae.fitting.patiense", 3, "cdae.fitting.patiense: unknown key"),
        ("cdae.fiting", None, "cdae.fiting: unknown key"),
        ("evaluation.sed", 3, "evaluation.sed: unknown key"),
        ("registration.enable", True, "registration.enable: unknown key"),
        ("running.device_", "cpu", "running.device_: unknown key"),
        ("cleaning.columns.user", "u", "cleaning.columns.user: unknown key"),
        ("cleaning.rating_scale.low", 1, "cleaning.rating_scale.low: unknown key"),
        ("titles.name", "t", "titles.name: unknown key"),
        ("core.kk", 5, "core.kk: unknown key"),
        ("split.sed", 5, "split.sed: unknown key"),
        ("split", MISSING, "split: is missing"),
        ("split.seed", MISSING, "split.seed: is missing"),
        ("autorec.model", MISSING, "autorec.model: is missing"),
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
def test_a_wrong_key_or_value_is_named_by_its_full_key(key, value, message):
    with pytest.raises(ValueError, match=message) as error:
        check_parameters(changed(key, value), PIPELINES)

    assert str(error.value).startswith("parameters")
    assert "pydantic" not in str(error.value)


def test_a_misspelt_key_is_unknown_and_the_right_one_is_missing():
    parameters = parameters_of("base")
    parameters["core"]["min_ratng"] = parameters["core"].pop("min_rating")
    parameters["evaluation"]["primary_metrc"] = parameters["evaluation"].pop("primary_metric")

    with pytest.raises(ValueError, match="unknown key") as error:
        check_parameters(parameters, PIPELINES)

    assert str(error.value).splitlines()[1:] == [
        "  core.min_rating: is missing",
        "  core.min_ratng: unknown key; did you mean 'min_rating'?",
        "  evaluation.primary_metrc: unknown key; did you mean 'primary_metric'?",
        "  evaluation.primary_metric: is missing",
    ]


def test_keys_that_a_configuration_of_an_older_version_lacks_are_in_conf_base_of_this_one():
    parameters = parameters_of("base")
    del parameters["core"]["counts"], parameters["stack"]
    with pytest.raises(ValueError, match="Copy the missing keys from conf/base") as error:
        check_parameters(parameters, PIPELINES)
    assert str(error.value).splitlines()[1:3] == [
        "  core.counts: is missing",
        "  stack: is missing",
    ]


def test_fractions_that_leave_no_training_rows_are_refused():
    parameters = parameters_of("base")
    parameters["split"] |= {"validation_of": "all", "test_fraction": 0.5}
    parameters["split"] |= {"validation_fraction": 0.5}

    with pytest.raises(ValueError, match=r"split: .* is 1.0: no rows are left to train on"):
        check_parameters(parameters, PIPELINES)
