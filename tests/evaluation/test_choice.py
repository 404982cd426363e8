"""Which models of a run are registered: the best ones, and those that the options name."""

import pytest
from pydantic import ValidationError

from collaborative_autoencoders.datasets.json_file import JsonFileDataset
from collaborative_autoencoders.evaluation.choice import (
    NOT_CHOSEN,
    OFF,
    Compared,
    RegistrationOptions,
    reason_against,
)
from collaborative_autoencoders.evaluation.leaderboard import best_models, make_leaderboard
from collaborative_autoencoders.metrics.table import measure

FIGURES = {
    "ease": {"ndcg_at_10": 0.37},
    "cdae": {"ndcg_at_10": 0.38},
    "mf": {"ndcg_at_10": 0.11, "rmse": 0.90},
    "blend": {"ndcg_at_10": 0.13, "rmse": 0.87},
}
BOTH = [measure("ndcg_at_10"), measure("rmse")]


def best_of(*models):
    figures = {model: FIGURES[model] for model in models}
    return best_models(make_leaderboard(figures, {}, "ndcg_at_10"), BOTH)


def test_the_best_models_are_that_of_lists_and_that_of_ratings():
    assert best_of(*FIGURES) == ["cdae", "blend"]


def test_models_for_ratings_alone_are_not_chosen_by_their_lists():
    assert best_of("mf") == ["mf"]
    assert best_of("blend", "mf") == ["blend"]
    assert best_of("ease", "cdae") == ["cdae"]


def test_a_model_that_was_left_out_is_not_the_best():
    board = make_leaderboard({"cdae": {}, "mf": {}}, {"cdae": "no likes", "mf": "none"}, "rmse")
    assert best_models(board, BOTH) == []


COMPARED = Compared.of(["cdae", "blend"], FIGURES)._asdict()


def registered(models, compared=COMPARED, **changed):
    """The models that are registered with these options, of those with these figures."""
    options = RegistrationOptions(enabled=True, models=models).model_dump() | changed
    return {name for name in FIGURES if not reason_against(name, FIGURES[name], compared, options)}


@pytest.mark.parametrize(
    ("models", "wanted"),
    [
        ("best", {"cdae", "blend"}),
        ("best+ease", {"cdae", "blend", "ease"}),
        ("best + mf+ease", {*FIGURES}),
        ("mf", {"mf"}),
        ("all", {*FIGURES}),
    ],
)
def test_the_best_models_and_those_that_are_named_are_registered(models, wanted):
    assert registered(models) == wanted
    assert registered(models, enabled=False) == set()


def test_a_model_that_was_fitted_alone_is_registered():
    assert registered("best", compared={}) == {*FIGURES}
    before = Compared.of(["mf"], FIGURES | {"ease": {"ndcg_at_10": 0.36}})._asdict()
    assert registered("best", compared=before) == {"ease", "mf"}


def test_the_way_to_register_a_model_is_a_whole_command_also_where_another_run_repeats_it():
    options = RegistrationOptions(enabled=True, models="best + cdae").model_dump()
    reason = str(reason_against("sasrec", FIGURES["mf"], COMPARED, options))
    command = "kedro run --pipelines sequential --only-missing-outputs"
    assert f"`{command} --params registration.models=best+cdae+sasrec`" in reason
    assert "same command" not in reason


def test_a_model_that_is_not_registered_says_why_and_how_to_register_it():
    options = RegistrationOptions(enabled=True, models="best").model_dump()
    reason = str(reason_against("ease", FIGURES["ease"], COMPARED, options))
    assert reason.startswith(NOT_CHOSEN)
    assert "`kedro run --only-missing-outputs --params registration.models=best+ease`" in reason
    assert reason_against("ease", {}, COMPARED, options | {"enabled": False}) == OFF


@pytest.mark.parametrize("models", ["best+eas", "", "best,ease"])
def test_an_unknown_model_is_refused_with_the_known_ones(models):
    with pytest.raises(ValidationError, match=r"unknown model .*join by \+ any of all, best, "):
        RegistrationOptions(enabled=True, models=models)


def test_no_comparison_is_read_where_there_is_no_file_yet(tmp_path):
    entry = JsonFileDataset(
        filepath=f"{tmp_path}/best_models.json", without_a_file={}, holds="best_models"
    )
    assert entry.load() == {}
    assert not entry.exists()
    entry.save(COMPARED)
    assert entry.load() == COMPARED
