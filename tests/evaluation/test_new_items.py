"""New items: held out whole, ranked by features, compared with baselines, listed."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from evaluation.small_world import options_with
from model_options import options_of, parameters_of
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation.new_items import scores_of_random
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.new_items import NewItemsOptions
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.metrics.ranking import ndcg, recall
from collaborative_autoencoders.models.ease import EASE
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.pipelines.new_items import nodes

USERS, ITEMS, GENRES = 60, 80, 4
CORE = USERS, ITEMS
OPTIONS = NewItemsOptions.model_validate(
    parameters_of("base")["new_items"] | {"n": 2, "penalties": [1, 10], "exponents": [0, 1]}
)


def world(seed=0):
    """Users who like most items of one genre and few others, in three parts."""
    random = np.random.default_rng(seed)
    same_UI = np.arange(USERS)[:, None] % GENRES == np.arange(ITEMS) % GENRES
    liked_UI = random.random((USERS, ITEMS)) < np.where(same_UI, 0.7, 0.05)
    place_UI = random.random((USERS, ITEMS))
    ends = {"train": (0, 0.6), "validation": (0.6, 0.8), "test": (0.8, 1)}
    return {
        name: Interactions.of(
            csr_array(5.0 * (liked_UI & (place_UI >= low) & (place_UI < high))).astype(np.float32),
            4,
        )
        for name, (low, high) in ends.items()
    }


PARTS = world()
CHOSEN = {"chosen": {"item_features": 1}, "list_length": OPTIONS.n}


def described(genre_I):
    """Films with these genres; nobody has rated the last two."""
    return pd.DataFrame(
        {
            "item_index": [*range(ITEMS), -1, -1],
            "item_id": range(ITEMS + 2),
            "title": [f"Film {n}" for n in range(ITEMS + 2)],
            "features": [*(f"genres: {genre}" for genre in genre_I), "genres: 1", ""],
        }
    )


BY_GENRE = described(np.arange(ITEMS) % GENRES)


def fitted_on(train, validation):
    model = EASE(options_of("ease", model__penalty_factor=1).model, Catalogue(USERS, ITEMS, 1, 5))
    model.fit(train.joined_view(validation, "likes"))
    parts = fingerprint(train=train, validation=validation)
    return Fitted("ease", model, refitted=True, parts=parts)


def evaluated(item_features, parts=PARTS):
    held_out = nodes.hold_out_items(item_features, parts["train"], parts["validation"], OPTIONS)
    fitted = fitted_on(held_out["train_without_new"], held_out["validation_without_new"])
    return nodes.evaluate_new_items(
        fitted, item_features, held_out["held_out_items"], **parts, options=OPTIONS
    )


def comparison(item_features):
    found = evaluated(item_features)
    table = nodes.compare_new_items(
        found["new_items_user_scores"], found["new_items_facts"], options_with()
    )
    return table.set_index(["metric", "method"])


def test_where_likes_follow_features_new_items_are_ranked_far_better_than_at_random():
    table = comparison(BY_GENRE)
    for metric in ("ndcg_at_2", "recall_at_2"):
        assert table.loc[(metric, "random"), "verdict"] == "better"
        value = table.loc[metric, "value"]
        assert value["item_features"] > 1.5 * value["random"]
    rows = table.loc["ndcg_at_2"]
    assert (rows["value_low"] < rows["value"]).all()
    assert (rows["value"] < rows["value_high"]).all()


def test_with_the_features_of_other_items_they_are_not():
    shuffled = described(np.random.default_rng(1).permutation(ITEMS) % GENRES)
    value = comparison(shuffled).loc["ndcg_at_2", "value"]
    assert value["item_features"] < 1.2 * value["random"]


def test_held_out_items_are_in_no_part_of_the_fit_and_do_not_depend_on_the_order_of_rows():
    backwards = BY_GENRE.iloc[::-1].reset_index(drop=True)
    first, second = (
        nodes.hold_out_items(table, PARTS["train"], PARTS["validation"], OPTIONS)
        for table in (BY_GENRE, backwards)
    )
    held_out = first["held_out_items"]
    pd.testing.assert_frame_equal(held_out, second["held_out_items"])
    assert held_out["held_out_for"].value_counts().to_dict() == {"test": 8, "choosing": 8}
    assert held_out["item_index"].is_unique
    for part in ("train", "validation"):
        remaining = first[f"{part}_without_new"].ratings
        assert not np.isin(remaining.indices, held_out["item_index"]).any()
        lost = PARTS[part].ratings[:, held_out["item_index"].to_numpy()].nnz
        assert remaining.nnz + lost == PARTS[part].ratings.nnz


def test_options_are_chosen_without_the_likes_of_the_test():
    nothing = Interactions.of(csr_array((USERS, ITEMS), dtype=np.float32), 4)
    facts = [
        evaluated(BY_GENRE, PARTS | {"test": part})["new_items_facts"]
        for part in (PARTS["test"], nothing)
    ]
    assert facts[0] == facts[1]
    assert facts[0]["chosen"].keys() == {
        *("item_features", "popular_in_features", "popular_in_category")
    }


def test_random_is_the_mean_over_all_orders():
    relevant = np.array([True, False, True, False, False])
    hits = np.array([order[:3] for order in permutations(relevant)])
    count = np.full(len(hits), 2)
    found = scores_of_random(csr_array(relevant[None].astype(float)), 3)
    assert found["ndcg_at_3"].tolist() == pytest.approx([ndcg(hits, count).mean()])
    assert found["recall_at_3"].tolist() == pytest.approx([recall(hits, count).mean()])


@pytest.fixture(scope="module")
def lists():
    train, validation = PARTS["train"], PARTS["validation"]
    users = pd.DataFrame({"user_index": range(USERS), "user_id": [f"u{n}" for n in range(USERS)]})
    fitted = fitted_on(train, validation)
    found = nodes.list_new_items(fitted, BY_GENRE, users, *PARTS.values(), CHOSEN)
    return found, fitted.model.score(train.likes + validation.likes, np.arange(USERS))


def test_items_that_nobody_has_rated_are_listed_with_finite_scores(lists):
    found, _ = lists
    assert found["user_id"].nunique() == USERS
    assert set(found["item_id"]) == {ITEMS, ITEMS + 1}
    assert np.isfinite(found["score"]).all()
    first = found[found["rank"] == 1].set_index("user_id")["item_id"]
    of_genre_1 = first[[f"u{n}" for n in range(1, USERS, GENRES)]]
    assert (of_genre_1 == ITEMS).all(), "film 80 is of genre 1, film 81 of none"


def test_the_place_is_the_one_among_the_unseen_items_of_the_core(lists):
    found, scores_UI = lists
    seen_UI = sum(part.ratings for part in PARTS.values()).toarray() > 0
    for line in found.itertuples():
        user = int(line.user_id[1:])
        above = (scores_UI[user] > line.score) & ~seen_UI[user]
        assert line.place == above.sum() + line.rank


@pytest.mark.parametrize("rated_in", ["train", "test"])
def test_an_item_outside_the_core_is_not_listed_for_a_user_who_has_rated_it(rated_in):
    parts = {}
    for name, part in PARTS.items():
        rated_UI = np.pad(part.ratings.toarray(), ((0, 0), (0, 1)))
        rated_UI[3, ITEMS] = 2 * (name == rated_in)
        parts[name] = Interactions.of(csr_array(rated_UI), 4, core_shape=CORE)
    features = BY_GENRE.assign(item_index=[*range(ITEMS + 1), -1])
    users = pd.DataFrame({"user_index": range(USERS), "user_id": range(USERS)})
    fitted = fitted_on(parts["train"], parts["validation"])
    found = nodes.list_new_items(fitted, features, users, *parts.values(), CHOSEN)
    assert ITEMS not in set(found.loc[found["user_id"] == 3, "item_id"])
    assert (found["item_id"] == ITEMS).sum() == USERS - 1


def test_too_few_items_and_a_split_by_users_are_refused_with_a_fix():
    few = OPTIONS.model_copy(update={"fraction": 0.01})
    with pytest.raises(ValueError, match=r"0.01 of the 80 items.*rounds down to 0. Increase"):
        nodes.hold_out_items(BY_GENRE, PARTS["train"], PARTS["validation"], few)
    by_users = Interactions.of(csr_array(np.full((USERS, ITEMS), 5.0, dtype=np.float32)), 4)
    by_users = by_users.split_off(np.arange(by_users.ratings.nnz) % 2 == 0)
    with pytest.raises(ValueError, match="Set split.kind: hash"):
        nodes.hold_out_items(BY_GENRE, PARTS["train"], by_users, OPTIONS)
