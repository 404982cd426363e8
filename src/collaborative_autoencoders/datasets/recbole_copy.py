"""MovieLens 100K from the copy in RecBole's wheel."""

from collaborative_autoencoders.datasets.fetching import files_of_wheel

REQUIREMENT = "recbole==1.2.1"
"""The wheel with the copy; other versions may not have it."""


def ml_100k_of_wheel() -> dict[str, bytes]:
    """Return `u.data`, with the bytes of GroupLens's file, and the first two columns of `u.item`.

    The other columns of `u.item` (dates, links, genres) are left out, as this project does not read
    them. Raises FetchError as `files_of_wheel` does.
    """
    files = files_of_wheel(REQUIREMENT, ("ml-100k.inter", "ml-100k.item"))
    _, ratings = files["ml-100k.inter"].split(b"\n", 1)
    _, *items = files["ml-100k.item"].decode().splitlines()
    lines = [_as_grouplens_writes(item) for item in items]
    return {"u.data": ratings, "u.item": "".join(lines).encode("latin-1")}


def _as_grouplens_writes(item: str) -> str:
    """Return the line of GroupLens's file for a line of RecBole's.

        1 <tab> Toy Story <tab> 1995 <tab> Animation Children's Comedy  →  1|Toy Story (1995)

    GroupLens writes `unknown`, without a year, for the one item without a name. RecBole misspells
    it.
    """
    item_id, title, year, _ = item.split("\t")
    return f"{item_id}|unknown\n" if title == year else f"{item_id}|{title} ({year})\n"
