"""Recommendations that are made when they are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from rich.console import Console
from rich.progress import track

from collaborative_autoencoders.columns import MODEL, ROW, UNKNOWN_ITEMS, USER, VERSION
from collaborative_autoencoders.serving.recommender import Recommender
from collaborative_autoencoders.serving.requests import Wanted

from .options import InferenceOptions


@dataclass(frozen=True)
class RecommendationBatches:
    """Everybody's lists, a batch of users at a time; a terminal shows how far it is."""

    recommender: Recommender
    users: pd.Series
    options: InferenceOptions
    version: int

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """The batches: what the recommender answers, and which version of which model it is."""
        console, size = Console(stderr=True), self.options.batch_size
        starts = track(
            range(0, max(1, len(self.users)), size),
            f"{self.options.model}, {len(self.users)} users",
            console=console,
            disable=not console.is_terminal,
        )
        for start in starts:
            yield self._answer(self.users.iloc[start : start + size])

    def _answer(self, users: pd.Series) -> pd.DataFrame:
        wanted = Wanted(n=self.options.n, exclude_seen=self.options.exclude_seen)
        lists = self.recommender.answer(pd.DataFrame({USER: users.to_numpy()}), wanted)
        lists = lists.drop(columns=[ROW, UNKNOWN_ITEMS])
        lists[MODEL], lists[VERSION] = self.options.model, self.version
        return lists
