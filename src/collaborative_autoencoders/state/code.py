"""The version of the code that makes the files in data/."""

import hashlib
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

LIBRARIES = ("numpy", "pandas", "scipy", "torch")


@cache
def code_version() -> str:
    """Return a digest of the package's sources and of the versions of the numerical libraries."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE)
        if name.parts[0] not in WITHOUT_INFLUENCE or name.as_posix() == WITH_INFLUENCE:
            digest.update(name.as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    return digest.hexdigest()
