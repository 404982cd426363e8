"""Workers rank, predict and score as one machine does, to the last digit."""

from dataclasses import replace
from pathlib import Path

import fits
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from checkerboard import World, checkerboard, split_by_users, with_others
from model_options import RUNNING
from sharded import stored, write

from collaborative_autoencoders import cluster
from collaborative_autoencoders.cluster import batches, evaluating
from collaborative_autoencoders.evaluation import shards, tallies
from collaborative_autoencoders.evaluation.beyond_accuracy import Histories
from collaborative_autoencoders.evaluation.evaluate import have_lists
from collaborative_autoencoders.evaluation.known import count_owners, known_of
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.evaluation.tallies import ListTally, PredictionTally
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.interactions.part_rows import ShardedPart
from collaborative_autoencoders.metrics.groups import POPULARITY_GROUPS, third_of_items
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.registry import model_class
from collaborative_autoencoders.pipelines.evaluation import engine, nodes

pytestmark = pytest.mark.spark

WORLD = with_others(checkerboard(n_users=100), n_users=20)
OPTIONS = {
    "k": [1, 5, 20],
    "primary_metric": "ndcg_at_5",
    "test_users": None,
    "batch_size": 7,
    "bootstrap_resamples": 50,
    "seed": 0,
}
SAMPLE = {"test_users": 40}
HERE, THERE = (
    EvaluationOptions.model_validate(OPTIONS | {"engine": engine})
    for engine in ("one_machine", "spark")
)


def fitted_to_world(name: str, world: World = WORLD) -> Fitted:
    """Return a model, fitted on what it knows of the world."""
    users, items = world.train.seen_by(model_class(name).learns_from).shape
    fitted = fits.fit(name, world._replace(catalogue=Catalogue(users, items, 1, 5)))
    return fitted._replace(parts=fingerprint(**world.parts))


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> list[ShardedPart]:
    """The parts of the world, in folders that workers read."""
    folder = tmp_path_factory.mktemp("parts")
    names = ("train", "validation", "test")
    return [stored(part, folder / name) for name, part in zip(names, WORLD[:3], strict=True)]


@pytest.fixture
def nine_shards(monkeypatch):
    """Let shards have 14 users, so that the last of nine has no user of the core."""
    monkeypatch.setattr(shards, "USERS_PER_SHARD", 14)


def in_order(table: object, like: pd.DataFrame) -> pd.DataFrame:
    return table.toArrow().to_pandas().sort_values(like.columns.tolist()[:2], ignore_index=True)


@pytest.mark.parametrize(
    "name", ["popularity", "bias", "ease", "itemknn", "sequential_ease", "cdae", "autorec"]
)
def test_lists_predictions_scores_and_figures_are_those_of_one_machine(
    spark, parts, nine_shards, name
):
    fitted = fitted_to_world(name)
    one, other = (
        nodes.evaluate_model(fitted, *parts, options, RUNNING) for options in (HERE, THERE)
    )
    pd.testing.assert_frame_equal(other["user_scores"], one["user_scores"], check_exact=True)
    for table in ("ranked_items", "predicted_ratings"):
        found = in_order(other[table], one[table])
        pd.testing.assert_frame_equal(found, one[table], check_exact=True)
    figures = [
        nodes.average_scores(
            each["user_scores"], each["ranked_items"], WORLD.train, WORLD.test, {}, options
        )
        for each, options in ((one, HERE), (other, THERE))
    ]
    assert figures[0] == figures[1]
    broken = [
        nodes.break_down(
            *(each[name] for name in ("user_scores", "ranked_items", "predicted_ratings")),
            *WORLD[:3],
            options,
        )
        for each, options in ((one, HERE), (other, THERE))
    ]
    assert broken[0] == broken[1]


def test_a_sample_of_users_is_evaluated_as_on_one_machine(spark, parts, nine_shards):
    fitted = fitted_to_world("autorec_user")
    one, other = (
        nodes.evaluate_model(fitted, *parts, options.model_copy(update=SAMPLE), RUNNING)
        for options in (HERE, THERE)
    )
    pd.testing.assert_frame_equal(other["user_scores"], one["user_scores"], check_exact=True)
    found = in_order(other["ranked_items"], one["ranked_items"])
    pd.testing.assert_frame_equal(found, one["ranked_items"], check_exact=True)
    broken = [
        nodes.break_down(
            **made, **WORLD.parts, test=WORLD.test, evaluation=options.model_copy(update=SAMPLE)
        )
        for made, options in ((one, HERE), (other, THERE))
    ]
    assert broken[0] == broken[1]


@pytest.mark.parametrize("name", ["cdae", "autorec", "sequential_ease"])
def test_users_whom_no_fit_has_seen_are_evaluated_as_on_one_machine(
    spark, tmp_path, nine_shards, name
):
    world = split_by_users(WORLD)
    fitted = fitted_to_world(name, world)
    parts = [stored(part, tmp_path / str(number)) for number, part in enumerate(world[:3])]
    one, other = (
        nodes.evaluate_model(fitted, *parts, options, RUNNING) for options in (HERE, THERE)
    )
    assert len(one["user_scores"]) > 10
    pd.testing.assert_frame_equal(other["user_scores"], one["user_scores"], check_exact=True)
    for table in ("ranked_items", "predicted_ratings"):
        found = in_order(other[table], one[table])
        pd.testing.assert_frame_equal(found, one[table], check_exact=True)


def test_a_score_that_is_no_number_is_refused_with_the_same_words(spark, tmp_path, nine_shards):
    is_late_U = np.arange(WORLD.train.shape[0]) > 30  # in the third shard and those after it
    known = {name: part.without_users(is_late_U) for name, part in WORLD.parts.items()}
    parts = {**known, "test": WORLD.test}
    folders = {name: tmp_path / name for name in parts}
    fitted = fitted_to_world("ease")._replace(parts=fingerprint(**known))
    nan_I = np.full(WORLD.train.core_shape[1], np.nan)  # ranks the lists without a history
    histories = known_of(fitted, **known)._replace(likes_I=nan_I)
    read = {name: stored(part, folders[name]) for name, part in parts.items()}
    said = []
    for options in (HERE, THERE):
        with pytest.raises(ValueError) as refused:
            engine.evaluate_all(fitted, histories, read, options)
        said.append(str(refused.value))
    assert "user_index 31 as nan" in said[0]
    assert said[0] == said[1]


def lose_a_file(folder: Path) -> None:
    (folder / "part-00001.parquet").unlink()


def replace_a_rating(folder: Path) -> None:
    other_UI = WORLD.train.ratings.copy()
    other_UI.data[0] += 0.5
    write(replace(WORLD.train, ratings=other_UI), folder)


@pytest.mark.parametrize("damage", [lose_a_file, replace_a_rating])
def test_rows_that_the_driver_has_not_read_are_refused(spark, tmp_path, damage):
    read = [stored(part, tmp_path / str(n)) for n, part in enumerate(WORLD[:3])]
    damage(tmp_path / "0")
    with pytest.raises(ValueError, match=r"read other rows of train in .* Make the parts again"):
        nodes.evaluate_model(fitted_to_world("popularity"), *read, THERE, RUNNING)


def test_a_shard_that_is_lost_and_computed_again_may_not_end_without_lists():
    problem = pa.RecordBatch.from_pydict({"name": ["problem"], "content": [b"files are missing"]})
    columns = batches.columns_of(pd.DataFrame({"rank": [1]}))
    with pytest.raises(ValueError, match="files are missing"):
        list(evaluating._unpack(columns, [problem]))


def test_a_part_that_workers_cannot_read_is_named_with_the_ways_out(spark):
    fitted = fitted_to_world("popularity")
    with pytest.raises(ValueError, match=r"read train, .* the one of conf/spark, or set evalua"):
        nodes.evaluate_model(fitted, *WORLD[:3], THERE, RUNNING)


def test_sums_of_pieces_and_what_they_refuse_are_those_of_one_machine(spark):
    fitted = fitted_to_world("bias")
    made = nodes.evaluate_model(fitted, *WORLD[:3], HERE, RUNNING)
    owners = count_owners(WORLD.train)
    about = WORLD.test, made["user_scores"], owners, HERE, 14
    known = WORLD.train, WORLD.validation
    third_I, has_list_U = third_of_items(owners.of_item_I), have_lists(WORLD.test, HERE)
    histories = Histories.of(WORLD.train, known, third_I, len(POPULARITY_GROUPS), has_list_U)
    tallied = {
        "ranked_items": ListTally(*about, histories=histories),
        "predicted_ratings": PredictionTally(*about),
    }
    for name, tally in tallied.items():
        shuffled = made[name].sample(frac=1, random_state=0)
        table = spark.createDataFrame(pa.Table.from_pandas(shuffled, preserve_index=False))
        one, other = tallies.sum_over(made[name], tally), cluster.sum_over(table, tally)
        assert one.keys() == other.keys()
        for key, values in one.items():
            np.testing.assert_array_equal(other[key], values)
        last = made[name]["user_index"].max()
        without = [each[each["user_index"] != last] for each in (made[name], table)]
        with pytest.raises(ValueError) as mine:
            tallies.sum_over(without[0], tally)
        with pytest.raises(ValueError) as theirs:
            cluster.sum_over(without[1], tally)
        assert str(mine.value) == str(theirs.value)


def test_a_model_that_was_left_out_has_empty_tables(spark):
    left_out = Fitted("ease", None, left_out="too large")
    made = nodes.evaluate_model(left_out, *WORLD[:3], THERE, RUNNING)
    assert made["ranked_items"].columns == ["user_index", "rank", "item_index", "score"]
    assert nodes.average_scores(made["user_scores"], made["ranked_items"], *[None] * 3, THERE) == {}
