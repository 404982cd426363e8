"""What an environment's parameters and catalog resolve to."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from model_options import CONF, ENVIRONMENTS, configuration_of, parameters_of

from collaborative_autoencoders.config_loader import (
    ProjectConfigLoader,
    refuse_unreadable,
    with_shared_fitting,
)
from collaborative_autoencoders.datasets.movielens_sets import MOVIELENS
from collaborative_autoencoders.hooks.parameters import check_parameters, problems_with_the_split
from collaborative_autoencoders.interactions.split_options import SplitOptions, sizes_of
from collaborative_autoencoders.models import MODELS, networks
from collaborative_autoencoders.models.ease import gib_of_pairs
from collaborative_autoencoders.pipeline_registry import register_pipelines

MOVIELENS_1M = ["autorec", "cdae-article", "leave-one-out", "ml-1m", "recbole"]
MOVIELENS_1M += ["strong-generalisation"]
TRAINING = sorted(
    path
    for path in CONF.glob("*/parameters_training.yml")
    if path.parts[-2] in {*ENVIRONMENTS} - {"base"}
)
every_environment = pytest.mark.parametrize("env", ENVIRONMENTS)


@pytest.fixture(scope="module")
def pipelines():
    return register_pipelines()


@cache
def catalog_of(env: str) -> dict:
    return configuration_of(env)["catalog"]


def movielens_of(env: str) -> str | None:
    return catalog_of(env)["ratings"].get("name")


def yaml_of(path: str) -> dict:
    return yaml.safe_load((CONF / path).read_text(encoding="utf-8"))


# The shared block `fitting`


def test_the_drawing_in_the_docstring_is_true():
    parameters = {
        "fitting": {"optimizer": "adam", "epochs": 60},
        "autorec": {"fitting": {"epochs": 20}},
    }
    assert with_shared_fitting(parameters)["autorec"] == {
        "fitting": {"optimizer": "adam", "epochs": 20}
    }


def test_a_network_without_a_block_of_its_own_gets_the_shared_one():
    filled = with_shared_fitting({"fitting": {"epochs": 60}, "cdae": {"model": {}}})
    assert filled["cdae"] == {"model": {}, "fitting": {"epochs": 60}}


def test_a_formula_gets_no_fitting_block():
    filled = with_shared_fitting({"fitting": {"epochs": 60}, "ease": {"model": {"penalty": 1}}})
    assert filled["ease"] == {"model": {"penalty": 1}}


def test_the_parameters_given_stay_as_they_were():
    parameters = {"fitting": {"epochs": 60}, "autorec": {"fitting": {"seed": 1}}}
    with_shared_fitting(parameters)
    assert parameters == {"fitting": {"epochs": 60}, "autorec": {"fitting": {"seed": 1}}}


@pytest.mark.parametrize(
    "parameters",
    [
        {"autorec": {"fitting": {"epochs": 20}}},
        {"fitting": 3, "autorec": {}},
        {"fitting": {"epochs": 60}, "autorec": {"fitting": None}},
        {"fitting": {"epochs": 60}, "autorec": "none"},
    ],
)
def test_blocks_that_are_no_blocks_are_left_for_the_check_of_parameters(parameters):
    assert with_shared_fitting(parameters) == parameters


def test_every_network_has_the_shared_values_and_its_own_win():
    shared = yaml_of("base/parameters_training.yml")["fitting"]
    own = yaml_of("base/parameters_training.yml")
    for name in networks():
        fitting = parameters_of("base")[name]["fitting"]
        assert fitting == shared | own[name].get("fitting", {})
    assert parameters_of("base")["cdae"]["fitting"]["validation_metric"] == "ndcg_at_10"
    assert parameters_of("base")["autorec"]["fitting"]["validation_metric"] == "rmse"


def test_an_environments_shared_value_wins_over_bases_and_a_networks_own_over_both():
    assert yaml_of("base/parameters_training.yml")["fitting"]["batch_size"] == "auto"
    assert yaml_of("test/parameters_training.yml")["fitting"]["batch_size"] == 16
    for name in networks():
        assert parameters_of("test")[name]["fitting"]["batch_size"] == 16
    article = parameters_of("autorec")
    assert article["autorec"]["fitting"]["validation_metric"] is None  # shared in conf/autorec
    assert article["cdae"]["fitting"]["validation_metric"] == "ndcg_at_10"  # its own in conf/base


def test_what_a_configuration_of_an_older_version_holds_is_ignored_and_named(caplog):
    old = {"mf": {"model": {"factors": 4, "initial_scale": 1}, "fitting": {"epochs": 3}}}
    loader = configuration_of("test", old)
    for _ in range(2):
        assert loader["parameters"]["mf"] == parameters_of("test")["mf"] | {
            "model": parameters_of("test")["mf"]["model"] | {"factors": 4}
        }
    assert [record.getMessage() for record in caplog.records] == [
        f"mf.{key} is not read any more, as mf is fitted by a formula"
        for key in ("fitting", "model.initial_scale")
    ]


def test_a_value_on_the_command_line_fills_the_blocks_that_lack_it():
    shared = {"fitting": {"seed": 7, "learning_rate": 0.5}}
    before, after = parameters_of("test"), configuration_of("test", shared)["parameters"]
    for name in networks():
        assert after[name]["fitting"] == before[name]["fitting"] | {"seed": 7}


@every_environment
def test_no_configuration_has_a_fitting_block_for_a_formula(env):
    with_fitting = {name for name in MODELS if "fitting" in parameters_of(env)[name]}
    assert with_fitting == set(networks())


@pytest.mark.parametrize("name", networks())
def test_a_networks_block_in_base_states_only_what_differs(name):
    shared = yaml_of("base/parameters_training.yml")["fitting"]
    own = yaml_of("base/parameters_training.yml")[name].get("fitting", {})
    # cdae states its patience because some environments set the shared one to null
    elsewhere = [yaml.safe_load(path.read_text("utf-8")) for path in TRAINING]
    changed = {key for file in elsewhere for key in file.get("fitting", {})}
    assert [key for key, value in own.items() if value == shared[key] and key not in changed] == []


# Environments


@every_environment
def test_every_environments_parameters_are_valid(env, pipelines):
    check_parameters(parameters_of(env), pipelines, configuration_of(env))


@every_environment
def test_every_environments_catalog_resolves(env):
    catalog = catalog_of(env)
    assert {"ratings", "items", "train", "validation", "test"} <= catalog.keys()
    kind = "" if env == "spark" else ".npz"  # workers write a folder
    assert catalog["train"]["filepath"].endswith(f"05_model_input/{env}/train{kind}")


@pytest.mark.parametrize("env", MOVIELENS_1M)
def test_movielens_1m_is_one_line_of_globals_in_each_environment(env):
    catalog = catalog_of(env)
    assert catalog["ratings"]["name"] == catalog["items"]["name"] == "ml-1m"
    assert not list((CONF / env).glob("catalog*"))


def test_other_environments_use_another_movielens_or_tables_of_their_own():
    own = ("test", "lastfm", "flixster", "steam", "spark")
    others = set(ENVIRONMENTS) - set(MOVIELENS_1M)
    names = {env: movielens_of(env) for env in others}
    movielens = dict.fromkeys(("base", "d2l", "global-timeline"), "ml-100k")
    movielens |= {name: name for name in ("ml-20m", "ml-32m")}
    assert names == movielens | dict.fromkeys(own)


def test_the_scale_of_each_environment_is_that_of_its_movielens_set():
    names = {env: name for env in ENVIRONMENTS if (name := movielens_of(env)) is not None}
    declared = {env: parameters_of(env)["cleaning"]["rating_scale"] for env in names}
    scales = {env: MOVIELENS[name].ratings.scale for env, name in names.items()}
    assert {env: tuple(scale.values()) for env, scale in declared.items()} == scales


def test_movielens_20m_has_the_protocol_of_strong_generalisation_and_the_papers_users():
    small, large = parameters_of("strong-generalisation"), parameters_of("ml-20m")
    for block in ("core", "evaluation"):
        assert large[block] == small[block]
    split = SplitOptions.model_validate(large["split"])
    assert sizes_of(np.array([136_677]), split).tolist() == [[10_000, 10_000, 116_677]]
    fractions = {"test_fraction", "validation_fraction"}
    assert large["split"] | dict.fromkeys(fractions) == small["split"] | dict.fromkeys(fractions)
    assert gib_of_pairs(20_720) < large["ease"]["model"]["memory_limit_gb"]


def test_options_that_several_environments_share_are_written_once():
    shared = yaml_of("base/globals.yml")["movielens_1m"]["cdae"]
    texts = [path for path in CONF.rglob("*.yml") if "hidden_size: 600" in path.read_text("utf-8")]
    assert texts == [CONF / "base" / "globals.yml"]
    for env in ("ml-1m", "cdae-article", "recbole"):
        block = parameters_of(env)["cdae"]
        for group, values in shared.items():
            assert block[group].items() >= values.items()


def test_a_key_on_the_command_line_changes_only_itself_in_a_block_from_globals():
    before = parameters_of("ml-1m")
    after = configuration_of("ml-1m", {"cdae": {"model": {"hidden_size": 5}}})["parameters"]
    assert before["cdae"]["model"].pop("hidden_size") == 600
    assert after["cdae"]["model"].pop("hidden_size") == 5
    assert after == before


# Kedro's own ways: runtime parameters and templates


@pytest.fixture
def conf(tmp_path):
    """A folder of configuration that reads `--params`, and its loader."""
    texts = {
        "globals": "colours: {dark: black}",
        "catalog": "ratings: {type: memory, path: '${runtime_params:file}'}",
        "parameters": "split: {seed: '${runtime_params:chosen.seed, 42}'}\n"
        "core: {k: '${_shared.k}', name: '${globals:colours.${runtime_params:tone, dark}}'}\n"
        "_shared: {k: 5}",
    }
    (tmp_path / "base").mkdir()
    for name, text in texts.items():
        (tmp_path / "base" / f"{name}.yml").write_text(text)
    return lambda **params: ProjectConfigLoader(
        str(tmp_path), "base", params, base_env="base", default_run_env="base"
    )


def test_a_folder_whose_name_the_locale_cannot_read_is_named_with_a_locale_that_can():
    folder = Path(os.fsencode("/srv/bücher").decode("ascii", "surrogateescape"))
    with pytest.raises(ValueError, match=r"/srv/b\\xfccher' .*LC_ALL=C.UTF-8 PYTHONUTF8=1"):
        refuse_unreadable(folder)
    refuse_unreadable(Path("/srv/bücher"))


def test_templates_fill_parameters_and_are_no_parameters(conf):
    parameters = conf(file="a.csv")["parameters"]
    assert parameters["core"] == {"k": 5, "name": "black"}
    assert "_shared" not in parameters


def test_a_runtime_parameter_that_the_configuration_reads_is_known(conf):
    loader = conf(file="a.csv", chosen={"seed": 42}, tone="dark", fiel="b.csv", outputs="new")
    assert loader["parameters"]["split"] == {"seed": 42}
    assert [key for key in loader.runtime_params if loader.reads(key)] == ["file", "chosen", "tone"]


def test_only_a_runtime_parameter_that_nothing_reads_is_unknown(conf, pipelines):
    loader = conf(file="a.csv", fiel="b.csv")
    with pytest.raises(ValueError) as caught:
        check_parameters(loader["parameters"], pipelines, loader)
    assert "\n  fiel: unknown key" in str(caught.value)
    assert "\n  file: " not in str(caught.value)


@pytest.mark.parametrize(
    ("env", "split", "unread"),
    [
        ("test", {"kind": "last", "test_last": 1, "validation_last": 1, "test_fraction": 0.9}, 1),
        ("test", {"kind": "date", "seed": 7, "within": "user"}, 2),
        ("test", {"ties": "hash"}, 0),  # the order of likes reads it with every kind
        ("leave-one-out", {"test_fraction": 0.9}, 1),  # kind: last is that of the environment
        ("test", {"kind": "date", "test_fraction": 0.9}, 0),
        ("autorec", {"kind": "own"}, 0),  # test_fraction is that of the environment
        ("test", {"seed": 7}, 0),
    ],
)
def test_a_key_that_the_kind_of_split_does_not_read_is_refused(env, split, unread):
    loader = configuration_of(env, {"split": split})
    problems = problems_with_the_split(loader["parameters"], loader)
    assert len(problems) == unread
    assert all("does not read it, only hash" in line or "last, time" in line for line in problems)


# One model's block


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"autorec": {"model": {"name": "autorec_user"}}}, "autorec.model.name: unknown key"),
        ({"autorec": {"model": {"orientation": "user"}}}, "autorec.model.orientation: unknown key"),
        ({"autorec": {"model": {"factors": 3}}}, "autorec.model.factors: unknown key"),
        ({"cdae": {"model": {"negatives": 5}}}, "cdae.model.negatives: unknown key"),
        ({"cdae": {"fitting": {"clip_norm": 1}}}, "cdae.fitting.clip_norm: unknown key"),
        ({"fitting": {"epoch": 3}}, "cdae.fitting.epoch: unknown key"),
        ({"autorec_users": {"model": {}}}, "autorec_users: unknown key"),
        ({"mf": {"model": {"factors": 0}}}, "mf.model.factors: "),
        ({"cdae": {"fitting": {"optimizer": "adamw"}}}, "cdae.fitting.optimizer: "),
    ],
)
def test_a_block_is_checked_by_the_options_of_its_own_model(params, problem, pipelines):
    with pytest.raises(ValueError) as caught:
        check_parameters(configuration_of("test", params)["parameters"], pipelines)
    assert f"\n  {problem}" in str(caught.value)
