"""Environments of published splits read files of the published form."""

from pathlib import Path

import pandas as pd
from kedro.io import AbstractDataset
from model_options import configuration_of, parameters_of

from collaborative_autoencoders.hooks.own_data import own_entry
from collaborative_autoencoders.interactions import core, ids, splitting
from collaborative_autoencoders.interactions.cleaning import CleaningOptions, clean_ratings
from collaborative_autoencoders.interactions.split_options import SplitOptions


def raw_table(env: str, folder: Path) -> pd.DataFrame:
    """The table `ratings` of an environment whose data/01_raw is `folder`."""
    entry = configuration_of(env)["catalog"]["ratings"]
    key = "path" if "path" in entry else "filepath"
    entry[key] = entry[key].replace("data/01_raw", str(folder))
    entry.pop("metadata", None)
    columns = parameters_of(env)["cleaning"]["columns"]
    own = own_entry(entry, [columns["user_id"], columns["item_id"]])
    return AbstractDataset.from_config("ratings", own).load()


def split_of(env: str, folder: Path) -> tuple[pd.DataFrame, splitting.Split]:
    """The core ratings and the split that an environment makes of files in `folder`."""
    values = parameters_of(env)
    clean = clean_ratings(
        raw_table(env, folder), CleaningOptions.model_validate(values["cleaning"])
    )
    options = core.CoreOptions.model_validate(values["core"])
    ratings = core.keep_core(clean, options).core
    return ratings, splitting.split_interactions(
        ratings,
        ids.index_ids(ratings),
        SplitOptions.model_validate(values["split"]),
        options.like_threshold,
    )


def write(folder: Path, **files: str) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")


def test_lastfm_is_split_as_its_three_files(tmp_path):
    write(
        tmp_path / "lastfm",
        train="user,item\n0,0\n0,1\n1,1\n",
        valid="user,item\n0,7\n",
        test="user,item\n1,0\n1,7\n",
    )
    (tmp_path / "lastfm/README").write_text("Not a table", encoding="utf-8")

    ratings, split = split_of("lastfm", tmp_path)

    assert "rating" not in ratings
    assert [part.likes.nnz for part in split] == [3, 1, 2]
    assert split.test.likes.tocoo().coords[1].tolist() == [0, 2]


def test_flixster_has_its_test_file_and_validation_from_its_training_file(tmp_path):
    train = "".join(f"0,{item},{0.5 + item % 10 / 2}\n" for item in range(20))
    write(
        tmp_path / "flixster",
        train=f"user,item,rating\n{train}",
        test="user,item,rating\n0,77,0.5\n1,3,5.0\n",
    )

    ratings, split = split_of("flixster", tmp_path)

    assert [part.ratings.nnz for part in split] == [18, 2, 2]
    assert split.test.ratings.data.tolist() == [0.5, 5]
    assert ratings["rating"].min() == 0.5


def test_steam_has_one_like_per_game_bought_or_played_and_no_ratings(tmp_path):
    rows = [
        f"{user},Game {game},{row},0\n"
        for user in range(6)
        for game in range(6)
        for row in ("purchase,1.0", f"play,{1000.5 * (game + 1)}")
    ]
    (tmp_path / "steam-200k.csv").write_text("".join(rows), encoding="utf-8")

    ratings, split = split_of("steam", tmp_path)

    assert "rating" not in ratings
    assert sum(part.likes.nnz for part in split) == 36
    assert ratings["row"].tolist() == [*range(2, 73, 2)]  # of each pair, the row of play
