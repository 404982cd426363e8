"""MovieLens 100K from the copy in RecBole's wheel."""

from collaborative_autoencoders.datasets.fetching import files_of_wheel
from collaborative_autoencoders.datasets.raw_forms import GENRES_OF_100K

REQUIREMENT = "recbole==1.2.1"
"""The wheel with the copy; other versions may not have it."""


def ml_100k_of_wheel() -> dict[str, bytes]:
    """Return `u.data`, with the bytes of GroupLens's file, and `u.item` with titles and genres.

    Its dates and links are empty, as the copy has none of them. Raises FetchError as
    `files_of_wheel` does.
    """
    files = files_of_wheel(REQUIREMENT, ("ml-100k.inter", "ml-100k.item"))
    _, ratings = files["ml-100k.inter"].split(b"\n", 1)
    _, *items = files["ml-100k.item"].decode().splitlines()
    lines = [_as_grouplens_writes(item) for item in items]
    return {"u.data": ratings, "u.item": "".join(lines).encode("latin-1")}


def _as_grouplens_writes(item: str) -> str:
    """Return the line of GroupLens's file for a line of RecBole's.

        1 <tab> Toy Story <tab> 1995 <tab> Animation Comedy  →  1|Toy Story (1995)||||0|0|0|1|0|1|0…

    GroupLens writes `unknown`, without a year, for the one item without a name. RecBole misspells
    it.
    """
    item_id, title, year, genres = item.split("\t")
    name = "unknown" if title == year else f"{title} ({year})"
    flags = (str(int(genre in genres.split(" "))) for genre in GENRES_OF_100K)
    return "|".join([item_id, name, "", "", "", *flags]) + "\n"
