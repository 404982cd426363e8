"""The table on a terminal."""

import pandas as pd
import pytest
from rich.console import Console

from collaborative_autoencoders.hooks.leaderboard import LIST_METRICS, leaderboard_table
from collaborative_autoencoders.models import MODELS


def board(**columns):
    best_first = [*sorted(MODELS, key=len, reverse=True)]
    lists = dict.fromkeys((f"{name}_at_10" for name in LIST_METRICS), 0.123)
    figures = {"users_judged": 6040.0, "rmse": 0.856, "fit_seconds": 1234.5}
    than_above = [None, *["better", "worse", "not told apart"] * len(MODELS)][: len(MODELS)]
    return pd.DataFrame(
        {"model": best_first} | lists | figures | {"than_above": than_above} | columns
    )


def printed(leaderboard, width=200):
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(leaderboard_table(leaderboard))
    return capture.get()


@pytest.mark.parametrize("name", ["autorec_user", None])
def test_the_whole_table_fits_80_characters(name):
    full = board() if name is None else board(model=name)
    lines = printed(full, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    assert lines == printed(full).splitlines()


def test_each_row_says_how_it_compares_with_the_row_above():
    shown = [line.split()[-1] for line in printed(board()).splitlines() if "0.123" in line]
    assert shown[:4] == ["–", "better", "worse", "alike"]


def test_the_caption_says_of_how_many_users_and_of_which_metric():
    text = " ".join(printed(board()).split())
    assert "6040 users judged" in text
    assert "paired difference in ndcg_at_10 over users" in text


def test_a_board_of_models_that_were_all_left_out_is_still_a_table():
    text = printed(pd.DataFrame({"model": ["cdae"], "ndcg_at_10": [float("nan")]}))
    assert "cdae" in text
