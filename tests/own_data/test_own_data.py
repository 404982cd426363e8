"""A user's own table is run with the YAML in the README and nothing else."""

import hashlib
import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from projects import REPOSITORY, new_project, run
from tracked import last_run

from collaborative_autoencoders.datasets.fabricated import fabricate_ratings
from collaborative_autoencoders.hooks.own_data import with_own_titles
from collaborative_autoencoders.models import models_for, networks

pytestmark = pytest.mark.slow

README = REPOSITORY / "README.md"
QUICK = {
    **{network: {"fitting": {"epochs": 1}} for network in networks()},
    "evaluation": {"bootstrap_resamples": 10},
}
REASON = "it is fitted on ratings, and the table has no ratings"


def yaml_blocks() -> dict[str, str]:
    """Return the YAML blocks of the README's section by the path in their first line."""
    text = README.read_text(encoding="utf-8")
    section = text.partition("## Your own data\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```yaml\n(# (\S+)\n.*?)```", section, re.DOTALL)
    return {path: block for block, path in blocks}


def write_changed(file: Path, **changed) -> None:
    """Change some top-level keys of a YAML file, one level deep."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    for key, value in changed.items():
        content[key] = content.get(key, {}) | value
    file.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.fixture
def project(tmp_path) -> Path:
    """A project with the environment of the README."""
    project = new_project(tmp_path / "project")
    for path, block in yaml_blocks().items():
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(block, encoding="utf-8")
    return project


def parameters(project: Path) -> dict:
    return yaml.safe_load((project / "conf/mine/parameters.yml").read_text(encoding="utf-8"))


def raw_file(project: Path) -> Path:
    catalog = yaml.safe_load((project / "conf/mine/catalog.yml").read_text(encoding="utf-8"))
    return project / catalog["ratings"]["filepath"]


def make_table(project: Path) -> pd.DataFrame:
    """Return ratings with text ids, and with the column names and the scale of the README."""
    cleaning = parameters(project)["cleaning"]
    columns, scale = cleaning["columns"], cleaning["rating_scale"]
    table = fabricate_ratings(130, 120)
    share = (table["rating"] - 1) / 4
    return pd.DataFrame(
        {
            columns["user_id"]: "u" + table["user_id"].astype(str),
            columns["item_id"]: "s" + table["item_id"].astype(str),
            columns["rating"]: scale["lowest"] + share * (scale["highest"] - scale["lowest"]),
        }
    )


def facts_of(project: Path) -> dict:
    return json.loads((project / "data/03_primary/mine/data_facts.json").read_text())


def leaderboard_of(project: Path) -> pd.DataFrame:
    return pd.read_csv(project / "data/08_reporting/mine/leaderboard.csv", index_col="model")


def test_the_readme_shows_two_files_in_about_ten_lines():
    blocks = yaml_blocks()

    assert set(blocks) == {"conf/mine/catalog.yml", "conf/mine/parameters.yml"}
    assert sum(len(block.splitlines()) for block in blocks.values()) <= 12


def test_a_csv_with_text_ids_is_run_with_every_model(project, caplog):
    make_table(project).to_csv(raw_file(project), index=False)
    run(project, env="mine", params=QUICK, to_outputs=["leaderboard", "item_titles"])
    assert "Replacing dataset" not in caplog.text

    facts, file = facts_of(project), raw_file(project)
    assert facts["data_set"] == file.stem
    assert facts["checksum"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert leaderboard_of(project)["ndcg_at_10"].notna().all()
    titles = pd.read_parquet(project / "data/03_primary/mine/item_titles.parquet")
    assert (titles["title"] == titles["item_id"]).all(), "the titles of MovieLens are not used"


@pytest.mark.parametrize("ending", ["tsv", "parquet"])
def test_tsv_and_parquet_are_read_too(project, ending):
    table, file = make_table(project), raw_file(project).with_suffix(f".{ending}")
    entry: dict = {"filepath": f"data/01_raw/{file.name}"}
    if ending == "tsv":
        table.to_csv(file, sep="\t", index=False)
        entry["load_args"] = {"sep": "\t"}
    else:
        table.to_parquet(file)
        entry |= {"type": "pandas.ParquetDataset", "load_args": {}}
    write_changed(project / "conf/mine/catalog.yml", ratings=entry)
    run(project, env="mine", pipelines=["data_engineering"])

    assert facts_of(project)["users"] == 130
    assert facts_of(project)["rated"]


def test_times_are_read_if_the_table_has_them(project):
    table = make_table(project)
    earlier = table.head(1).assign(when=0, **{table.columns[2]: table.iloc[1, 2]})
    pd.concat([table.assign(when=1), earlier]).to_csv(raw_file(project), index=False)
    columns = parameters(project)["cleaning"]["columns"] | {"timestamp": "when"}
    write_changed(project / "conf/mine/parameters.yml", cleaning={"columns": columns})
    run(project, env="mine", pipelines=["data_engineering"])

    clean = pd.read_parquet(project / "data/02_intermediate/mine/clean_ratings.parquet")
    assert clean["timestamp"].eq(1).all()


def test_without_ratings_every_row_is_a_like_and_rating_models_are_left_out(project):
    table = make_table(project)
    table.drop(columns=table.columns[2]).to_csv(raw_file(project), index=False)
    columns = parameters(project)["cleaning"]["columns"] | {"rating": None}
    write_changed(project / "conf/mine/parameters.yml", cleaning={"columns": columns})
    run(project, env="mine", params=QUICK, to_outputs=["leaderboard"])

    facts, leaderboard = facts_of(project), leaderboard_of(project)
    assert facts["likes"] == facts["ratings"] == len(table)
    assert set(leaderboard.index[leaderboard["left_out"] == REASON]) == set(models_for("rating"))
    evaluated = leaderboard["ndcg_at_10"].notna()
    assert set(leaderboard.index[evaluated]) == set(models_for("ranking"))
    _, children = last_run(project)
    reasons = {name: child.data.tags.get("left_out") for name, child in children.items()}
    assert reasons == dict.fromkeys(models_for("ranking")) | dict.fromkeys(
        models_for("rating"), REASON
    )


def test_titles_are_read_from_a_table_of_items(project):
    table = make_table(project)
    table.to_csv(raw_file(project), index=False)
    songs = table.iloc[:, 1].unique()
    names = pd.DataFrame({"nr": songs, "called": [f"Song {song}" for song in songs]})
    names.to_csv(project / "data/01_raw/songs.csv", index=False)
    items = {"type": "pandas.CSVDataset", "filepath": "data/01_raw/songs.csv"}
    write_changed(project / "conf/mine/catalog.yml", items=items)
    titles = {"item_id": "nr", "title": "called"}
    write_changed(project / "conf/mine/parameters.yml", titles=titles)
    run(project, env="mine", pipelines=["data_engineering"])

    named = pd.read_parquet(project / "data/03_primary/mine/item_titles.parquet")
    assert (named["title"] == "Song " + named["item_id"]).all()


def test_items_that_are_null_are_no_entry():
    ratings = {"type": "pandas.CSVDataset", "filepath": "ratings.csv"}
    entries: dict = {"ratings": ratings, "items": None}
    assert with_own_titles(entries) == {"ratings": ratings}
