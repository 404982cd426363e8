"""Compare the exact counts of ItemKNN with those of a join that cuts the likes of heavy users.

    python benchmarks/heavy_users.py FOLDER [--caps 1000 500 200 100] [--users 10000]

FOLDER has `train.npz` and `validation.npz`, such as `data/05_model_input` of a run. A join of likes
with likes by user makes every pair of items of every history, so such joins keep at most so many
likes of a user, here drawn at random. Printed are, for each cap, the pairs, how many of the exact
neighbours it finds, and the NDCG@10 of validation. Histories are whole: the cap is for the counts.
"""

import argparse
from pathlib import Path

import numpy as np
import yaml
from run_overhead import ROOT
from scipy.sparse import csr_array

from collaborative_autoencoders.datasets.interactions import InteractionsDataset
from collaborative_autoencoders.interactions.sample import sample_of
from collaborative_autoencoders.interactions.sparse import user_of_cells
from collaborative_autoencoders.learning.validation import validation_of
from collaborative_autoencoders.models.itemknn import ItemKNN, ItemKNNOptions
from collaborative_autoencoders.models.model import Catalogue

PARAMETERS = ROOT / "conf" / "base" / "parameters_training.yml"


def capped(likes_UI: csr_array, cap: int) -> csr_array:
    """Return at most so many likes of each user, drawn at random."""
    drawn_N = np.random.default_rng(0).random(likes_UI.nnz)
    by_user = np.lexsort((drawn_N, user_of_cells(likes_UI)))
    place_N = np.empty(likes_UI.nnz, dtype=np.int64)
    place_N[by_user] = np.arange(likes_UI.nnz) - np.repeat(
        likes_UI.indptr[:-1], np.diff(likes_UI.indptr)
    )
    kept = place_N < cap
    user_N, item_N = user_of_cells(likes_UI)[kept], likes_UI.indices[kept]
    return csr_array((likes_UI.data[kept], (user_N, item_N)), shape=likes_UI.shape)


def pairs_of(likes_UI: csr_array) -> int:
    """Return the pairs of items in all histories, which a join by user makes."""
    count_U = np.diff(likes_UI.indptr).astype(np.int64)
    return int((count_U * (count_U - 1) // 2).sum())


def main() -> None:
    """Fit ItemKNN on all likes and on those below each cap."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--caps", type=int, nargs="+", default=(1000, 500, 200, 100))
    parser.add_argument("--users", type=int, default=10_000)
    given = parser.parse_args()
    train, validation = (
        InteractionsDataset(filepath=(given.folder / f"{name}.npz").as_posix()).load()
        for name in ("train", "validation")
    )
    options = yaml.safe_load(PARAMETERS.read_text())["itemknn"]["model"]
    validate = validation_of(
        "ndcg_at_10", train=train, validation=sample_of(validation, given.users)
    )
    exact: csr_array | None = None
    for cap in (None, *given.caps):
        likes_UI = train.likes if cap is None else capped(train.likes, cap)
        model = ItemKNN(
            ItemKNNOptions.model_validate(options), Catalogue(*likes_UI.shape, None, None)
        )
        model.fit(likes_UI)
        found = model.similarity_II.astype(bool)
        exact = found if exact is None else exact
        shared = found.multiply(exact).nnz / exact.nnz
        name = "exact" if cap is None else f"at most {cap:,} likes of a user"
        print(
            f"{name}: {pairs_of(likes_UI):,} pairs, {shared:.1%} of the neighbours, "
            f"NDCG@10 {validate(model):.5f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
