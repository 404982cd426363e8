"""Whether the spread of a VAE's scores says anything about held-out likes.

    kedro run --env recbole --pipelines variational --to-nodes vae.fit_model
    python benchmarks/spread.py --env recbole

Draws codes of each user from the posterior of the fit on train and compares them with the likes of
the validation part. The test part is not read.

1. Exploration: lists by the scores of the mean code, of one drawn code, and of the mean code with
   independent noise as large as the spread. Exploration is worth its loss of NDCG if it shows more
   items.
2. Pairs of a held-out like and another item: the log loss of a logistic regression on the
   difference of their scores, whose slope may depend on what a model without a variance knows (the
   length of the history, the likes of both items), and on the spread of the difference too. It is
   fitted on half of the users and evaluated on the others.
"""

from collaborative_autoencoders.threads import let_waiting_threads_sleep

let_waiting_threads_sleep()  # as in settings.py: before torch is imported

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from numpy.typing import NDArray
from scipy.optimize import minimize

from collaborative_autoencoders.evaluation.known import Known
from collaborative_autoencoders.evaluation.ranking import rank_items
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.ranking import ndcg

ROOT = Path(__file__).parents[1]
DRAWS, USERS, K = 20, 2_000, 10

Values = NDArray[np.float64]


class Noisy(NamedTuple):
    """Scores of a VAE with noise. `kind` is mean, drawn or independent."""

    model: Any
    kind: str
    spread: float
    generator: torch.Generator

    def score(self, histories_UI: Any, users_U: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of every item, shape (U, I)."""
        if self.kind == "drawn":
            return np.asarray(self.model.draw(histories_UI, users_U, self.generator))
        scores_UI = self.model.score(histories_UI, users_U)
        if self.kind == "mean":
            return np.asarray(scores_UI)
        noise_UI = torch.randn(scores_UI.shape, generator=self.generator).numpy()
        return np.asarray(scores_UI + self.spread * noise_UI)


class Pairs(NamedTuple):
    """Pairs of a held-out like i and another item j of the same user."""

    user_N: NDArray[np.int64]
    difference_N: Values
    """Score of i − score of j, by the mean code."""
    spread_N: Values
    """Standard deviation of this difference over the drawn codes."""
    known_NF: Values
    """Logarithms: length of the history, likes of the more and of the less popular item."""


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", default="base")
    parser.add_argument("--outputs", help="folder of the files; default: that of the environment")
    asked = parser.parse_args()
    model, train, validation = loaded(asked.env, asked.outputs)
    random, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    users_U = np.flatnonzero(np.diff(validation.likes.indptr))
    users_U = np.sort(random.permutation(users_U)[:USERS])
    pairs, spread = pairs_of(model, train, validation, users_U, random, generator)
    print(f"{len(users_U):,} users, {DRAWS} codes of each\n\nlists        NDCG@{K}  items shown")
    for kind in ("mean", "drawn", "independent"):
        noisy = Noisy(model, kind, spread, generator)
        found, shown = lists(noisy, train, validation, users_U)
        print(f"{kind:12s} {found:7.4f}  {shown:11,}")
    print(f"\n{len(pairs.user_N):,} pairs, log loss", *log_losses(pairs), sep="\n")


def loaded(env: str, outputs: str | None) -> tuple[Any, Interactions, Interactions]:
    """Return the VAE as fitted on train alone, and both parts, from the files of a run."""
    bootstrap_project(ROOT)
    params = {} if outputs is None else {"outputs": outputs}
    with KedroSession.create(project_path=ROOT, env=env, runtime_params=params) as session:
        catalog = session.load_context().catalog
        names = ("vae.fitted_on_train", "train", "validation")
        fitted, train, validation = (catalog.load(name) for name in names)
    return fitted.model, train, validation


def lists(
    noisy: Noisy, train: Interactions, validation: Interactions, users_U: NDArray[np.int64]
) -> tuple[float, int]:
    """Return NDCG@10 on the held-out likes and the number of items in all lists."""
    known, held_out_UI = Known(train.likes, train.ratings), validation.likes[users_U]
    item_UK, _ = rank_items(noisy, known, K, 500, users_U)
    hits_UK, relevant_U = find_hits(item_UK, held_out_UI), count_relevant(held_out_UI)
    return float(np.nanmean(ndcg(hits_UK, relevant_U))), len(np.unique(item_UK))


def pairs_of(
    model: Any,
    train: Interactions,
    validation: Interactions,
    users_U: NDArray[np.int64],
    random: np.random.Generator,
    generator: torch.Generator,
) -> tuple[Pairs, float]:
    """Return four pairs for each held-out like, and the mean spread of a score."""
    likes_I = np.bincount(train.likes.indices, minlength=train.likes.shape[1]) + 1
    parts, spreads = [], []
    for users_B in np.array_split(users_U, max(1, len(users_U) // 100)):
        histories_BI = train.likes[users_B]
        score_BI = model.score(histories_BI, users_B)
        drawn = [model.draw(histories_BI, users_B, generator) for _ in range(DRAWS)]
        drawn_DBI = np.stack(drawn)
        spreads.append(drawn_DBI.std(axis=0).mean())
        for row, user in enumerate(users_B):
            liked = validation.likes[[user]].indices
            seen = np.concatenate([train.ratings[[user]].indices, liked])
            other_N = random.integers(len(likes_I), size=4 * len(liked))
            other_N = other_N[~np.isin(other_N, seen)]
            like_N = random.choice(liked, size=len(other_N))
            difference_DN = drawn_DBI[:, row, like_N] - drawn_DBI[:, row, other_N]
            of_both = np.sort(np.log([likes_I[like_N], likes_I[other_N]]), axis=0)
            length_N = np.full(len(like_N), np.log(histories_BI[[row]].nnz + 1))
            parts.append(
                Pairs(
                    np.full(len(like_N), user),
                    score_BI[row, like_N] - score_BI[row, other_N],
                    difference_DN.std(axis=0),
                    np.column_stack([length_N, *of_both]),
                )
            )
    return Pairs(*map(np.concatenate, zip(*parts, strict=True))), float(np.mean(spreads))


def log_losses(pairs: Pairs) -> list[str]:
    """Return a line for each regression: its log loss, and the gain of the spread."""
    user_N, difference_N, spread_N, known_NF = pairs
    spread_N1 = np.log(np.maximum(spread_N, 1e-9))[:, None]
    slopes = {
        "one slope": known_NF[:, :0],
        "and the spread": spread_N1,
        "slope by length": known_NF[:, :1],
        "and the spread ": np.hstack([known_NF[:, :1], spread_N1]),
        "slope by length and popularity": known_NF,
        "and the spread  ": np.hstack([known_NF, spread_N1]),
    }
    is_fitted_N = user_N % 2 == 0
    losses = {
        name: losses_of(difference_N, slope_NF, is_fitted_N) for name, slope_NF in slopes.items()
    }
    lines = []
    for without, beside in list(zip(losses, list(losses)[1:], strict=False))[::2]:
        gain, error = gain_of(losses[without] - losses[beside], user_N[~is_fitted_N])
        lines.append(f"{without:31s} {losses[without].mean():.5f}")
        lines.append(f"  {beside:29s} {losses[beside].mean():.5f}  gain {gain:.6f} ± {error:.6f}")
    return lines


def losses_of(difference_N: Values, slope_NF: Values, is_fitted_N: NDArray[np.bool_]) -> Values:
    """Return the log loss of each pair of the other users."""
    scaled_NF = (slope_NF - slope_NF.mean(axis=0)) / slope_NF.std(axis=0)
    input_NF = difference_N[:, None] * np.column_stack([np.ones(len(slope_NF)), scaled_NF])
    input_NF /= difference_N.std()
    fitted_NF = input_NF[is_fitted_N]

    def loss(weight_F: Values) -> tuple[float, Values]:
        margin_N = fitted_NF @ weight_F
        slope_N = -1 / (1 + np.exp(margin_N))
        return np.logaddexp(0, -margin_N).mean(), (fitted_NF * slope_N[:, None]).mean(axis=0)

    weight_F = minimize(loss, np.zeros(input_NF.shape[1]), jac=True).x
    return np.asarray(np.logaddexp(0, -input_NF[~is_fitted_N] @ weight_F))


def gain_of(gain_N: Values, user_N: NDArray[np.int64]) -> tuple[float, float]:
    """Return the mean gain of a pair and half of its 95 % interval over users."""
    _, owner_N = np.unique(user_N, return_inverse=True)
    total_U = np.bincount(owner_N, gain_N - gain_N.mean())
    return float(gain_N.mean()), float(1.96 * np.sqrt((total_U**2).sum()) / len(gain_N))


if __name__ == "__main__":
    main()
