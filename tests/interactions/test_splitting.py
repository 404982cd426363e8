"""The split depends on the seed and the raw ids alone, and its parts are the table."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_options import parameters_of
from pydantic import ValidationError

from collaborative_autoencoders.columns import ROW
from collaborative_autoencoders.interactions import row_hash, splitting
from collaborative_autoencoders.interactions.ids import Ids, index_ids, known_indices
from collaborative_autoencoders.interactions.split_options import (
    TEST,
    TRAIN,
    VALIDATION,
    SplitOptions,
    floor_share,
)
from collaborative_autoencoders.interactions.splitting import (
    as_numbers,
    split_interactions,
    split_parts,
)

SPLIT = parameters_of("test")["split"]

tables = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 12)), min_size=1).map(sorted)
withins = st.sampled_from(["user", "global"])


def make_options(
    within="user", test=0.2, validation=0.25, validation_of="rest", seed=42
) -> SplitOptions:
    return SplitOptions.model_validate(
        SPLIT
        | {
            "within": within,
            "test_fraction": test,
            "validation_fraction": validation,
            "validation_of": validation_of,
            "seed": seed,
        }
    )


def make_ratings(pairs) -> pd.DataFrame:
    table = pd.DataFrame(list(pairs), columns=["user_id", "item_id"])
    return table.assign(rating=np.float32(1) + (table["user_id"] + table["item_id"]) % 5)


def part_of_pair(pairs, options) -> dict[tuple, int]:
    ratings = make_ratings(pairs)
    ids = index_ids(ratings)
    users, items = (
        known_indices(ids.users, ratings["user_id"]),
        known_indices(ids.items, ratings["item_id"]),
    )
    return dict(zip(pairs, split_parts(users, items, ids, options).tolist(), strict=True))


def full_table(n_users, n_items) -> list[tuple[int, int]]:
    return [(user, item) for user in range(n_users) for item in range(n_items)]


def counts_of(parts) -> dict[int, int]:
    values, counts = np.unique(list(parts), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def test_ten_rows_of_a_user_fall_as_in_the_drawing():
    parts = part_of_pair(full_table(3, 10), make_options()).values()

    assert counts_of(parts) == {TEST: 3 * 2, VALIDATION: 3 * 2, TRAIN: 3 * 6}


@pytest.mark.parametrize(
    ("validation_of", "n_validation"),
    [("rest", 7), ("all", 10)],  # floor(.1 x (100 - 29)) and floor(.1 x 100)
)
def test_fractions_are_taken_as_on_paper(validation_of, n_validation):
    options = make_options(test=0.29, validation=0.1, validation_of=validation_of)

    parts = part_of_pair(full_table(1, 100), options).values()

    assert counts_of(parts) == {TEST: 29, VALIDATION: n_validation, TRAIN: 71 - n_validation}


@given(st.integers(0, 100_000), st.integers(0, 999))
def test_a_share_is_the_floor_of_the_exact_product(count, thousandths):
    assert floor_share(np.array([count]), thousandths / 1000)[0] == count * thousandths // 1000


times_of_rows = st.one_of(
    st.just([]),
    st.lists(st.integers(-(2**62), 2**62), min_size=78, max_size=78),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=78, max_size=78),
)


@given(tables, withins, times_of_rows)
def test_the_parts_are_the_table_and_share_nothing(pairs, within, times):
    ratings = make_ratings(pairs)
    if times:
        ratings["timestamp"], ratings[ROW] = times[: len(pairs)], np.arange(len(pairs))

    split = split_interactions(ratings, index_ids(ratings), make_options(within), like_threshold=4)

    both = split.train.joined(split.validation)
    whole = both.joined(split.test)  # raises ValueError if they share a cell
    assert whole.ratings.data.tolist() == ratings["rating"].tolist()
    assert whole.ratings.nnz == sum(part.ratings.nnz for part in split)
    user_N, item_N = (pd.factorize(ratings[name], sort=True)[0] for name in ("user_id", "item_id"))
    assert np.array_equal(whole.ratings.tocoo().coords, (user_N, item_N))
    assert whole.likes.nnz == (ratings["rating"] >= 4).sum()
    for part in split:
        np.testing.assert_array_equal(part.likes.toarray(), part.ratings.toarray() >= 4)
    if times:
        assert whole.times.dtype == ratings["timestamp"].dtype
        assert whole.times.data.tolist() == ratings["timestamp"].tolist()
        assert sorted(whole.order.data) == sorted(
            place + 1 for n in np.diff(whole.likes.indptr) for place in range(n)
        )
    else:
        assert whole.times is None
        assert whole.order is None


def test_dates_become_seconds_since_1970():
    dates = pd.Series(
        pd.to_datetime(["1970-01-01 00:00:00", "2001-09-09 01:46:40", "1969-12-31 23:59:59"])
    )

    assert as_numbers(dates).tolist() == [0, 1_000_000_000, -1]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_dates_of_any_precision_are_in_seconds(unit):
    dates = pd.Series(pd.to_datetime(["2001-09-09 01:46:40"])).astype(f"datetime64[{unit}]")

    assert as_numbers(dates).tolist() == [1_000_000_000]


@pytest.mark.parametrize("number", [978300760, 0.5])
def test_times_that_are_numbers_stay_as_they_are(number):
    assert as_numbers(pd.Series([number])).tolist() == [number]


def test_two_rows_of_one_pair_are_not_split():
    ratings = make_ratings([(0, 0), (0, 0)])

    with pytest.raises(ValueError, match="duplicate pair of user and item"):
        split_interactions(ratings, index_ids(ratings), make_options(test=0), like_threshold=4)


@given(tables, withins, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(pairs, within, random):
    shuffled = random.sample(pairs, len(pairs))

    assert part_of_pair(shuffled, make_options(within)) == part_of_pair(pairs, make_options(within))


@given(tables, withins)
def test_another_users_rows_do_not_matter(pairs, within):
    user = pairs[0][0]
    alone = [pair for pair in pairs if pair[0] == user]

    together = part_of_pair(pairs, make_options(within))

    assert part_of_pair(alone, make_options(within)) == {pair: together[pair] for pair in alone}


def test_another_seed_gives_another_split():
    pairs = full_table(20, 50)

    one = np.array(list(part_of_pair(pairs, make_options(seed=1)).values()))
    other = np.array(list(part_of_pair(pairs, make_options(seed=2)).values()))

    # of the 20 % that are test under one seed, 20 % are test under the other
    assert ((one == TEST) & (other == TEST)).mean() == pytest.approx(0.04, abs=0.03)


def test_without_ratings_every_row_is_a_like():
    ratings = make_ratings(full_table(2, 10)).drop(columns="rating")

    split = split_interactions(ratings, index_ids(ratings), make_options(), like_threshold=4)

    for part in split:
        np.testing.assert_array_equal(part.ratings.data, 1)
        np.testing.assert_array_equal(part.likes.toarray(), part.ratings.toarray())


def test_a_user_with_one_row_keeps_it_for_training():
    assert part_of_pair([(0, 0)], make_options()) == {(0, 0): TRAIN}


def test_rows_with_the_same_hash_go_by_the_digest_of_their_item(monkeypatch):
    monkeypatch.setattr(splitting, "hash_rows", lambda users, *_: np.zeros(len(users), np.uint32))
    pairs = full_table(3, 10)

    parts = part_of_pair(pairs[::-1], make_options())

    by_digest = sorted(range(10), key=lambda item: hashlib.sha256(str(item).encode()).digest())
    for user in range(3):
        in_order = [parts[user, item] for item in by_digest]
        assert in_order == [TEST] * 2 + [VALIDATION] * 2 + [TRAIN] * 6


def mix_with_whole_numbers(state: int) -> int:
    for _ in range(2):
        state = ((state ^ (state >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    return state ^ (state >> 16)


@given(st.integers(0, 2**32 - 1), st.text(), st.integers())
def test_any_engine_can_repeat_the_hash(seed, user, item):
    state = mix_with_whole_numbers(seed)
    for raw_id in (user, item):
        digest = int(hashlib.sha256(str(raw_id).encode()).hexdigest()[:15], 16)
        for limb in (digest >> 30, digest & (2**30 - 1)):
            state = mix_with_whole_numbers(state ^ limb)

    one_row = np.array([0])
    users, items = row_hash.digests_of([user]), row_hash.digests_of([item])
    assert row_hash.hash_rows(one_row, one_row, users, items, seed).tolist() == [state]


def test_the_hash_stays_what_it_was():
    users, items = row_hash.digests_of([1, "u"]), row_hash.digests_of(["a", 7])
    index = np.array([0, 1])

    assert row_hash.hash_rows(index, index, users, items, 42).tolist() == [2398699439, 3918475532]


def fractions_of(n_users, n_items, seed=42) -> np.ndarray:
    user, item = np.divmod(np.arange(n_users * n_items), n_items)
    users, items = row_hash.digests_of(range(n_users)), row_hash.digests_of(range(n_items))
    return (row_hash.hash_rows(user, item, users, items, seed) / 2**32).reshape(n_users, n_items)


def test_each_users_order_of_items_is_its_own():
    correlation = np.corrcoef(fractions_of(200, 1000))
    others = correlation[~np.eye(200, dtype=bool)]

    # of independent orders of 1000 items: mean 0, standard deviation 1 / sqrt(1000) = .032
    assert abs(others.mean()) < 0.005
    assert others.std() == pytest.approx(0.032, abs=0.003)
    assert abs(others).max() < 0.2


def test_each_items_order_of_users_is_its_own():
    others = np.corrcoef(fractions_of(1000, 200).T)[~np.eye(200, dtype=bool)]

    assert others.std() == pytest.approx(0.032, abs=0.003)
    assert abs(others).max() < 0.2


def test_fractions_are_spread_evenly():
    counts, _ = np.histogram(fractions_of(500, 200), bins=100, range=(0, 1))

    chi_squared = ((counts - 1000) ** 2 / 1000).sum()
    assert 60 < chi_squared < 145  # 99 degrees of freedom: 99.8 % lie in between


def test_global_parts_have_the_sizes_asked_for_on_the_whole():
    options = make_options("global", test=0.1, validation=0.1)

    parts = counts_of(part_of_pair(full_table(100, 200), options).values())

    # of 20,000 rows: .1, .9 x .1 and the rest; one standard deviation is below 43
    assert parts[TEST] == pytest.approx(2000, abs=150)
    assert parts[VALIDATION] == pytest.approx(1800, abs=150)


@pytest.mark.parametrize(
    "changed",
    [
        {"test_fraction": 1},
        {"test_fraction": -0.1},
        {"validation_fraction": 1.5},
        {"validation_fraction": float("nan")},
        {"test_fraction": 0.6, "validation_fraction": 0.4, "validation_of": "all"},
        {"within": "users"},
        {"seed": -1},
        {"test_fracton": 0.2},
    ],
)
def test_options_that_make_no_sense_are_refused(changed):
    with pytest.raises(ValidationError):
        SplitOptions.model_validate(make_options().model_dump() | changed)


def test_ids_of_another_run_are_refused():
    known = index_ids(make_ratings(full_table(2, 2)))

    with pytest.raises(ValueError, match="item_id 2 .* has no index"):
        split_interactions(make_ratings([(0, 2)]), known, make_options(), 4)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), unique=True, min_size=1),
    st.integers(1, 5),
    st.integers(1, 10),
    st.sampled_from(["rest", "all"]),
)
def test_the_split_of_the_core_does_not_depend_on_other_ratings(pairs, users, items, validation_of):
    options = make_options(validation_of=validation_of)
    in_core_N = np.array([user < users and item < items for user, item in pairs])
    user_N, item_N = np.array(pairs).T
    ids = Ids(
        pd.DataFrame({"user_index": range(5), "user_id": range(5)}),
        pd.DataFrame({"item_index": range(10), "item_id": range(10)}),
    )
    parts_N = split_parts(user_N, item_N, ids, options, in_core_N)

    alone_N = split_parts(user_N[in_core_N], item_N[in_core_N], ids, options)
    assert parts_N[in_core_N].tolist() == alone_N.tolist()
    together_N = split_parts(user_N, item_N, ids, options)
    for user in range(5):
        mine = user_N == user
        assert (parts_N[mine] == 2).sum() == (together_N[mine] == 2).sum()
        if validation_of == "rest":
            assert (parts_N[mine] == 1).sum() == (together_N[mine] == 1).sum()
