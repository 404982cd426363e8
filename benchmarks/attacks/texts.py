"""Mutations of JSON and CSV files: values that cannot be, and values that could be.

A text file carries no checksum. A value that cannot be is refused by the check of what the file
holds; a value that could be is refused by the record of the files that a run wrote.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

Mutation = tuple[str, bytes]

WRONG: tuple[Any, ...] = ("x", True, -1, [], {}, 1e300)
COULD_BE = {"lowest_rating": (-1,), "highest_rating": (1e300,), "fit_seconds": (1e300,)}
"""Values of `WRONG` that some key could have."""
ENOUGH = 40


def json_that_cannot_be(content: bytes, seed: int) -> Iterator[Mutation]:
    """Yield JSON with a number of another type or sign, without a key, and with bad syntax."""
    value = json.loads(content)
    places = [path for path in _numbers(value) if path[-1] not in ("step", "value")]
    every = max(1, len(places) * len(WRONG) // ENOUGH)
    cases = [
        (path, wrong)
        for path in places
        for wrong in WRONG
        if not (type(wrong) in (int, float) and str(path[-1]).endswith(("_low", "_high")))
        if wrong not in COULD_BE.get(str(path[-1]), ()) and not (wrong == 1e300 and _is_open(path))
    ]
    for path, wrong in cases[seed % every :: every]:
        yield "JSON, another type or sign", json.dumps(_put(value, path, wrong)).encode()
    text = content.decode()
    if places:
        yield "JSON, NaN", json.dumps(_put(value, places[0], float("nan"))).encode()
    yield "JSON, broken", text[: len(text) // 2].encode()
    yield "JSON, broken", b"[" * 200_000
    yield "JSON, broken", content.replace(b":", b" ", 1)
    yield "JSON, another value", b"[]"
    yield "JSON, another value", b"3"


def _is_open(path: tuple[Any, ...]) -> bool:
    """Return whether the number has no upper limit."""
    return len(path) > 1 or str(path[0]).startswith(("rmse", "mae", "novelty"))


def _numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _numbers(below, (*path, key))
    elif isinstance(value, list):
        for place, below in enumerate(value[:3]):
            yield from _numbers(below, (*path, place))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed = json.loads(json.dumps(value))
    below = changed
    for key in path[:-1]:
        below = below[key]
    below[path[-1]] = new
    return changed


def json_change(*path: Any, new: Any) -> Callable[[bytes], bytes]:
    """Return a function that changes one value of a JSON file."""
    return lambda content: json.dumps(_put(json.loads(content), path, new)).encode()


TABLES = (
    (b",", b";"),
    (b"model", b"modell"),
    (b"\n", b"\n\n,,,\n"),
    (b".", b",", 1),
    (b"0.", b"7."),
    (b"0.", b"-0."),
)


def csv_that_cannot_be(content: bytes) -> Iterator[Mutation]:
    """Yield CSV with other separators, columns, numbers and rows."""
    for old, new, *count in TABLES:
        yield "CSV, another content", content.replace(old, new, *count)
    lines = content.splitlines(keepends=True)
    yield "CSV, a row twice", content + lines[-1]


COULD_BE_OTHERWISE: dict[str, Callable[[bytes], bytes]] = {
    "data_facts": json_change("lowest_rating", new=0.5),
    "cdae.metrics": json_change("ndcg_at_10", new=0.5),
    "ease.metrics": json_change("coverage_at_10", new=0.5),
    "mf.metrics": json_change("rmse_low", new=0.1),
    "cdae.fit_facts": json_change("left_out", new="too few likes"),
    "cdae.history": json_change("train_loss", 0, "value", new=0.123),
    "cdae.breakdown": json_change("activity", 0, "ndcg", new=0.5),
    "cdae.registration": json_change("not_registered", new="because"),
}
"""A change per kind of text file that leaves it possible."""
