"""What MLflow's pages say of a model: what it is, its figures, how to ask it, a sample answer."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from collaborative_autoencoders.columns import HISTORY, ITEM, RANK, RATINGS, SCORE, TITLE, USER
from collaborative_autoencoders.evaluation.averages import HELD_OUT, SAMPLED
from collaborative_autoencoders.interactions.core_shape import core_shape_of
from collaborative_autoencoders.interactions.joining import about_update
from collaborative_autoencoders.markdown import escaped, table
from collaborative_autoencoders.metrics.table import METRICS, Measure, length_shown
from collaborative_autoencoders.models.registry import MODELS

from .recommender import Recommender
from .request_schema import ONLY_ITEMS, row_table
from .requests import Wanted

NOTE = "mlflow.note.content"
"""MLflow's tag with the description of a run."""

PORT = 5002
"""The port of the documentation's model server. MLflow's own is 5000, its pages are on 5001."""

SAMPLE = Wanted(n=3)


def describe(name: str, metrics: Mapping[str, float], data: Mapping[str, Any]) -> str:
    """Return what a model is, on which data it was fitted, and its figures, as Markdown."""
    lines = [about_model(name), about_data(data)]
    rows = list(figure_rows(metrics))
    if rows:
        lines.append(table(("metric", "value", "95 % interval"), rows))
    return "\n\n".join(filter(None, lines))


def about_model(name: str) -> str:
    """Return what a model is, in one line; its name if no line is written."""
    return (MODELS[name].about if name in MODELS else "") or escaped(name)


def about_data(data: Mapping[str, Any]) -> str:
    """Return the name and the size of the data as a sentence; empty if they have no name."""
    if not data.get("data_set"):
        return ""
    rows = "ratings" if data["rated"] else "likes"
    size = (
        f"Data: {escaped(data['data_set'])}, {data['ratings']:,} {rows} of {data['users']:,} users "
        f"and {data['items']:,} items.{_about_core(data)}"
    )
    return " ".join(filter(None, [size, about_update(data)]))


def _about_core(data: Mapping[str, Any]) -> str:
    users, items = core_shape_of(data)
    if (users, items) == (data["users"], data["items"]):
        return ""
    return f" Lists are of the core of likes, {users:,} users and {items:,} items."


def figure_rows(metrics: Mapping[str, float]) -> Iterator[tuple[str, str, str]]:
    """Yield heading, value and interval of each metric, at the length of list that is shown."""
    lengths = [int(found[1]) for name in metrics if (found := re.fullmatch(r"ndcg_at_(\d+)", name))]
    for metric in METRICS.values():
        k = None if metric.of == "ratings" else length_shown(lengths)
        each = Measure(metric, k)
        if metric.is_headline and each.name in metrics:
            ends = [metrics.get(f"{each.name}_{end}") for end in ("low", "high")]
            interval = " to ".join(f"{end:.3f}" for end in ends if end is not None)
            yield each.heading, f"{metrics[each.name]:.3f}", interval
    if SAMPLED in metrics:
        yield "users, a sample", f"{metrics[SAMPLED]:,.0f} of {metrics[HELD_OUT]:,.0f}", ""
    if "fit_seconds" in metrics:
        yield "seconds of the fit", f"{metrics['fit_seconds']:.1f}", ""


def how_to_ask(recommender: Recommender, number: int, store: str) -> str:
    """Return the commands that serve and ask a version, and the answer, as Markdown.

    `store` is the tracking URI. A password or a folder in it is left out.
    """
    asked, titles = sample_request(recommender)
    answer = recommender.answer(pd.DataFrame([asked], dtype=object), SAMPLE)
    variable, where = where_to_serve(store)
    row, params = (json.dumps(part, ensure_ascii=False) for part in (asked, {"n": SAMPLE.n}))
    body = shlex.quote(f'{{"dataframe_records": [\n    {row}],\n    "params": {params}}}')
    uri = f"models:/{recommender.fitted.name}/{number}"
    serve = f"TQDM_DISABLE=1 {variable}mlflow models serve -m {uri}"  # without progress bars
    rows = [
        (str(line[RANK]), escaped(line[ITEM]), escaped(line[TITLE]), f"{line[SCORE]:.3f}")
        for line in answer.to_dict(orient="records")
    ]
    return "\n\n".join(
        [
            "&nbsp;",  # MLflow's pages leave no space below a table
            f"**How to ask it**, in the environment of the project, {where}:",
            f"```sh\n{serve} --env-manager local -p {PORT}\n```",
            "In another shell:",
            f"```sh\ncurl 127.0.0.1:{PORT}/invocations \\\n"
            f"  -H 'Content-Type: application/json' \\\n  -d {body}\n```",
            f"The answer to a new user who likes {titles}:",
            table((RANK, ITEM, TITLE, SCORE), rows),
            "&nbsp;",
            "What a row takes (each column may be left out, but not both of the first two):",
            row_table(recommender),
            f"The param `only_items`: {ONLY_ITEMS}.",
        ]
    )


def sample_request(recommender: Recommender) -> tuple[dict[str, Any], str]:
    """Return a row for a new user who likes the two most liked items, and the titles of these."""
    most_liked = np.argsort(-recommender.likes_I, kind="stable")[:2]
    items = recommender.items.iloc[most_liked]
    row: dict[str, Any] = {USER: None, HISTORY: items[ITEM].tolist()}
    if recommender.taste.highest is not None:
        row[RATINGS] = [recommender.taste.highest] * len(items)
    return row, " and ".join(f"*{escaped(title)}*" for title in items[TITLE])


def where_to_serve(store: str) -> tuple[str, str]:
    """Return the line of a command that names the store, and where the command is typed.

    The line names a file of SQLite without its folder, and is empty for another store, whose
    address may have a password.
    """
    file = re.match(r"sqlite:///(?:.*[/\\])?([\w.-]+)$", store)
    if file is None:
        return "", "with `MLFLOW_TRACKING_URI` set to this store"
    return f"MLFLOW_TRACKING_URI=sqlite:///{file[1]} \\\n  ", "in the folder of the store"
