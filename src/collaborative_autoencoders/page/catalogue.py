"""The titles and the users of a champion's data, found by what a person types.

Dimension key: I items of the catalogue, N ratings of one user.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from collaborative_autoencoders.columns import ITEM, RATING, TITLE
from collaborative_autoencoders.serving.recommender import Recommender

SHOWN_TITLES, SHOWN_RATINGS = 12, 200


@dataclass(frozen=True)
class Catalogue:
    """What a person finds by typing. Ids are texts: JavaScript rounds integers above 2^53."""

    recommender: Recommender

    @cached_property
    def folded_I(self) -> list[str]:
        """The titles as they are searched."""
        return [folded(str(title)) for title in self.recommender.titles_I]

    def titles(self, typed: str) -> list[dict[str, Any]]:
        """Return the items whose titles have all typed words, and the item whose id was typed.

        The item of this id comes first, then titles that begin with the text, then the most liked.
        """
        text = folded(typed).strip()
        if not text:
            return []
        same_id = self.recommender.item_ids.index_of.get(
            id_of(typed, self.recommender.item_ids.kind)
        )
        words, likes_I = text.split(), self.recommender.likes_I
        found = [
            (item != same_id, not title.startswith(text), -likes_I[item], item)
            for item, title in enumerate(self.folded_I)
            if item == same_id or all(word in title for word in words)
        ]
        return [self._named(item) for *_, item in sorted(found)[:SHOWN_TITLES]]

    def rated_by(self, typed: str) -> dict[str, Any]:
        """Return whether this user is known, with the user's ratings in the data, the best first.

        `n_ratings` counts them all; at most `SHOWN_RATINGS` are in `ratings`. Without ratings in
        the data, they are None.
        """
        users = self.recommender.user_ids
        user = users.index_of.get(id_of(typed, users.kind))
        if user is None:
            return {"known": False, "n_ratings": 0, "ratings": []}
        row_1I = self.recommender.rated_by(np.array([user]))
        item_N, rating_N = row_1I.indices, row_1I.data
        best_N = np.lexsort((-self.recommender.likes_I[item_N], -rating_N))[:SHOWN_RATINGS]
        is_rated = self.recommender.data["rated"]
        ratings = [
            self._named(int(item_N[at])) | {RATING: float(rating_N[at]) if is_rated else None}
            for at in best_N
        ]
        return {"known": True, "n_ratings": len(item_N), "ratings": ratings}

    def _named(self, item: int) -> dict[str, Any]:
        return {
            ITEM: str(self.recommender.ids_I[item]),
            TITLE: str(self.recommender.titles_I[item]),
        }


def folded(text: str) -> str:
    """Return the text without case and accents: `Amélie` → `amelie`."""
    split = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in split if not unicodedata.combining(sign)).casefold()


def id_of(typed: str, kind: type) -> Any:
    """Return a typed id in the type of the data's ids, int or str.

    A text that is not an integer stays a text, which no item has and which a model refuses.
    """
    is_integer = re.fullmatch(r"\s*-?[0-9]{1,20}\s*", typed)
    return int(typed) if kind is int and is_integer else typed
