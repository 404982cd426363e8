"""Spaces: their axes, what they refuse, and the model's block at a point."""

import functools

import pytest
from model_options import parameters_of
from small_search import tuning_options

from collaborative_autoencoders.learning.options import TrainingOptions
from collaborative_autoencoders.models import networks
from collaborative_autoencoders.models.registry import single_models
from collaborative_autoencoders.tuning.options import SearchSpaces, TuningOptions
from collaborative_autoencoders.tuning.space import Choices, Range, read_space

parameters = functools.cache(parameters_of)
BASE = {
    "model": {"hidden_size": 300, "encoder_penalty": 1, "decoder_penalty": 1},
    "fitting": {"learning_rate": 0.1, "optimizer": "adam"},
}


def model(**options):
    return {"model": options}


def test_an_axis_is_a_list_of_choices_or_a_range():
    space = read_space(
        "cdae",
        {
            "model": {"hidden_size": [50, 100], "corruption": {"low": 0.1, "high": 0.9}},
            "fitting": {
                "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
                "batch_size": {"low": 32, "high": 256},
            },
        },
    )
    assert space.axes == {
        "model.hidden_size": Choices((50, 100)),
        "model.corruption": Range(0.1, 0.9, False),
        "fitting.learning_rate": Range(1e-4, 1e-2, True),
        "fitting.batch_size": Range(32, 256, False),
    }
    assert isinstance(space.axes["fitting.batch_size"].low, int)
    assert space.combinations is None


def test_the_options_at_a_point_are_the_model_s_own_but_for_what_the_space_decides():
    space = read_space(
        "cdae",
        {
            "model": {
                "hidden_size": [50, 100],
                "encoder_penalty": [0, 0.01],
                "decoder_penalty": {"same_as": "encoder_penalty"},
            },
            "fitting": {"optimizer": ["sgd"]},
        },
    )
    block = space.block(BASE, {"model.hidden_size": 50, "model.encoder_penalty": 0.01})
    assert block == {
        "model": {
            "hidden_size": 50,
            "encoder_penalty": 0.01,
            "decoder_penalty": 0.01,
        },
        "fitting": {"learning_rate": 0.1, "optimizer": "sgd"},
    }
    assert BASE["model"]["hidden_size"] == 300
    assert space.searched == {
        "model.hidden_size",
        "model.encoder_penalty",
        "model.decoder_penalty",
        "fitting.optimizer",
    }


def test_choices_may_be_lists_and_null():
    space = read_space(
        "autorec",
        {"model": {"hidden_sizes": [[10], [20, 10]]}, "fitting": {"patience": [None, 1]}},
    )
    points = space.grid(seed=0)
    blocks = [space.block({"model": {}, "fitting": {}}, point) for point in points]
    found = {(tuple(b["model"]["hidden_sizes"]), b["fitting"]["patience"]) for b in blocks}
    assert found == {((10,), None), ((10,), 1), ((20, 10), None), ((20, 10), 1)}


def test_a_grid_is_every_combination_once_in_an_order_of_the_seed():
    space = read_space(
        "cdae", model(hidden_size=[1, 2, 3], corruption=[0.1, 0.2], user_node=[True])
    )
    grid = space.grid(seed=1)
    assert space.combinations == len(grid) == 6
    assert len({tuple(point.values()) for point in grid}) == 6
    assert grid == space.grid(seed=1)
    assert grid != space.grid(seed=2)


def test_a_grid_of_a_range_is_refused():
    space = read_space("cdae", model(corruption={"low": 0.1, "high": 0.5}))
    with pytest.raises(ValueError, match=r"grid needs choices, but model\.corruption is a range"):
        space.grid(seed=0)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (model(hiden_size=[1, 2]), r"model\.hiden_size: .*did you mean 'hidden_size'\?"),
        ({"fitting": {"speed": [1, 2]}}, r"fitting\.speed: unknown option"),
        (model(corruption=[0.1, 1.5]), r"model\.corruption: 1\.5: Input should be less than 1"),
        (model(corruption={"low": 0.1, "high": 1.5}), r"model\.corruption: 1\.5: Input should be"),
        (model(hidden_size={"low": 10.5, "high": 20.5}), r"model\.hidden_size: 10\.5: Input"),
        (model(hidden_size={"low": 50, "high": 200.0}), r"hidden_size: 97\.\d*: Input should be"),
        (model(hidden_activation=["tanh", "swish"]), r"hidden_activation: 'swish': Input should"),
        (model(corruption={"low": 0.5, "high": 0.1}), r"corruption: low 0\.5 is not below high"),
        (model(corruption={"low": 0.5, "high": 0.5}), r"corruption: low 0\.5 is not below high"),
        (model(corruption={"low": 0, "high": 0.5, "log": True}), "low end of a logarithmic range"),
        (model(corruption={"low": 0.1}), r"corruption: a range is \{low, high\}"),
        (model(corruption={"low": 0.1, "high": 0.5, "step": 0.1}), "a range is"),
        (model(corruption={"low": "a", "high": 0.5}), "low and high are numbers"),
        (model(corruption={"low": float("nan"), "high": 0.5}), "low and high are numbers"),
        (model(corruption=0.5), r"corruption: give a list of choices or a range .*found 0\.5"),
        (model(corruption=[]), r"corruption: give a list of choices"),
        (model(corruption=[0.1, 0.1]), "has a duplicate choice"),
        (model(name=["cdae", "ease"]), r"model\.name: unknown option"),
        (
            {"fitting": {"validation_metric": ["rmse"]}},
            "cannot be searched: trials are compared by",
        ),
        ({"fitting": {"ensemble": [1, 2]}}, "cannot be searched"),
        (
            model(decoder_penalty={"same_as": "encoder_penalty"}),
            "same_as model.encoder_penalty, wh",
        ),
        (model(user_node=[True]), "is empty"),
        ({"speed": {"a": [1]}}, r"speed: a space has `model` and `fitting`"),
        ({"model": None}, r"model: a space has"),
        ({}, "is empty"),
        (None, "is empty"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused_by_name(block, says):
    with pytest.raises(ValueError, match=says):
        read_space("cdae", block)


def test_a_space_of_a_formula_has_no_fitting():
    with pytest.raises(ValueError, match=r"fitting: a space has `model` here, with options below"):
        read_space("ease", model(relaxation=[0, 0.5]) | {"fitting": {"epochs": [1, 2]}})


def test_a_model_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="small.cdea: 'cdea' is none of popularity"):
        SearchSpaces.model_validate({"small": {"cdea": model(hidden_size=[1, 2])}})


def test_every_wrong_space_is_named_by_space_and_model():
    with pytest.raises(ValueError, match=r"small\.cdae: model\.hidden: unknown option"):
        SearchSpaces.model_validate({"small": {"cdae": model(hidden=[1, 2])}})


def test_a_space_of_a_name_that_is_not_there_is_refused():
    spaces = SearchSpaces.model_validate({"small": {"cdae": model(hidden_size=[1, 2])}})
    assert spaces.of("small", "autorec") is None
    with pytest.raises(ValueError, match="tuning.space: 'large' is none of small"):
        spaces.of("large", "cdae")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"storage": "optuna.db"}, "is not a URL"),
        ({"storage": "host=db password=gehe1m"}, r"'host=db password=\*\*\*' is not a URL"),
        ({"n_trials": 0}, "greater than 0"),
        ({"sampler": "cmaes"}, "'grid', 'random' or 'tpe'"),
        ({"time_budget_seconds": 0}, "greater than 0"),
        (
            {"formula_metrics": {"ranking": "rmse", "rating": "rmse"}},
            "ranking\n.*rmse needs predicted ratings: set a list metric, such as ndcg_at_10",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        tuning_options(**changes)


def test_pydantic_s_own_message_does_not_repeat_a_password():
    with pytest.raises(ValueError) as error:
        tuning_options(storage="host=db password=gehe1m")
    assert "gehe1m" not in str(error.value)


def test_a_database_without_a_password_in_its_url_is_taken():
    assert tuning_options(storage="postgresql://me@host/db").storage == "postgresql://me@host/db"


@pytest.mark.parametrize(
    ("options", "point"),
    [
        ({"hidden_size": 50, "corruption": 0.5}, {"hidden_size": 50, "corruption": 0.5}),
        ({"hidden_size": 60, "corruption": 0.5}, None),
        ({"hidden_size": 50, "corruption": 0.95}, None),
    ],
)
def test_a_block_has_a_point_where_every_axis_has_its_value(options, point):
    space = read_space("cdae", model(hidden_size=[50, 100], corruption={"low": 0.1, "high": 0.9}))
    found = space.point_of({"model": options, "fitting": {}})
    assert found == (point and {f"model.{name}": value for name, value in point.items()})


def test_a_list_and_a_whole_number_are_found_too():
    block = {"model": {"hidden_sizes": [[5], [6]]}, "fitting": {"epochs": {"low": 1, "high": 9}}}
    space = read_space("autorec", block)
    inside = {"model": {"hidden_sizes": [6]}, "fitting": {"epochs": 3}}
    point = space.point_of(inside)
    assert space.block(inside, point) == inside
    assert space.point_of({"model": {"hidden_sizes": [6]}, "fitting": {"epochs": None}}) is None


@pytest.mark.parametrize(("env", "combinations"), [("cdae-article", 144), ("recbole", 96)])
def test_the_spaces_that_stand_ready_are_grids_of_options_that_go_together(env, combinations):
    found = parameters(env)
    tuning = TuningOptions.model_validate(found["tuning"])
    space = SearchSpaces.model_validate(found["search_spaces"]).of(tuning.space, "cdae")
    grid = space.grid(tuning.seed)
    assert len(grid) == combinations == tuning.n_trials
    for point in grid:
        TrainingOptions.of("cdae").model_validate(space.block(found["cdae"], point))


def test_the_article_s_best_values_are_in_its_grid():
    space = SearchSpaces.model_validate(parameters("cdae-article")["search_spaces"]).of(
        "article", "cdae"
    )
    best = {"hidden_size": 100, "corruption": 0.3, "hidden_activation": "tanh"}
    point = {f"model.{name}": value for name, value in best.items()}
    point |= {"model.encoder_penalty": 0, "fitting.learning_rate": 0.3}
    assert point in space.grid(0)


def test_the_default_space_holds_the_defaults():
    base = parameters("base")
    spaces = SearchSpaces.model_validate(base["search_spaces"])
    assert spaces.of("default", "popularity") is None
    for name in set(single_models()) - {"popularity"}:
        assert spaces.of("default", name).point_of(base[name]) is not None, name


def test_every_formula_has_a_default_space_that_is_a_grid_within_n_trials():
    base = parameters("base")
    spaces = SearchSpaces.model_validate(base["search_spaces"])
    for name in set(single_models()) - {*networks(), "popularity"}:
        assert 10 <= spaces.of("default", name).combinations <= base["tuning"]["n_trials"], name


# --- any_network ---

SHARED = {"fitting": {"learning_rate": {"low": 0.0003, "high": 0.01, "log": True}}}


def test_a_network_without_a_block_of_its_own_is_searched_over_any_network():
    own = model(hidden_size=[1, 2])
    spaces = SearchSpaces.model_validate({"small": {"cdae": own, "any_network": SHARED}})
    assert set(spaces.of("small", "cdae").axes) == {"model.hidden_size"}
    assert spaces.of("small", "ease") is None
    for name in set(networks()) - {"cdae"}:
        space = spaces.of("small", name)
        assert space.axes == {"fitting.learning_rate": Range(0.0003, 0.01, True)}
        block = {"model": {"hidden_size": 3}, "fitting": {"epochs": 2, "learning_rate": 0.1}}
        found = space.block(block, {"fitting.learning_rate": 0.005})
        assert found == block | {"fitting": {"epochs": 2, "learning_rate": 0.005}}


def test_any_network_has_the_options_that_networks_share():
    with pytest.raises(ValueError, match=r"small\.any_network: model: a space has `fitting` here"):
        SearchSpaces.model_validate({"small": {"any_network": model(hidden_size=[1, 2])}})
    with pytest.raises(ValueError, match=r"small\.any_network: fitting\.speed: unknown option"):
        SearchSpaces.model_validate({"small": {"any_network": {"fitting": {"speed": [1, 2]}}}})


def test_the_default_space_has_a_block_for_any_network():
    spaces = SearchSpaces.model_validate(parameters("base")["search_spaces"])
    assert "fitting.learning_rate" in spaces.of("default", "a_new_network").axes
