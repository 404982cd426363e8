"""Compare intervals over users with known truths: coverage, and promotions of a no-better model.

    OPENBLAS_NUM_THREADS=1 python benchmarks/coverage.py

Users are drawn from distributions whose mean is known, a few thousand times for each number of
users. Three tables:

- how often the 95 % interval of a figure contains its true value, with the project's method (`now`)
  and with others: the percentiles of a bootstrap (the method of 0.2.0), BCa, the studentised
  bootstrap, and the t interval
- the same for the difference of two models in the same users, `now` and the percentiles
- how often the policy `significant` promotes a challenger that is no better than the champion

The trials of a batch share the resamples of each method, so that all three tables take about a
minute and a half on one core. Seeds are fixed: the tables are the same each time.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from collaborative_autoencoders.evaluation.versions import LEAST_BOUNDED, LEAST_UNBOUNDED
from collaborative_autoencoders.metrics.bootstrap import interval_of_means
from collaborative_autoencoders.metrics.intervals import Bounds
from collaborative_autoencoders.metrics.jackknife import (
    interval_of_ratios,
    paired_differences_of_ratios,
)

USERS = (2, 5, 10, 30, 100, 1000)
TRIALS, BATCHES, RESAMPLES, SEED = 4000, 20, 1000, 42
SHARE = Bounds(0, 1)
PERCENTILES = np.array([2.5, 97.5])

Values = NDArray[np.float64]
Random = np.random.Generator
Shape = tuple[int, int]
Ends = tuple[Values, Values]


class Users(NamedTuple):
    """What the users of each trial have, shape (U, T): Σ numerator / Σ denominator is the figure.

    With two models, `other_UT` has the numerators of the second.
    """

    value_UT: Values
    count_UT: Values
    other_UT: Values | None = None


class Truth(NamedTuple):
    """A distribution of users."""

    draw: Callable[[Random, Shape], Users]
    bounded: bool = True
    root: bool = False
    """Whether the figure is the square root of the ratio, as the RMSE is."""


def of_one_model(values: Callable[[Random, Shape], Values], bounded: bool = True) -> Truth:
    return Truth(lambda random, shape: Users(values(random, shape), np.ones(shape)), bounded)


def zeros_and_beta(share: float, a: float, b: float) -> Callable[[Random, Shape], Values]:
    """Return draws like those of NDCG: a share of zeros, and a beta distribution."""
    return lambda random, shape: np.where(
        random.random(shape) < share, 0.0, random.beta(a, b, shape)
    )


def errors(random: Random, shape: Shape, skew: float) -> tuple[Values, Values, Values]:
    """Return squared errors, numbers of ratings and variance per user, as skewed as MovieLens's."""
    count = np.maximum(1, np.rint(np.exp(random.normal(2.5, 0.9, shape))))
    variance = np.exp(random.normal(-0.2, skew, shape))
    return variance * random.chisquare(count), count, variance


def rmse_of(skew: float) -> Truth:
    return Truth(lambda random, shape: Users(*errors(random, shape, skew)[:2]), False, root=True)


ONE_MODEL = {
    "NDCG, a third zeros": of_one_model(zeros_and_beta(0.3, 2, 3)),
    "NDCG, 60 % zeros": of_one_model(zeros_and_beta(0.6, 2, 4)),
    "skewed, 0 to 1": of_one_model(lambda random, shape: random.beta(0.5, 3, shape)),
    "precision, tenths": of_one_model(
        lambda random, shape: random.binomial(10, random.beta(1, 6, shape)) / 10
    ),
    "hit rate .5": of_one_model(lambda random, shape: (random.random(shape) < 0.5) * 1.0),
    "hit rate .85": of_one_model(lambda random, shape: (random.random(shape) < 0.85) * 1.0),
    "novelty": of_one_model(lambda random, shape: 1.5 + random.gamma(4, 0.3, shape), bounded=False),
    "RMSE": rmse_of(0.3),
    "RMSE, skewed": rmse_of(0.6),
}


def pair_of(first: Callable[[Random, Shape], tuple[Values, Values]]) -> Truth:
    """Return two models whose values have the same mean."""
    return Truth(lambda random, shape: _pair(*first(random, shape)))


def _pair(one: Values, other: Values) -> Users:
    return Users(one, np.ones(one.shape), other)


def alike(draw: Callable[[Random, Shape], Values]) -> Truth:
    """Return two models whose values are drawn alike."""
    return pair_of(lambda random, shape: (draw(random, shape), draw(random, shape)))


def rare(share: float, gain: float) -> Truth:
    """Return a model that is better for most users and, at the same mean, worse for a share."""

    def draw(random: Random, shape: Shape) -> tuple[Values, Values]:
        base = np.full(shape, 0.5)
        loss = gain * (1 - share) / share
        return np.where(random.random(shape) < share, 0.5 - loss, 0.5 + gain), base

    return pair_of(draw)


def close(random: Random, shape: Shape) -> tuple[Values, Values]:
    """Return two models that agree on half of the users."""
    base = random.beta(2, 3, shape)
    moved = np.where(random.random(shape) < 0.5, base, random.beta(2, 3, shape))
    return moved, base


def rmse_pair(skew: float) -> Truth:
    """Return two models with errors in common and errors of their own."""

    def draw(random: Random, shape: Shape) -> Users:
        common, count, variance = errors(random, shape, skew)
        own, other = (
            np.maximum(common + 0.25 * variance * np.sqrt(count) * random.normal(size=shape), 0)
            for _ in range(2)
        )
        return Users(own, count, other)

    return Truth(draw, bounded=False, root=True)


def rmse_pair_with_rare_losses(random: Random, shape: Shape) -> Users:
    """Return a second model with 5 % less squared error, or 45 % more for a tenth of the users."""
    champion, count, _ = errors(random, shape, 0.3)
    loses = random.random(shape) < 0.1
    return Users(champion, count, champion * np.where(loses, 1.45, 0.95))


TWO_MODELS = {
    "NDCG, drawn alike": alike(zeros_and_beta(0.3, 2, 3)),
    "NDCG, half the users equal": pair_of(close),
    "hit rate, half the users differ": alike(lambda random, shape: random.integers(2, size=shape)),
    "hit rate, a fifth differ": alike(lambda random, shape: (random.random(shape) < 0.11) * 1.0),
    "worse for one user in five": rare(0.2, 0.05),
    "worse for one user in ten": rare(0.1, 0.05),
    "RMSE": rmse_pair(0.3),
    "RMSE, skewed": rmse_pair(0.6),
    "RMSE, worse for one in ten": Truth(rmse_pair_with_rare_losses, bounded=False, root=True),
}


def batches(truth: Truth, n_users: int) -> Iterator[tuple[Users, int]]:
    """Yield the users of the trials, with the seed of the resamples."""
    random = np.random.default_rng([SEED, n_users])
    for batch in range(BATCHES):
        yield truth.draw(random, (n_users, TRIALS // BATCHES)), SEED + batch


def true_value(truth: Truth) -> float:
    """Return the ratio over four million users, which is exact to about 0.0005."""
    users = truth.draw(np.random.default_rng(SEED), (4_000_000, 1))
    return float(users.value_UT.sum() / users.count_UT.sum())


# one model


def now(truth: Truth, users: Users, seed: int) -> Ends:
    """Return the project's intervals of the ratios."""
    if truth.bounded:
        return interval_of_means(users.value_UT, RESAMPLES, seed, SHARE)
    ends = [
        interval_of_ratios(users.value_UT[:, [trial]], users.count_UT[:, trial])
        for trial in range(users.value_UT.shape[1])
    ]
    low_T1, high_T1 = (np.array(end_T) for end_T in zip(*ends, strict=True))
    return low_T1[:, 0], high_T1[:, 0]


class Drawn(NamedTuple):
    """The figures of the users as they are, and of resamples of them, R x T."""

    figure_T: Values
    error_T: Values
    resampled_RT: Values
    errors_RT: Values
    without_UT: Values


def times_drawn(n_users: int, seed: int) -> Values:
    """Return how often each user is in each resample, R x U."""
    drawn_RU = np.random.default_rng(seed).integers(n_users, size=(RESAMPLES, n_users))
    drawn_RU += n_users * np.arange(RESAMPLES)[:, None]
    times = np.bincount(drawn_RU.ravel(), minlength=RESAMPLES * n_users)
    return times.reshape(RESAMPLES, n_users).astype(np.float64)


def drawn_from(users: Users, seed: int) -> Drawn:
    """Return the ratios and their standard errors (of the linearised ratio)."""
    n_users = len(users.value_UT)
    times_RU = times_drawn(n_users, seed)
    figure_T, error_T = _figures(np.ones((1, n_users)), users)
    resampled_RT, errors_RT = _figures(times_RU, users)
    totals = (x_UT.sum(axis=0) - x_UT for x_UT in (users.value_UT, users.count_UT))
    without_UT = np.divide(*totals)
    return Drawn(figure_T[0], error_T[0], resampled_RT, errors_RT, without_UT)


def _figures(times_RU: Values, users: Users) -> tuple[Values, Values]:
    x_UT, n_UT = users.value_UT, users.count_UT
    total_RT, count_RT = times_RU @ x_UT, times_RU @ n_UT
    figure_RT = total_RT / count_RT
    squares_RT = (
        times_RU @ x_UT**2
        - 2 * figure_RT * (times_RU @ (x_UT * n_UT))
        + figure_RT**2 * (times_RU @ n_UT**2)
    )
    n_users = times_RU.shape[1]
    variance_RT = np.maximum(squares_RT, 0) * n_users / (n_users - 1)
    return figure_RT, np.sqrt(variance_RT) / count_RT


def percentiles(drawn: Drawn, n_users: int) -> Ends:
    low_T, high_T = np.percentile(drawn.resampled_RT, PERCENTILES, axis=0)
    return low_T, high_T


def t_interval(drawn: Drawn, n_users: int) -> Ends:
    half_T = stdtrit(n_users - 1, 0.975) * drawn.error_T
    return drawn.figure_T - half_T, drawn.figure_T + half_T


def studentised(drawn: Drawn, n_users: int) -> Ends:
    """Return the bootstrap-t interval (Efron and Tibshirani 1993, 12.5)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t_RT = (drawn.resampled_RT - drawn.figure_T) / drawn.errors_RT
    low_T, high_T = np.percentile(
        np.nan_to_num(t_RT, nan=0, posinf=1e9, neginf=-1e9), PERCENTILES, 0
    )
    return drawn.figure_T - high_T * drawn.error_T, drawn.figure_T - low_T * drawn.error_T


def bca(drawn: Drawn, n_users: int) -> Ends:
    """Return the bias-corrected and accelerated interval (Efron and Tibshirani 1993, 14.3)."""
    below_T = (drawn.resampled_RT < drawn.figure_T).mean(axis=0)
    bias_T = ndtri(np.clip(below_T, 1 / RESAMPLES, 1 - 1 / RESAMPLES))
    change_UT = drawn.without_UT.mean(axis=0) - drawn.without_UT
    spread_T = (change_UT**2).sum(axis=0) ** 1.5
    skew_T = (change_UT**3).sum(axis=0) / np.where(spread_T > 0, 6 * spread_T, 1)
    ordered_RT = np.sort(drawn.resampled_RT, axis=0)
    ends = []
    for quantile in ndtri(PERCENTILES / 100):
        moved_T = bias_T + quantile
        place_T = ndtr(bias_T + moved_T / np.maximum(1 - skew_T * moved_T, 0.1)) * (RESAMPLES - 1)
        ends.append(ordered_RT[np.rint(place_T).astype(int), np.arange(len(place_T))])
    return ends[0], ends[1]


OTHERS = {"percentiles": percentiles, "BCa": bca, "studentised": studentised, "t": t_interval}


def coverage_of_one_model(truth: Truth, n_users: int, value: float) -> dict[str, float]:
    """Return the share of trials whose interval contains the true value, by method."""
    contains: dict[str, list[float]] = {name: [] for name in (*OTHERS, "now")}
    for users, seed in batches(truth, n_users):
        drawn = drawn_from(users, seed)
        ends = {name: method(drawn, n_users) for name, method in OTHERS.items()}
        ends["now"] = now(truth, users, seed)
        for name, (low_T, high_T) in ends.items():
            contains[name].append(float(((low_T <= value) & (value <= high_T)).mean()))
    return {name: float(np.mean(shares)) for name, shares in contains.items()}


# two models


def difference_now(truth: Truth, users: Users, seed: int) -> Ends:
    """Return the project's intervals of first − second."""
    assert users.other_UT is not None
    if truth.bounded:  # the same as `paired_differences_of_means` of each trial
        difference_UT = users.value_UT - users.other_UT
        return interval_of_means(difference_UT, RESAMPLES, seed, SHARE.of_differences)
    ends = []
    for trial in range(users.value_UT.shape[1]):
        both_UM = np.stack([users.value_UT[:, trial], users.other_UT[:, trial]], axis=1)
        count_UM = np.repeat(users.count_UT[:, [trial]], 2, axis=1)
        found = paired_differences_of_ratios(both_UM, count_UM, np.sqrt)
        ends.append((found.low_MM[0, 1], found.high_MM[0, 1]))
    low_T, high_T = np.array(ends).T
    return low_T, high_T


def difference_before(truth: Truth, users: Users, seed: int) -> Ends:
    """Return the percentiles of the differences of resamples, as 0.2.0 did."""
    n_users = len(users.value_UT)
    times_RU = times_drawn(n_users, seed)
    count_RT = times_RU @ users.count_UT
    first_RT, second_RT = (times_RU @ x_UT / count_RT for x_UT in (users.value_UT, users.other_UT))
    if truth.root:
        first_RT, second_RT = np.sqrt(first_RT), np.sqrt(second_RT)
    low_T, high_T = np.percentile(first_RT - second_RT, PERCENTILES, axis=0)
    return low_T, high_T


class Rates(NamedTuple):
    """Shares of trials, before and now."""

    covered: tuple[float, float]
    promoted: tuple[float, float]


def rates_of_two_models(truth: Truth, n_users: int) -> Rates:
    """Return how often the interval contains 0, and how often it is above 0.

    Where it is above 0, the challenger is promoted if there are enough users. The challenger is the
    first model, or for RMSE the second.
    """
    least = LEAST_BOUNDED if truth.bounded else LEAST_UNBOUNDED
    shares = []
    for users, seed in batches(truth, n_users):
        row = []
        for ends, fewest in (
            (difference_before(truth, users, seed), 1),
            (difference_now(truth, users, seed), least),
        ):
            low_T, high_T = ends
            row += [((low_T <= 1e-12) & (high_T >= -1e-12)).mean()]
            row += [(low_T > 1e-12).mean() * (n_users >= fewest)]
        shares.append(row)
    covered_before, promoted_before, covered, promoted = np.mean(shares, axis=0)
    return Rates((covered_before, covered), (promoted_before, promoted))


def line(name: str, method: str, rates: list[float]) -> str:
    cells = (" " * 7 if np.isnan(rate) else f"{rate:7.3f}" for rate in rates)
    return f"{name:32}{method:13}" + "".join(cells)


def heading(title: str) -> str:
    return f"\n{title}\n{'users':45}" + "".join(f"{n:7d}" for n in USERS)


def main() -> None:
    print(heading("Coverage of the 95 % interval of a figure (at least .93 from 5 users on)"))
    for name, truth in ONE_MODEL.items():
        value = true_value(truth)
        columns = [coverage_of_one_model(truth, n_users, value) for n_users in USERS]
        for method in columns[0]:
            label = name if method == "percentiles" else ""
            print(line(label, method, [column[method] for column in columns]), flush=True)
    rates = {
        name: [rates_of_two_models(truth, n_users) for n_users in USERS]
        for name, truth in TWO_MODELS.items()
    }
    for title, field in (
        ("Coverage of the 95 % interval of the difference of two models", "covered"),
        ("Promotions of a no-better challenger, policy: significant (at most .025)", "promoted"),
    ):
        print(heading(title))
        for name, columns in rates.items():
            for method, place in (("percentiles", 0), ("now", 1)):
                label = "" if place else name
                cells = [getattr(column, field)[place] for column in columns]
                print(line(label, method, cells), flush=True)


if __name__ == "__main__":
    main()
