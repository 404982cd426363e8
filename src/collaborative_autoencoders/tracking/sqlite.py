"""URLs of SQLite databases, for paths with any character."""

from pathlib import Path

PLAIN = "sqlite:///"


def sqlite_url(file: Path) -> str:
    """Return the URL of a database file.

    `%` and `?` have a meaning in a URL, so a path that contains them is quoted. The URL then names
    the driver too, because MLflow would take a quoted `sqlite:///` path literally and create its
    folders.
    """
    from sqlalchemy import URL

    path = file.as_posix()
    if sqlite_file(f"{PLAIN}{path}") == file:
        return f"{PLAIN}{path}"
    return URL.create("sqlite+pysqlite", database=path).render_as_string(hide_password=False)


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for other URLs and for a database in memory."""
    if not url.startswith(("sqlite:", "sqlite+pysqlite:")):
        return None
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        database = make_url(url).database
    except ArgumentError:
        return None
    return Path(database) if database and not database.startswith((":memory:", "file:")) else None
