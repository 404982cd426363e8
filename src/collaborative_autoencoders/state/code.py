"""The version of the code that makes the files in data/."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
WITHOUT_INFLUENCE = frozenset(
    {
        *("__main__.py", "cli.py", "config_loader.py", "hooks", "page"),
        *("reproduce", "settings.py", "state"),
    }
)
"""Rooms whose code changes no value in a file."""

WITH_INFLUENCE = "hooks/own_data.py"
"""The file of such a room that decides how the ids and times of own tables are read."""

CODE = "code_version"
"""The tag of a run that starts at the ratings, and of a registered version: `code_version()`."""

LIBRARIES = ("numpy", "pandas", "scipy", "torch")


@cache
def code_version() -> str:
    """Return a digest of the package's sources and of the versions of the numerical libraries.

    The sources are those of the start of this process, whose code runs.
    """
    return version_of(sources_at_start())


def changed_since() -> list[str]:
    """Return the sources that are not as this process first read them, by path in the package."""
    before, now = sources_at_start(), sources()
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def sources() -> dict[str, bytes]:
    """Return the digest of every source that decides what is in files, by path in the package."""
    names = {file.relative_to(PACKAGE).as_posix(): file for file in sorted(PACKAGE.rglob("*.py"))}
    return {
        name: hashlib.sha256(file.read_bytes()).digest()
        for name, file in names.items()
        if name.split("/")[0] not in WITHOUT_INFLUENCE or name == WITH_INFLUENCE
    }


def version_of(read: Mapping[str, bytes]) -> str:
    """Return a digest of these sources and of the versions of the numerical libraries."""
    digest = hashlib.sha256()
    for name, content in read.items():
        digest.update(name.encode() + b"\0" + content)
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    return digest.hexdigest()


@cache
def sources_at_start() -> dict[str, bytes]:
    """Return `sources()` as this process first read them: the code that it runs."""
    return sources()
