"""What a served model knows, and how it answers.

Dimension key: U users of a request, I items, K places of a list.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import ITEM, RANK, SCORE, TITLE, USER
from collaborative_autoencoders.interactions.matrices import matrix_from_bytes, matrix_to_bytes
from collaborative_autoencoders.models.bytes import model_from_bytes, model_to_bytes
from collaborative_autoencoders.models.model import Fitted, Model
from collaborative_autoencoders.recommending.ranking import rank_batch

USERS_AT_ONCE = 1024


class Recommender(NamedTuple):
    """A model with all it takes to answer for raw ids."""

    fitted: Fitted
    users: pd.DataFrame
    """A row per user, at the user's index: user_id."""
    items: pd.DataFrame
    """A row per item, at the item's index: item_id, title."""
    history_UI: csr_array
    """What the model reads of each user."""
    seen_UI: csr_array
    """What is not recommended to each user again."""

    def save(self, folder: Path) -> None:
        """Write one file a part into the folder."""
        (folder / "model.safetensors").write_bytes(model_to_bytes(self.fitted))
        self.users.to_parquet(folder / "users.parquet", index=False)
        self.items.to_parquet(folder / "items.parquet", index=False)
        (folder / "history.npz").write_bytes(matrix_to_bytes(self.history_UI))
        (folder / "seen.npz").write_bytes(matrix_to_bytes(self.seen_UI))

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """The recommender that was saved in this folder."""
        return cls(
            model_from_bytes((folder / "model.safetensors").read_bytes()),
            pd.read_parquet(folder / "users.parquet"),
            pd.read_parquet(folder / "items.parquet"),
            matrix_from_bytes((folder / "history.npz").read_bytes()),
            matrix_from_bytes((folder / "seen.npz").read_bytes()),
        )

    def recommend(self, user_ids: pd.Series, n: int) -> pd.DataFrame:
        """The `n` best unseen items of each user: user_id, rank from 1, item_id, title, score.

        A user of whom nothing is known is answered as one without a history. Raises ValueError
        where `n` is below 1.
        """
        if n < 1:
            raise ValueError(f"n is {n}: ask for at least 1 item")
        assert self.fitted.model is not None, "a model that was left out is never registered"
        users_U = pd.Index(self.users[USER]).get_indexer(pd.Index(user_ids))
        blocks = [
            self._ranked(
                self.fitted.model,
                user_ids.iloc[start : start + USERS_AT_ONCE],
                users_U[start : start + USERS_AT_ONCE],
                min(n, len(self.items)),
            )
            for start in range(0, max(1, len(users_U)), USERS_AT_ONCE)
        ]
        return pd.concat(blocks, ignore_index=True)

    def _ranked(
        self, model: Model, user_ids: pd.Series, users_U: np.ndarray, n: int
    ) -> pd.DataFrame:
        history_UI, seen_UI = (rows_of(known, users_U) for known in (self.history_UI, self.seen_UI))
        item_UK, score_UK = rank_batch(model, history_UI, seen_UI, users_U, n)
        in_list = item_UK >= 0
        row, place = np.nonzero(in_list)
        items = self.items.iloc[item_UK[in_list]]
        return pd.DataFrame(
            {
                USER: user_ids.to_numpy()[row],
                RANK: place + 1,
                ITEM: items[ITEM].to_numpy(),
                TITLE: items[TITLE].to_numpy(),
                SCORE: score_UK[in_list],
            }
        )


def rows_of(matrix_UI: csr_array, users_U: np.ndarray) -> csr_array:
    """These users' rows, and an empty row for a user of −1."""
    count_U = np.where(users_U >= 0, np.diff(matrix_UI.indptr)[users_U], 0)
    known_UI = matrix_UI[users_U[users_U >= 0]]
    indptr_U = np.concatenate([[0], np.cumsum(count_U)])
    shape = (len(users_U), matrix_UI.shape[1])
    return csr_array((known_UI.data, known_UI.indices, indptr_U), shape=shape)
