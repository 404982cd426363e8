"""Check of an environment's files: each is read, and each entry has a name that pipelines know."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from kedro.config import MissingConfigException
from kedro.pipeline import Pipeline

from collaborative_autoencoders.config_files import files_in, top_level_keys
from collaborative_autoencoders.config_loader import ProjectConfigLoader, is_template
from collaborative_autoencoders.options import closest_hint
from collaborative_autoencoders.state.messages import several

RATINGS, ITEMS = "ratings", "items"
CREDENTIALS = "credentials"
SHORT = {"param": "parameters", "params": "parameters", "creds": "credentials"}
"""Other names that are meant for those of files."""

logger = logging.getLogger(__name__)


def check_files(loader: ProjectConfigLoader) -> None:
    """Raise ValueError if Kedro does not read files of misspelt names; warn of any other."""
    problems = []
    for name in dict.fromkeys((loader.base_env, loader.environment)):
        folder = loader.folder_of(name)
        read = {file for kind in loader.config_patterns for file in loader.files_of(kind, name)}
        for file in sorted(set(files_in(folder)) - read):
            is_below = file.parent != folder.resolve()  # where not all kinds are read
            meant = None if is_below else file_meant(file.name, loader)
            if meant is None:
                kinds = ", ".join(sorted(loader.config_patterns))
                logger.warning("%s: is not read. A run reads files named %s", shown(file), kinds)
            else:
                fix = "Move its keys there" if file.with_name(meant).exists() else "Rename it"
                problems.append(f"{shown(file)}: is not read; did you mean {meant!r}? {fix}")
    refuse("files (conf/)", problems)


def file_meant(name: str, loader: ProjectConfigLoader) -> str | None:
    """Return the name of a file that is read and that this name is close to, if any.

    params.yml  ->  parameters.yml          catlog_mine.yml  ->  catalog_mine.yml
    """
    first, *_ = re.split(r"[\W_]", name)
    kind = SHORT.get(first.casefold()) or misspelt(first, loader.config_patterns)
    return "globals.yml" if kind == "globals" else kind and f"{kind}{name[len(first) :]}"


def check_entries(loader: ProjectConfigLoader, pipelines: Mapping[str, Pipeline]) -> None:
    """Raise ValueError for entries of the environment that are close to a name that is not set.

    An entry that no pipeline reads or writes is allowed otherwise: a notebook may read it. It is
    warned of if the table of ratings is that of base.
    """
    if loader.environment == loader.base_env:
        return
    files = {key: file for file in loader.files_of("catalog") for key in top_level_keys(file)}
    used = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    unread = {name: file for name, file in files.items() if is_own_name(name) and name not in used}
    meant = {name: misspelt(name, used - files.keys()) for name in unread}
    problems = [
        f"{shown(unread[name])}: {name}: unknown entry; did you mean {known!r}? Rename it, or give "
        "an entry of your own another name"
        for name, known in meant.items()
        if known
    ]
    refuse("catalog (conf/)", problems)
    if unread and RATINGS not in files:
        logger.warning(
            "%s: no pipeline reads or writes %s, and the table of ratings is that of %s. If one is "
            "your table, name the entry %s",
            *(several([shown(file) for file in sorted({*unread.values()})]), several([*unread])),
            *(loader.folder_of(loader.base_env).name, RATINGS),
        )


def is_own_name(name: str) -> bool:
    """Return whether an entry is one dataset: no template, and no pattern of several."""
    return not is_template(name) and "{" not in name


def misspelt(name: str, known: Iterable[str]) -> str | None:
    """Return the known name from which this one differs by one slip or by capitals, if any.

    rating, Ratings, raitngs  ->  ratings          my_ratings, ratings_2, rankings  ->  None

    A slip is a letter that is missing, too many or another one, or two in the wrong order, after
    the first letter. A number at the end is there on purpose.
    """
    text = name.casefold()
    found = (other for other in sorted(known) if is_one_slip(text, other.casefold()))
    return None if name[-1:].isdigit() else next(found, None)


def is_one_slip(text: str, other: str) -> bool:
    """Return whether two texts are equal but for one slip after the first letter."""
    pairs = zip(text, other, strict=False)
    start = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    rest, wanted = text[start:], other[start:]
    is_swapped = wanted[:2] == rest[1::-1] and wanted[2:] == rest[2:]
    is_one = {wanted, wanted[1:]} & {rest, rest[1:]}
    return start > 0 and (is_swapped or bool(is_one))


def check_credentials(loader: ProjectConfigLoader, entries: Mapping[str, Any]) -> None:
    """Raise ValueError if a catalog entry names credentials that no file has.

    Without such entries, no credentials are read: a key may be in a variable that is not set.
    """
    users: dict[str, list[str]] = {}
    for entry, settings in entries.items():
        for name in credentials_in(settings):
            users.setdefault(name, []).append(entry)
    if not users:
        return
    try:
        known = loader[CREDENTIALS]
    except MissingConfigException:
        known = {}
    file, local = loader.folder_of() / "credentials.yml", loader.folder_of(loader.default_run_env)
    note = "" if local == file.parent else f" {shown(local)} is read without --env only."
    problems = [
        f"{several(named)}: there are no credentials {name!r}{closest_hint(name, known.keys())}. "
        f"Write them in {shown(file)}: `{name}: {{KEY: VALUE}}`.{note}"
        for name, named in users.items()
        if name not in known
    ]
    refuse("catalog (conf/)", problems)


def credentials_in(settings: Any) -> Iterator[str]:
    """Yield the names of credentials in a catalog entry, also of the datasets in it."""
    if not isinstance(settings, dict):
        return
    for key, value in settings.items():
        if key == CREDENTIALS and isinstance(value, str):
            yield value
        yield from credentials_in(value)


def warn_of_unread_titles(
    loader: ProjectConfigLoader, entries: Mapping[str, dict[str, Any]]
) -> None:
    """Log a warning if the environment sets columns of titles, and no table has them."""
    of_environment, _ = loader.set_in("titles")
    if of_environment and ITEMS not in entries:
        logger.warning(
            "titles.%s is set, but there is no table of titles. Add the catalog entry %s",
            *(next(iter(of_environment)), ITEMS),
        )


def refuse(what: str, problems: list[str]) -> None:
    """Raise ValueError with these lines if there are any."""
    if problems:
        raise ValueError("\n  ".join([f"{what}:", *sorted(problems)]))


def shown(path: Path) -> str:
    """Return a path as it is typed in the working directory, or whole if it is elsewhere."""
    here, whole = Path.cwd(), path.absolute()
    return (whole.relative_to(here) if whole.is_relative_to(here) else whole).as_posix()
