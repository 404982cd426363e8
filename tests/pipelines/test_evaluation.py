"""The nodes of evaluation, and the pipeline from fitted models to the leaderboard."""

import pandas as pd
from evaluation.small_world import OPTIONS, TEST, TRAIN, VALIDATION, AlwaysThree
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from model_options import RUNNING

from collaborative_autoencoders.evaluation.choice import RegistrationOptions
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.models.model import Fitted
from collaborative_autoencoders.pipelines.evaluation import create_pipeline
from collaborative_autoencoders.pipelines.evaluation.nodes import (
    average_scores,
    compare_groups,
    evaluate_model,
    find_best,
    list_registered,
    order_registration,
    register_model,
)

PARTS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
THREE = Fitted("three", AlwaysThree(), parts=fingerprint(train=TRAIN, validation=VALIDATION))
LEFT_OUT = Fitted("none", None, left_out="the table has no ratings")
FIT_FACTS = {"fit_seconds": 1.5, "best_epoch": None, "epochs": 7, "left_out": None}


def figures_of(fitted):
    made = evaluate_model(fitted, **PARTS, evaluation=OPTIONS, running=RUNNING)
    return average_scores(
        made["user_scores"], made["ranked_items"], TRAIN, TEST, FIT_FACTS, OPTIONS
    )


def test_figures_are_of_users_of_all_lists_and_of_the_fit():
    figures = figures_of(THREE)
    assert {"ndcg_at_1", "ndcg_at_1_low", "rmse", "coverage_at_2", "users_judged"} < set(figures)
    assert figures["fit_seconds"] == 1.5


def test_facts_of_the_fit_without_a_value_or_a_meaning_here_are_not_figures():
    assert not {"best_epoch", "epochs", "left_out"} & set(figures_of(THREE))


def test_a_figure_that_is_not_finite_is_missing():
    facts = FIT_FACTS | {"fit_seconds": float("nan")}
    made = evaluate_model(THREE, **PARTS, evaluation=OPTIONS, running=RUNNING)
    tables = (made["user_scores"], made["ranked_items"])
    assert "fit_seconds" not in average_scores(*tables, TRAIN, TEST, facts, OPTIONS)


def test_a_model_that_was_left_out_has_no_figures():
    assert figures_of(LEFT_OUT) == {}


def test_a_model_that_is_not_registered_comes_with_the_reason():
    off, on = (RegistrationOptions(enabled=on, models="best") for on in (False, True))
    of_none, of_three = (order_registration({}, {}, options) for options in (on, off))
    registrations = {
        "three.registration": register_model(THREE, of_three, None, *PARTS.values(), {}),
        "none.registration": register_model(LEFT_OUT, of_none, None, *PARTS.values(), {}),
        "cdae.registration": {"name": "cdae", "version": 3, "uri": "models:/cdae/3"},
    }
    table = list_registered(**registrations).set_index("model")
    assert table["not_registered"].fillna("").to_dict() == {
        "three": "registration.enabled is false",
        "none": "the table has no ratings",
        "cdae": "",
    }
    assert table.loc["cdae", ["version", "uri"]].tolist() == [3, "models:/cdae/3"]
    assert pd.isna(table.loc["three", "version"])


def test_the_pipeline_takes_every_model_to_one_leaderboard():
    given = PARTS | {"params:evaluation": OPTIONS, "params:running": RUNNING}
    for fitted in (LEFT_OUT, THREE):
        facts = FIT_FACTS | {"left_out": fitted.left_out}
        results = {"fitted": fitted, "fit_facts": facts, "history": {}}
        given |= {f"{fitted.name}.{name}": result for name, result in results.items()}
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in given.items()})
    to_leaderboard = create_pipeline(["none", "three"]).to_outputs("leaderboard")
    board = SequentialRunner().run(to_leaderboard, catalog)["leaderboard"].load()
    assert board["model"].tolist() == ["three", "none"]
    assert board["left_out"].tolist()[1] == "the table has no ratings"
    assert {"ndcg_at_1", "ndcg_at_1_low", "rmse", "coverage_at_2", "users_judged"} < set(board)


def test_a_model_alone_is_ordered_without_a_comparison_and_beside_others_with_it():
    order = create_pipeline(["cdae", "bias"]).filter(node_names=["cdae.order_registration"])
    assert order.inputs() == {"cdae.metrics", "best_models", "params:registration"}
    found = find_best(OPTIONS, **{"three.metrics": figures_of(THREE), "none.metrics": {}})
    assert found["best"] == ["three"]
    assert len(found["figures"]) == 2


def test_groups_are_compared_in_a_row_per_metric_and_a_column_per_model():
    groups = {"ease": {"ndcg_at_10_fifth_1": 0.2}, "mf": {"rmse_head": 0.9}, "none": {}}
    table = compare_groups(**{f"{model}.group_metrics": found for model, found in groups.items()})
    assert list(table) == ["metric", "ease", "mf", "none"]
    assert table["metric"].tolist() == ["ndcg_at_10_fifth_1", "rmse_head"]
    assert table["ease"][0] == 0.2
    assert table.isna().sum().to_dict() == {"metric": 0, "ease": 1, "mf": 1, "none": 2}


def test_every_model_has_the_same_nodes_under_its_own_name():
    pipeline = create_pipeline(["cdae", "bias"])
    cdae, bias = (
        {node.name.removeprefix(f"{model}.") for node in pipeline.nodes if node.namespace == model}
        for model in ("cdae", "bias")
    )
    assert cdae == bias
    assert {"cdae.fitted", "cdae.fit_facts", "cdae.history", "train"} < pipeline.inputs()
