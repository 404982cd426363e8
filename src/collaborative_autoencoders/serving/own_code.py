"""The code that a registered version has, which answers without this project."""

import shutil
from pathlib import Path

from collaborative_autoencoders.state.code import changed_since, sources_at_start
from collaborative_autoencoders.state.content import digest_of

PACKAGE = Path(__file__).parents[1]
ROOMS = frozenset(
    {"evaluation", "interactions", "learning", "metrics", "models", "serving", "state"}
)
"""The folders of the package that a version has: what `serving` may import. A file of the others
would only be one more to send to the store."""

ANSWERING_CODE = "answering_code"
"""The tag of a version with `answering_code()`."""


def is_served(file: str) -> bool:
    """Return whether a version has this file of the package."""
    room, _, inside = file.partition("/")
    return not inside or room in ROOMS


def copy_code(folder: Path) -> Path:
    """Copy what a version needs of the package into a folder; return the copy."""

    def others(place: str, names: list[str]) -> list[str]:
        is_top = Path(place) == PACKAGE
        return [
            name
            for name in names
            if name == "__pycache__" or (is_top and (PACKAGE / name).is_dir() and name not in ROOMS)
        ]

    return Path(shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=others))


def edited() -> str | None:
    """Return a file that a version would have and that is not what this process runs, or None."""
    return next(filter(is_served, changed_since()), None)


def answering_code() -> str:
    """Return a digest of what this process runs of the code that a version has."""
    sources = sources_at_start()
    return digest_of({name: sources[name].hex() for name in sources if is_served(name)})
