"""Time the evaluation of all users at k = 100 against two plain implementations.

    OPENBLAS_NUM_THREADS=1 python benchmarks/evaluation.py [--implicit ENV/bin/python]

All three give the same figures, which is asserted. One thread for all three: on a shared machine
the threads of a matrix product wait for each other. The data are fabricated and have the size of
MovieLens 1M (6,040 users, 3,700 items, a million ratings). The model has random factors, so the
time is that of the evaluation: score every item, exclude seen items, take the best 100, find the
hits, compute all metrics. What `evaluate` does besides, to check the lists and to make tables of
them, is in none of the three. One process, the implementations in turn, medians over rounds.

- a loop: one user at a time, numpy for each user
- one dense product: all users at once, every row sorted completely

Both sort stably, because ties go to the lower item. The ratios depend on the processor and on the
model (measured on a CPU with AVX-512): numpy's unstable sort is several times as fast, and with it,
and without the rule for ties, the references would be 8 and 4 times as slow as ours instead of 22
and 18. With 64 factors instead of 32 the product, which all three share, takes a larger part of the
time, and the loop is 19 times as slow.

Then it ranks 2,048 users of a large catalogue (34,140 items, 64 factors, k = 10), in rows per CPU
second, beside the matrix product alone and, with --implicit, beside `recommend` of the package
implicit on the same factors, in an environment of its own:

    python -m venv ENV && ENV/bin/pip install implicit==0.7.3
"""

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from collaborative_autoencoders.evaluation.evaluate import score_lists
from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.evaluation.ranking import rank_items
from collaborative_autoencoders.metrics.beyond_accuracy import count_recommended
from collaborative_autoencoders.metrics.table import Owners, at, metrics_of

USERS, ITEMS, RATINGS, FACTORS = 6040, 3700, 1_000_000, 32
K, BATCH_SIZE, SEED, ROUNDS = 100, 512, 42, 5
MANY_ITEMS, OF_FEW_USERS, OF_MORE_FACTORS, OF_SHORT_LISTS = 34_140, 2_048, 64, 10
TARGETS = {"a user at a time": 20.0, "one product, full sort": 2.0}
HIT_METRICS = ("ndcg", "recall", "capped_recall", "precision", "map", "mrr", "hit_rate")
"""In the order in which both references compute them."""

PLACE_K = np.arange(1, K + 1)
DISCOUNT_K = 1 / np.log2(PLACE_K + 1)
BEST_K = np.cumsum(DISCOUNT_K)

Figures = dict[str, float]


class RandomFactors:
    """A model that learns nothing: a score is the product of a user's and an item's factors."""

    def __init__(
        self, generator: np.random.Generator, users: int, items: int, factors: int
    ) -> None:
        self.user_UF = generator.standard_normal((users, factors), dtype=np.float32)
        self.item_FI = generator.standard_normal((factors, items), dtype=np.float32)

    def score(self, histories_UI: csr_array, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the products of these users' factors with those of every item."""
        return self.user_UF[users_U] @ self.item_FI


class World(NamedTuple):
    """The model, the items that users have seen, and the items that are held out."""

    model: RandomFactors
    seen_UI: csr_array
    relevant_UI: csr_array


def fabricate(
    users: int = USERS, items: int = ITEMS, ratings: int = RATINGS, factors: int = FACTORS
) -> World:
    """Return ratings with a long tail; one in nine is held out."""
    generator = np.random.default_rng(SEED)
    weight_I = 1 / (np.arange(items) + 30)
    user_N = generator.integers(users, size=2 * ratings)
    item_N = generator.choice(items, size=2 * ratings, p=weight_I / weight_I.sum())
    cell_N = np.unique(user_N * items + item_N)
    cell_N = generator.choice(cell_N, size=ratings, replace=False)
    held_out_N = generator.random(ratings) < 1 / 9
    model = RandomFactors(generator, users, items, factors)
    parts = (_matrix(cell_N[keep_N], users, items) for keep_N in (~held_out_N, held_out_N))
    return World(model, *parts)


def _matrix(cell_N: NDArray[np.int64], users: int, items: int) -> csr_array:
    ones_N = np.ones(len(cell_N), dtype=np.float32)
    matrix_UI = csr_array((ones_N, np.divmod(cell_N, items)), shape=(users, items))
    matrix_UI.sort_indices()
    return matrix_UI


def rank_and_score(world: World) -> Figures:
    """Return the figures of the project's own functions."""
    known, owners_I = Known(world.seen_UI, world.seen_UI), _owners(world)
    item_UK, _ = rank_items(world.model, known, K, BATCH_SIZE)
    scores = score_lists(item_UK, world.relevant_UI, Owners(owners_I, USERS), [K])
    recommended_I = count_recommended(item_UK, ITEMS)
    of_users = {m.name: float(scores[at(m.name, K)].mean()) for m in metrics_of("list")}
    of_all = {m.name: m.function(recommended_I, owners_I) for m in metrics_of("all lists")}
    return of_users | of_all


def evaluate_a_user_at_a_time(world: World) -> Figures:
    """Return the figures with the loop that most scripts have."""
    surprise_I, owners_I = _surprise(world)
    recommended_I = np.zeros(ITEMS, dtype=np.int64)
    rows, surprises = [], []
    for user in range(USERS):
        users = np.array([user])
        scores_I = world.model.score(world.seen_UI[users], users)[0]
        scores_I[_items_of(world.seen_UI, user)] = -np.inf
        items_K = np.argsort(-scores_I, kind="stable")[:K]
        recommended_I[items_K] += 1
        surprises.append(surprise_I[items_K].mean())
        held_out = _items_of(world.relevant_UI, user)
        if len(held_out):
            relevant_I = np.zeros(ITEMS, dtype=bool)
            relevant_I[held_out] = True
            rows.append(_scores_of_a_list(relevant_I[items_K], len(held_out)))
    figures = dict(zip(HIT_METRICS, np.mean(rows, axis=0), strict=True))
    return figures | _catalogue_figures(recommended_I, owners_I, float(np.mean(surprises)))


def _scores_of_a_list(hits_K: NDArray[np.bool_], n_relevant: int) -> tuple[float, ...]:
    possible, n_hits = min(K, n_relevant), hits_K.sum()
    return (
        DISCOUNT_K[hits_K].sum() / BEST_K[possible - 1],
        n_hits / n_relevant,
        n_hits / possible,
        n_hits / K,
        (np.cumsum(hits_K) / PLACE_K)[hits_K].sum() / possible,
        1 / (hits_K.argmax() + 1) if n_hits else 0.0,
        float(n_hits > 0),
    )


def evaluate_with_a_full_sort(world: World) -> Figures:
    """Return the figures with one product for all users and every row sorted completely."""
    scores_UI = world.model.score(world.seen_UI, np.arange(USERS))
    scores_UI[_rows_of(world.seen_UI), world.seen_UI.indices] = -np.inf
    item_UK = np.argsort(-scores_UI, axis=1, kind="stable")[:, :K]
    relevant_UI = np.zeros((USERS, ITEMS), dtype=bool)
    relevant_UI[_rows_of(world.relevant_UI), world.relevant_UI.indices] = True
    hits_UK, n_relevant_U = np.take_along_axis(relevant_UI, item_UK, 1), relevant_UI.sum(axis=1)
    values = _scores_of_lists(hits_UK[n_relevant_U > 0], n_relevant_U[n_relevant_U > 0])
    figures = {name: float(v.mean()) for name, v in zip(HIT_METRICS, values, strict=True)}
    surprise_I, owners_I = _surprise(world)
    recommended_I = np.bincount(item_UK.ravel(), minlength=ITEMS)
    return figures | _catalogue_figures(recommended_I, owners_I, float(surprise_I[item_UK].mean()))


def _scores_of_lists(
    hits_UK: NDArray[np.bool_], n_relevant_U: NDArray[np.int64]
) -> tuple[NDArray, ...]:
    possible_U, n_hits_U = np.minimum(K, n_relevant_U), hits_UK.sum(axis=1)
    return (
        hits_UK @ DISCOUNT_K / BEST_K[possible_U - 1],
        n_hits_U / n_relevant_U,
        n_hits_U / possible_U,
        n_hits_U / K,
        (np.cumsum(hits_UK, axis=1) / PLACE_K * hits_UK).sum(axis=1) / possible_U,
        np.where(n_hits_U > 0, 1 / (hits_UK.argmax(axis=1) + 1), 0.0),
        n_hits_U > 0,
    )


def _items_of(matrix_UI: csr_array, user: int) -> NDArray[np.integer]:
    return matrix_UI.indices[matrix_UI.indptr[user] : matrix_UI.indptr[user + 1]]


def _rows_of(matrix_UI: csr_array) -> NDArray[np.integer]:
    return np.repeat(np.arange(USERS), np.diff(matrix_UI.indptr))


def _owners(world: World) -> NDArray[np.int64]:
    return np.bincount(world.seen_UI.indices, minlength=ITEMS)


def _surprise(world: World) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    owners_I = _owners(world)
    return -np.log2(np.maximum(owners_I, 1) / USERS), owners_I


def _catalogue_figures(
    recommended_I: NDArray[np.int64], owners_I: NDArray[np.int64], novelty_mean: float
) -> Figures:
    places = recommended_I.sum()
    lorenz_I = np.cumsum(np.sort(recommended_I)) / places
    popular_first_I = np.argsort(-owners_I, kind="stable")
    share_I = np.cumsum(owners_I[popular_first_I]) / owners_I.sum()
    head = int((share_I < 0.8).sum()) + 1
    return {
        "gini": float((ITEMS + 1 - 2 * lorenz_I.sum()) / ITEMS),
        "coverage": float((recommended_I[owners_I > 0] > 0).mean()),
        "novelty": novelty_mean,
        "average_popularity": float((recommended_I * owners_I).sum() / places),
        "long_tail_share": float(recommended_I[popular_first_I[head:]].sum() / places),
    }


def assert_alike(figures: Figures, reference: Figures) -> None:
    """Raise AssertionError if two implementations differ in a figure."""
    assert figures.keys() == reference.keys()
    for name, value in figures.items():
        np.testing.assert_allclose(value, reference[name], rtol=1e-9, err_msg=name)


def seconds_of(implementation: Callable[[World], Figures], world: World) -> float:
    start = time.perf_counter()
    implementation(world)
    return time.perf_counter() - start


def compare_top_k(implicit: str | None) -> None:
    """Print the rows per CPU second of a large catalogue: the product, ours, and implicit's."""
    users, k = OF_FEW_USERS, OF_SHORT_LISTS
    world = fabricate(users, MANY_ITEMS, 75 * users, OF_MORE_FACTORS)
    known, users_U = Known(world.seen_UI, world.seen_UI), np.arange(users)
    batches = np.array_split(users_U, users // BATCH_SIZE)

    def rank() -> NDArray[np.int32]:
        return rank_items(world.model, known, k, BATCH_SIZE)[0]

    product = rows_per_cpu_second(lambda: [world.model.score(known[0], each) for each in batches])
    ours = rows_per_cpu_second(rank)
    print(f"ranking {users} users x {MANY_ITEMS} items at k = {k}, rows per CPU second:")
    print(f"  the product alone {product:,.0f}, ours {ours:,.0f}")
    if implicit is None:
        print("  left out: --implicit takes the python of an environment with implicit")
        return
    theirs, lists_UK = by_implicit(implicit, world, k)
    same = float((lists_UK == rank()).mean())
    assert same > 0.999, f"only {same:.2%} of the places have the same item"
    print(f"  implicit {theirs:,.0f}; ours {ours / theirs:.2f} x (target 1 x)")


def rows_per_cpu_second(function: Callable[[], object]) -> float:
    """Return the median over rounds."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return OF_FEW_USERS / median(seconds)


def by_implicit(python: str, world: World, k: int) -> tuple[float, NDArray[np.int32]]:
    """Return implicit's rows per CPU second on the same factors, and its lists."""
    with TemporaryDirectory() as folder:
        np.savez(
            f"{folder}/factors.npz",
            user_UF=world.model.user_UF,
            item_IF=np.ascontiguousarray(world.model.item_FI.T),
            indptr=world.seen_UI.indptr,
            indices=world.seen_UI.indices,
        )
        script = Path(__file__).with_name("implicit_top_k.py").resolve()
        command = [python, "-W", "ignore", str(script), folder, str(k), str(ROUNDS)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return median(json.loads(done.stdout)), np.load(f"{folder}/lists.npy")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--implicit", metavar="PYTHON", help="python of implicit's environment")
    implicit = options.parse_args().implicit
    compare_with_plain_implementations()
    compare_top_k(implicit)


def compare_with_plain_implementations() -> None:
    """Print how long both references take beside ours."""
    world, ours = fabricate(), rank_and_score
    implementations = (evaluate_a_user_at_a_time, evaluate_with_a_full_sort)
    references = dict(zip(TARGETS, implementations, strict=True))
    figures = ours(world)
    for reference in references.values():
        assert_alike(figures, reference(world))
    rounds = [
        {each: seconds_of(each, world) for each in (ours, *implementations)} for _ in range(ROUNDS)
    ]
    our_seconds = median(seconds[ours] for seconds in rounds)
    print(f"evaluating {USERS} users x {ITEMS} items at k = {K}: {our_seconds:.3f} s")
    for name, reference in references.items():
        theirs = median(seconds[reference] for seconds in rounds)
        ratio = theirs / our_seconds
        print(f"  {name}: {theirs:.3f} s, {ratio:.1f} x (target {TARGETS[name]:.0f} x)")


if __name__ == "__main__":
    main()
