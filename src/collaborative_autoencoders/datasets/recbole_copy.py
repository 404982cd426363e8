"""MovieLens 100K out of the copy that RecBole's wheel carries."""

from collaborative_autoencoders.datasets.fetching import files_of_wheel

REQUIREMENT = "recbole==1.2.1"
"""The wheel that has the copy; other versions may not."""


def ml_100k_of_wheel() -> dict[str, bytes]:
    """`u.data` byte for byte as at GroupLens, and a `u.item` of its first two columns.

    The other columns of `u.item` (dates, links, genres) are not there: nobody here reads them.
    Raises FetchError as `files_of_wheel`.
    """
    files = files_of_wheel(REQUIREMENT, ("ml-100k.inter", "ml-100k.item"))
    _, ratings = files["ml-100k.inter"].split(b"\n", 1)
    _, *items = files["ml-100k.item"].decode().splitlines()
    lines = [_as_grouplens_writes(item) for item in items]
    return {"u.data": ratings, "u.item": "".join(lines).encode("latin-1")}


def _as_grouplens_writes(item: str) -> str:
    """`1|Toy Story (1995)` from `1 <tab> Toy Story <tab> 1995 <tab> Animation Children's Comedy`.

    The one item without a name is `unknown` at GroupLens, without a year, and misspelt here.
    """
    item_id, title, year, _ = item.split("\t")
    return f"{item_id}|unknown\n" if title == year else f"{item_id}|{title} ({year})\n"
