"""The leaderboard of the run that registered the champions, as the page shows it."""

from collections.abc import Iterable
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.evaluation.leaderboard import LEFT_OUT
from collaborative_autoencoders.metrics.table import Measure, length_shown, measure_if_known
from collaborative_autoencoders.serving.model_versions import client

from .champions import Champion

FILE = "leaderboard.csv"
NO_LEADERBOARD = (
    "No run of these champions has a leaderboard: run `kedro run`, which compares the models."
)


def leaderboard_of(champions: Iterable[Champion]) -> dict[str, Any]:
    """Return the newest leaderboard of the runs that registered these champions.

    `run` is the name of the run, `headings` and `rows` are the table; the first cell of a row is
    the model, the others are a text and whether it is the best of its column. Without one,
    `message` says how to make it.
    """
    found = max(_logged(champions), key=lambda each: each[0], default=None)
    if found is None:
        return {"message": NO_LEADERBOARD}
    _, run, board = found
    return {"run": run} | table_of(board)


def _logged(champions: Iterable[Champion]) -> list[tuple[int, str, pd.DataFrame]]:
    """Return start, name and leaderboard of each run of these champions that has one."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    found = []
    run_ids = {each.run_id for each in champions if each.run_id}
    for run_id in run_ids:
        try:
            tags = client().get_run(run_id).data.tags
            run = client().get_run(tags.get(MLFLOW_PARENT_RUN_ID, run_id))
            with TemporaryDirectory() as folder:
                board = pd.read_csv(client().download_artifacts(run.info.run_id, FILE, folder))
        except (MlflowException, OSError):
            continue  # a run that registers models of an earlier one, or whose files are gone
        found.append((run.info.start_time, run.info.run_name, board))
    return found


def table_of(board: pd.DataFrame) -> dict[str, Any]:
    """Return headings and rows: the headline metrics, at the length of list that tables show."""
    known = [found for name in board.columns if (found := measure_if_known(str(name)))]
    length = length_shown(each.k for each in known if each.k)
    shown = [each for each in known if each.metric.is_headline and each.k in (None, length)]
    shown = [each for each in shown if board[each.name].notna().any()]
    left_out = board[LEFT_OUT] if LEFT_OUT in board else pd.Series(index=board.index)
    rows = [
        [model, *(_cell(board[each.name], each, row) for each in shown)]
        for row, model in enumerate(board[MODEL])
        if pd.isna(left_out[row])
    ]
    return {"headings": ["model", *(each.heading for each in shown)], "rows": rows}


def _cell(column: pd.Series, of: Measure, row: int) -> tuple[str, bool]:
    value = column[row]
    if pd.isna(value):
        return "–", False
    best = column.max() if of.metric.higher_is_better else column.min()
    # the digits of the logged table: rounded once more, a figure could differ from the terminal's
    return f"{value:.4f}", bool(value == best)
