"""The names in the JSON of a request: keys, params and columns, each known or refused.

MLflow ignores an unknown name with a warning in the server's log, and its client gets status 200
for an answer that leaves out what was asked for. So they are checked before MLflow reads them.
"""

import json
import sys
from collections.abc import Collection, Iterable
from reprlib import repr as shortened
from typing import Any

from collaborative_autoencoders.columns import HISTORY, ITEM, RATINGS, USER
from collaborative_autoencoders.options import closest_hint

from .requests import BadRequest, Wanted

RECORDS, SPLIT, PARAMS = "dataframe_records", "dataframe_split", "params"
INSTANCES = "instances"
FORMS = (RECORDS, SPLIT, "inputs", INSTANCES)
COLUMNS = (USER, HISTORY, RATINGS, ITEM)
AS_RECORDS = f'send the same rows as {{"{RECORDS}": [...]}}, where they may differ'
MAX_DEPTH = 32
"""Levels of nested JSON. A valid request has at most five."""


def check_json(body: bytes, offered: Collection[str] = Wanted._fields) -> None:
    """Raise BadRequest if a key, param or column of the JSON is unknown, or if it is too deep.

    `offered` are the params in the signature of the version, which MLflow passes on.
    JSON that is not valid is left to MLflow, which answers it with status 400 and a message.
    """
    try:
        request = json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return
    except RecursionError:
        raise BadRequest(too_deep()) from None
    except ValueError:
        digits = sys.get_int_max_str_digits()
        raise BadRequest(f"the JSON has an integer of more than {digits:,} digits") from None
    if is_deeper(request, MAX_DEPTH):
        raise BadRequest(too_deep())
    if isinstance(request, dict):
        check_names(request, offered)


def check_names(request: dict[str, Any], offered: Collection[str]) -> None:
    """Raise BadRequest, with the closest known name, for an unknown key, param or column.

    Also if rows of `instances` have different columns, or lists of different lengths.
    """
    refuse_unknown("key", request, (*FORMS, PARAMS))
    params = request.get(PARAMS)
    if isinstance(params, dict):
        refuse_unknown("param", params, Wanted._fields)
        for name in params:
            if name not in offered:
                raise BadRequest(
                    f"this version was registered before the param {name} existed: register the "
                    "model again, and promote it"
                )
    for form in FORMS:
        refuse_unknown("column", columns_in(form, request.get(form)), COLUMNS)
    refuse_uneven(request.get(INSTANCES))


def columns_in(form: str, table: Any) -> Iterable[Any]:
    """Return the names of the columns of a table in this form; none if the table is not valid."""
    if form == SPLIT:
        columns = table.get("columns") if isinstance(table, dict) else None
        return columns if isinstance(columns, list) else []
    if isinstance(table, dict) and form != RECORDS:
        return table
    rows = table if isinstance(table, list) else []
    return dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row)


def refuse_uneven(rows: Any) -> None:
    """Raise BadRequest for a row of `instances` with other columns or lengths of list than row 1.

    MLflow collects the values of each column, so a row without one gets that of a later row. It
    makes one array of them, so null, or any other value, beside a list is refused too.
    """
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        return
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or row.keys() != rows[0].keys():
            raise BadRequest(
                f"row {number} of {INSTANCES} has other columns than row 1: {AS_RECORDS}"
            )
    for column, first in rows[0].items():
        for number, row in enumerate(rows, start=1):
            if length_of(row[column]) != length_of(first):
                raise BadRequest(
                    f"row {number} of {INSTANCES} has another length of {column} than row 1, and "
                    f"lists of different lengths, or null beside a list, cannot be sent as "
                    f"{INSTANCES}: {AS_RECORDS}"
                )


def length_of(cell: Any) -> int | None:
    """Return the length of a list; None for null and any other value."""
    return len(cell) if isinstance(cell, list) else None


def refuse_unknown(what: str, names: Iterable[Any], known: tuple[str, ...]) -> None:
    """Raise BadRequest for the first name that is not known."""
    for name in names:
        if name not in known:
            hint = closest_hint(name, {*known}) if isinstance(name, str) else ""
            raise BadRequest(f"unknown {what} {shortened(name)} (known: {', '.join(known)}){hint}")


def is_deeper(value: Any, levels: int) -> bool:
    """Return whether lists and dicts are nested in more than this number of levels."""
    level = [value] if isinstance(value, (list, dict)) else []
    for _ in range(levels):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (list, dict))
        ]
    return bool(level)


def too_deep() -> str:
    """Return the message for JSON with too many levels."""
    return f"the JSON has more than {MAX_DEPTH} levels of lists and objects: a request has five"
