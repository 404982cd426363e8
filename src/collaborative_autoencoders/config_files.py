"""Files of conf/: those that Kedro reads, and where one of them cannot be read."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from fsspec.implementations.local import LocalFileSystem
from omegaconf import DictConfig, OmegaConf

ENDINGS = (".yml", ".yaml", ".json")
"""Endings of the files that Kedro reads."""

OWN_SPACE = ", or write a space of your own: search_spaces.mine, with tuning.space: mine"


def files_in(folder: Path, patterns: Iterable[str] = ("**",)) -> list[Path]:
    """Return the files of an environment's folder that Kedro finds by these patterns, sorted.

    Hidden files, and files of hidden folders, are left out. Empty if the folder is in an archive or
    on no disk of this machine.
    """
    fs, whole = LocalFileSystem(), folder.resolve()
    found = {Path(path) for each in patterns for path in fs.glob(f"{whole.as_posix()}/{each}")}
    return sorted(path for path in found if path.suffix in ENDINGS and _is_shown(path, whole))


def _is_shown(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not hidden


def top_level_keys(file: Path) -> list[str]:
    """Return the top-level keys of a file, as Kedro reads it."""
    content = OmegaConf.load(file)
    return [str(key) for key in content] if isinstance(content, DictConfig) else []


def first_unreadable(files: Iterable[Path]) -> str | None:
    """Return the first of these files that cannot be read, with line and problem; None if all can.

    A key that is written twice is such a problem: YAML itself takes the last one.
    """
    for file in files:
        try:
            OmegaConf.load(file)
        except yaml.YAMLError as error:
            return f"{file}{_problem(error)}"
        except UnicodeDecodeError as error:
            return f"{file}: the text is not UTF-8 ({error}). Save the file as UTF-8"
    return None


def first_clash(layers: Iterable[tuple[object, Any]]) -> str | None:
    """Return the first key that is a list in one layer and a block in another; None without one.

    A layer is its name and its content. OmegaConf joins blocks, and cannot join these.
    """
    found: dict[str, tuple[str, object]] = {}
    for layer, content in layers:
        for key, kind in _kinds(content):
            other, where = found.setdefault(key, (kind, layer))
            if kind != other:
                way = OWN_SPACE if key.startswith("search_spaces.") else ""
                return f"{layer}: {key} is {kind}. It is {other} in {where}: write {other} too{way}"
    return None


def _kinds(content: Any, within: str = "") -> Iterator[tuple[str, str]]:
    """Yield the full key of every list and block, and which of them it is."""
    if not isinstance(content, Mapping):
        return
    for name, value in content.items():
        key = f"{within}{name}"
        if isinstance(value, Mapping | list):
            yield key, "a list" if isinstance(value, list) else "a block of keys"
        yield from _kinds(value, f"{key}.")


def _problem(error: yaml.YAMLError) -> str:
    """Return the line, counted from 1, and the problem of an error of PyYAML."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return f": {error}"
    fix = ". Write each key once" if "duplicate key" in problem else ""
    return f", line {mark.line + 1}: {problem}{fix}"
