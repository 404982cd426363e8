"""What a request and its answer hold, with the types of these data: as JSON, and as a table."""

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from collaborative_autoencoders.columns import (
    HISTORY,
    ITEM,
    RANK,
    RATINGS,
    REASONS,
    ROW,
    SCORE,
    SIMILAR_ITEM,
    SIMILAR_TITLE,
    SIMILARITY,
    SOURCE,
    TITLE,
    UNKNOWN_ITEMS,
    USER,
    WEIGHT,
)
from collaborative_autoencoders.evaluation.known import BY_MODEL, BY_POPULARITY
from collaborative_autoencoders.markdown import table

from .recommender import Recommender
from .requests import SIMILAR_ITEMS, TASKS, Wanted

NAMES = {int: "integer", str: "string"}
JSON = "application/json"
MEANING = {
    USER: "null or left out: an unknown user",
    HISTORY: "ids of items, newest last; beside a known user, they are added to the stored history",
    RATINGS: "one per item of the history; null or left out: the items are liked",
    ITEM: f"alone, with the param task {SIMILAR_ITEMS}: the item whose similar items are asked for",
}
ONLY_ITEMS = (
    "ids that lists are limited to. An empty list is the whole catalogue, as if none was sent: add "
    "an id that no item has to a filter that may be empty; with it alone, lists are empty"
)
OF_A_PLACE = (RANK, ITEM, TITLE, SCORE, REASONS)
OF_A_SIMILAR_ITEM = (RANK, SIMILAR_ITEM, SIMILAR_TITLE, SIMILARITY)
REFUSALS = {
    HTTPStatus.BAD_REQUEST: "a row, column or param is not valid; the message names it and the fix",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the content type is missing or not known",
    HTTPStatus.SERVICE_UNAVAILABLE: "the server is busy",
    HTTPStatus.GATEWAY_TIMEOUT: "the answer took too long",
}


def row_schema(recommender: Recommender) -> dict[str, Any]:
    """Return the JSON Schema of a row of a request, with the types of the ids of these data."""
    taste = recommender.taste
    scale = {"minimum": taste.lowest, "maximum": taste.highest}
    rating = {"type": "number"} | {end: at for end, at in scale.items() if at is not None}
    item = {"type": NAMES[recommender.item_ids.kind]}
    return {
        "type": "object",
        "properties": {
            USER: {"type": [NAMES[recommender.user_ids.kind], "null"]},
            HISTORY: {"type": ["array", "null"], "items": item},
            RATINGS: {"type": ["array", "null"], "items": rating},
            ITEM: item,
        },
        "additionalProperties": False,
    }


def row_table(recommender: Recommender) -> str:
    """Return the columns of a row, with type and meaning, as a Markdown table."""
    rows = []
    for name, column in row_schema(recommender)["properties"].items():
        kind, *null = [column["type"]] if isinstance(column["type"], str) else column["type"]
        if kind == "array":
            item = column["items"]
            ends = f" from {item['minimum']:g} to {item['maximum']:g}" if "minimum" in item else ""
            kind = f"list of {item['type']}s{ends}"
        rows.append((name, " or ".join([kind, *null]), MEANING[name]))
    return table(("column", "type", "meaning"), rows)


def line_schema(recommender: Recommender) -> dict[str, Any]:
    """Return the JSON Schema of a line of an answer: one place of the list of one row."""
    item = {ITEM: {"type": NAMES[recommender.item_ids.kind]}, TITLE: {"type": "string"}}
    weight = {WEIGHT: {"type": "number", "exclusiveMinimum": 0}}
    reason = {"type": "object", "properties": item | weight, "required": [*item, *weight]}
    types: dict[str, dict[str, Any]] = {
        ROW: {"type": "integer", "minimum": 0},
        USER: {"type": [NAMES[recommender.user_ids.kind], "null"]},
        RANK: {"type": "integer", "minimum": 1},
        **item,
        SCORE: {"type": "number"},
        SOURCE: {"type": "string", "enum": [BY_MODEL, BY_POPULARITY]},
        UNKNOWN_ITEMS: {"type": "integer", "minimum": 0},
    }
    reasons = {REASONS: {"type": "array", "items": reason, "description": "with `explain` only"}}
    return {"type": "object", "properties": types | reasons, "required": [*types]}


def similar_schema(recommender: Recommender) -> dict[str, Any]:
    """Return the JSON Schema of a line of an answer of similar items: one place of one list."""
    item, title = {"type": NAMES[recommender.item_ids.kind]}, {"type": "string"}
    types: dict[str, dict[str, Any]] = {
        ROW: {"type": "integer", "minimum": 0},
        ITEM: item,
        TITLE: title,
        RANK: {"type": "integer", "minimum": 1},
        SIMILAR_ITEM: item,
        SIMILAR_TITLE: title,
        SIMILARITY: {"type": "number", "exclusiveMinimum": 0},
    }
    return {"type": "object", "properties": types, "required": [*types]}


def of_whole_row(line: dict[str, Any], of_a_place: Collection[str]) -> dict[str, Any]:
    """Return the JSON Schema of a line with `one_line_per_row`, where these columns are lists."""
    types = line["properties"]
    lists = {name: {"type": "array", "items": types[name]} for name in of_a_place}
    when = [*filter(None, [line.get("description")]), "with `one_line_per_row`"]
    return line | {"properties": types | lists, "description": ", ".join(when)}


def params_schema(recommender: Recommender, offered: Collection[str]) -> dict[str, Any]:
    """Return the JSON Schema of these params of a request, with their defaults."""
    defaults = Wanted()
    ids = {"type": "array", "items": {"type": NAMES[recommender.item_ids.kind]}, "default": []}
    types = {
        "n": {"type": "integer", "minimum": 1, "default": defaults.n},
        "exclude_seen": {"type": "boolean", "default": defaults.exclude_seen},
        "exclude_items": ids,
        "only_items": ids | {"description": ONLY_ITEMS},
        "explain": {"type": "integer", "minimum": 0, "default": defaults.explain},
        "task": {"type": "string", "enum": [*TASKS], "default": defaults.task},
        "diversify": {"type": "number", "minimum": 0, "maximum": 1, "default": defaults.diversify},
        "one_line_per_row": {"type": "boolean", "default": defaults.one_line_per_row},
    }
    types = {name: about for name, about in types.items() if name in offered}
    return {"type": "object", "properties": types, "additionalProperties": False}


def operation(
    recommender: Recommender, offered: Collection[str] = Wanted._fields
) -> dict[str, Any]:
    """Return what OpenAPI says of a request to the model: its body, its answer, its refusals.

    `offered` are the params in the signature of the version.
    """
    rows = {"type": "array", "items": row_schema(recommender)}
    line = line_schema(recommender)
    similar = similar_schema(recommender) | {"description": f"with task {SIMILAR_ITEMS}"}
    whole = of_whole_row(line, OF_A_PLACE), of_whole_row(similar, OF_A_SIMILAR_ITEM)
    example = {"dataframe_records": [{HISTORY: recommender.items[ITEM].head(2).tolist()}]}
    body = {
        "type": "object",
        "properties": {"dataframe_records": rows, "params": params_schema(recommender, offered)},
        "required": ["dataframe_records"],
        "example": example | {"params": {"n": 3, "explain": 2}},
    }
    lines = {"type": "array", "items": {"anyOf": [line, similar, *whole]}}
    answer = {"type": "object", "properties": {"predictions": lines}, "required": ["predictions"]}
    refusals = {str(status.value): {"description": what} for status, what in REFUSALS.items()}
    return {
        "summary": f"The best items for each row, by {recommender.fitted.name}",
        "description": "One line per row and place, best first, or with `one_line_per_row` one per "
        "row. With `diversify`, the model's scores are not in the order of the places.",
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": refusals
        | {"200": {"description": "The lists", "content": {JSON: {"schema": answer}}}},
    }
