"""Spark's path of data engineering gives the rows, parts, reports and errors of one machine."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import projects
import pytest
from pyspark.sql import functions as F

from collaborative_autoencoders import cluster
from collaborative_autoencoders.cluster import dates
from collaborative_autoencoders.datasets.movielens import MovieLensDataset
from collaborative_autoencoders.datasets.sharded_part import ShardedPartDataset
from collaborative_autoencoders.interactions import (
    Interactions,
    cleaning,
    core,
    facts,
    ids,
    splitting,
    zeros,
)
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.interactions.split_report import report_split

pytestmark = pytest.mark.spark

NAMES = {"user_id": "u", "item_id": "i", "rating": "r", "timestamp": "t", "part": None}
SPLIT = {
    "kind": "hash",
    "within": "user",
    "test_fraction": 0.2,
    "validation_fraction": 0.2,
    "validation_of": "rest",
    "test_last": None,
    "validation_last": None,
    "test_from": None,
    "validation_from": None,
    "fold_in": None,
    "ties": "table",
    "seed": 7,
}
CORE = {
    "min_rating": None,
    "counts": False,
    "like_threshold": 4,
    "k": 3,
    "user_k": None,
    "item_k": None,
    "ratings": "all",
}


def random_table(seed: int, n_rows: int = 2500) -> pd.DataFrame:
    """Return ratings with duplicates, ties in time, and some users and items with few likes."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "u": (rng.random(n_rows) ** 2 * 110).astype(int) - 3,
            "i": (rng.random(n_rows) ** 2 * 80).astype(int) * 7,
            "r": rng.integers(1, 11, n_rows) / 2,
            "t": 10**9 + rng.integers(0, 50, n_rows) * 3600,
            "p": rng.choice(["train", "train", "dev", "test"], n_rows),
        }
    )


def with_text_and_dates(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with ids of text, and times that are dates."""
    user = table["u"].map("user {}".format)
    item = table["i"].map("žítém-{:03}".format)
    return table.assign(u=user, i=item, t=pd.to_datetime(table["t"], unit="s"))


TABLES = {
    "integers": (random_table(0), {}),
    "text": (with_text_and_dates(random_table(1)), {}),
    "no times": (random_table(2).drop(columns="t"), {"timestamp": None}),
    "no ratings": (random_table(3).drop(columns="r"), {"rating": None}),
}


class Both:
    """One table on its way through both engines."""

    def __init__(self, spark, folder: Path, raw: pd.DataFrame, names=None, duplicates="last", **of):
        self.raw, self.folder = raw, folder / "raw"
        self.folder.mkdir()
        half = len(raw) // 3  # Spark reads the larger file first
        for name, rows in {"b": raw[half:], "a": raw[:half]}.items():
            file = self.folder / f"{name}.parquet"
            rows.to_parquet(file, row_group_size=len(raw) // 8 + 1)
        self.options = cleaning.CleaningOptions.model_validate(
            {
                "columns": NAMES | (names or {}),
                "rating_scale": {"lowest": 0.5, "highest": 5},
                "duplicates": duplicates,
            }
        )
        self.core_options = core.CoreOptions.model_validate(CORE | of)
        piece = file.stat().st_size // 2  # several pieces of one file
        spark.conf.set("spark.sql.files.maxPartitionBytes", piece)
        self.on_spark = spark.read.parquet(self.folder.as_posix())

    def clean(self) -> tuple[pd.DataFrame, Any]:
        return (
            cleaning.clean_ratings(self.raw, self.options),
            cluster.clean_ratings(self.on_spark, self.options),
        )

    def kept(self) -> tuple[core.Kept, Any]:
        one, other = self.clean()
        return core.keep_core(one, self.core_options), cluster.keep_core(other, self.core_options)


def rows_of(table, like: pd.DataFrame) -> pd.DataFrame:
    """Return a Spark table as one of pandas, with the columns, types and order of another."""
    rows = table.toArrow().to_pandas().sort_values(["user_id", "item_id"], ignore_index=True)
    return rows[like.columns].astype(like.dtypes.to_dict())


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_cleaned_to_the_same_rows_of_the_same_checksum(spark, tmp_path, name):
    both = Both(spark, tmp_path, *TABLES[name])
    one, other = both.clean()
    pd.testing.assert_frame_equal(rows_of(other, one), one)
    found = cluster.source_of(both.on_spark, other)
    assert found == facts.source_of(both.raw, one)._replace(data_set="raw")  # the folder


@pytest.mark.parametrize(
    ("file", "name"), [("plays.parquet", "plays"), ("part-00000-5f.parquet", "raw")]
)
def test_one_file_gives_its_name_and_one_that_spark_has_named_that_of_the_folder(
    spark, tmp_path, file, name
):
    (tmp_path / "raw").mkdir()
    pd.DataFrame({"user_id": [1], "item_id": [2]}).to_parquet(tmp_path / "raw" / file)
    table = spark.read.parquet(str(tmp_path / "raw"))
    clean = table.withColumn("row", F.lit(1))
    assert cluster.source_of(table, clean).data_set == name


@pytest.mark.parametrize(
    "options",
    [{}, {"ratings": "core", "min_rating": 2}, {"k": 0, "item_k": 6}, {"k": 6, "user_k": 0}],
    ids=str,
)
def test_the_core_its_report_the_ids_and_the_facts_are_the_same(spark, tmp_path, options):
    both = Both(spark, tmp_path, *TABLES["text"], **options)
    one, other = both.kept()
    assert one.report == other.report
    assert one.report.rounds
    pd.testing.assert_frame_equal(rows_of(other.core, one.core), one.core)
    pd.testing.assert_frame_equal(rows_of(other.others, one.others), one.others)
    mine, theirs = (
        ids.index_ids(one.core, one.others),
        cluster.index_ids(other.core, other.others),
    )
    pd.testing.assert_frame_equal(mine.users, theirs.users)
    pd.testing.assert_frame_equal(mine.items, theirs.items)
    about = (4, both.options.rating_scale, len(both.raw))
    assert facts.describe(one.core, *about, one.others) == cluster.describe(
        other.core, *about, other.others
    )


SPLITS = {
    "hash": {},
    "hash of all rows": {"within": "global", "validation_of": "all"},
    "last": {"kind": "last", "test_last": 1, "validation_last": 2},
    "time": {"kind": "time"},
    "time, ties by hash": {"kind": "time", "ties": "hash"},
    "date": {"kind": "date", "test_from": "2001-09-10", "validation_fraction": 0.1},
    "date of a share": {"kind": "date", "test_fraction": 0.15},
    "users": {"kind": "users", "fold_in": 0.7},
    "own": {"kind": "own"},
    "own without validation": {"kind": "own"},
}


def is_split_alike(folder: Path, one: core.Kept, other: Any, kind: str, **of: Any) -> None:
    """Split on both engines, and compare what each part of a rating is, and all reports."""
    options = splitting.SplitOptions.model_validate(SPLIT | SPLITS[kind] | of)
    numbered, shape = ids.index_ids(one.core, one.others), ids.sizes_of(one.core)
    mine = splitting.split_interactions(one.core, numbered, options, 4, shape, one.others)
    theirs = cluster.split_interactions(other.core, numbered, options, 4, shape, other.others)
    assert all(part.ratings.nnz for part in mine)
    assert report_split(mine, options) == report_split(theirs, options)
    read = [written(part, folder / name) for part, name in zip(theirs, mine._fields, strict=True)]
    for part in (1, 2):
        same = [fingerprint(train=each[0], validation=each[part]) for each in (mine, read)]
        assert same[0] == same[1]
    assert [part.core_shape for part in read] == [part.core_shape for part in mine]


def written(part: Any, folder: Path) -> Interactions:
    """Let the workers write a part, and read it."""
    entry = ShardedPartDataset(filepath=folder.as_posix())
    entry.save(part)
    return entry.load()


@pytest.mark.parametrize("kind", SPLITS)
def test_every_row_is_in_the_same_part_at_the_same_place(spark, tmp_path, kind, monkeypatch):
    monkeypatch.setattr(dates, "FEW", 20)  # the search for a date goes on in a bucket
    raw, names = TABLES["text" if "date" in kind or kind == "last" else "integers"]
    if "own" in kind:
        raw, names = raw.drop_duplicates(["u", "i"], ignore_index=True), {"part": "p"}
        raw = raw.assign(p=raw["p"].replace("dev", "train")) if "without" in kind else raw
    of = {"ratings": "core"} if kind == "users" else {}
    is_split_alike(tmp_path / "parts", *Both(spark, tmp_path, raw, names, **of).kept(), kind)


@pytest.fixture(scope="module")
def movielens(spark, tmp_path_factory) -> dict[str, tuple[core.Kept, Any]]:
    """MovieLens 100K, in which most ratings share their second with another of the user.

    It is there as all ratings, as the core alone, and with a column of parts.
    """
    path = projects.REPOSITORY / "data" / "01_raw"
    raw = MovieLensDataset(name="ml-100k", path=path.as_posix(), table="ratings").load()
    raw.columns = pd.Index(["u", "i", "r", "t"])
    raw["p"] = np.resize(["train", "train", "dev", "test"], len(raw))
    kinds = {"users": {"ratings": "core"}, "own": {"names": {"part": "p"}}, "hash": {}}
    return {
        kind: Both(spark, tmp_path_factory.mktemp(kind), raw, k=10, **of).kept()
        for kind, of in kinds.items()
    }


@pytest.mark.parametrize("kind", SPLITS)
def test_movielens_100k_is_split_alike_in_every_way(movielens, tmp_path, kind):
    dates_of = {"test_from": "1998-03-20"} if kind == "date" else {}
    is_split_alike(tmp_path, *movielens.get(kind.split()[0], movielens["hash"]), kind, **dates_of)


def broken(**changed: Any) -> pd.DataFrame:
    """Return a table with other values in three rows, given by column."""
    table = random_table(4).astype({name: object for name in changed if name != "r"})
    for name, value in changed.items():
        table.loc[[2400, 700, 1800], name] = value
    return table


@pytest.mark.parametrize(
    ("raw", "duplicates"),
    [
        (broken(r=9.0), "last"),
        (broken(u=None), "last"),
        (broken(t=None), "last"),
        (broken(r=np.nan).assign(i=random_table(4)["i"].map("{}".format)), "last"),
        (with_text_and_dates(random_table(4)).replace({"i": {"žítém-007": ""}}), "last"),
        (random_table(4), "refuse"),
        (random_table(4).drop(columns="r"), "last"),
        (random_table(4)[:0], "last"),
    ],
    ids=["scale", "null", "no time", "no number", "empty", "conflict", "no column", "no rows"],
)
def test_bad_rows_are_refused_with_the_same_words(spark, tmp_path, raw, duplicates):
    both = Both(spark, tmp_path, raw, duplicates=duplicates)
    found = [pytest.raises(ValueError) for _ in range(2)]
    with found[0] as one:
        cleaning.clean_ratings(pd.read_parquet(both.folder), both.options)
    with found[1] as other:
        cluster.clean_ratings(both.on_spark, both.options)
    assert str(one.value) == str(other.value)


@pytest.mark.parametrize("options", [{"k": 14}, {"like_threshold": 6}, {"min_rating": 6}], ids=str)
def test_an_empty_core_is_explained_with_the_same_words(spark, tmp_path, options):
    both = Both(spark, tmp_path, *TABLES["integers"], **options)
    one, other = both.clean()
    with pytest.raises(ValueError) as mine:
        core.keep_core(one, both.core_options)
    with pytest.raises(ValueError) as theirs:
        cluster.keep_core(other, both.core_options)
    assert str(mine.value) == str(theirs.value)


@pytest.mark.parametrize("options", [{}, {"counts": True}, {"counts": True, "min_rating": 1}])
@pytest.mark.parametrize("ratings", [[1, 2, 3, 149], [1, 1, 2, 149, -5, 0], [-10, 0.5, 9]])
def test_counts_are_named_with_the_same_words(spark, ratings, options):
    table = pd.DataFrame({"rating": np.array(ratings, dtype=np.float32)})
    given = core.CoreOptions.model_validate(CORE | options)
    rows = [(float(rating),) for rating in ratings]
    on_spark = spark.createDataFrame(rows, "rating float")
    assert cluster.about_counts(on_spark, given) == core.about_counts(table, given)


@pytest.mark.parametrize("options", [{}, {"counts": True}, {"min_rating": 5}])
@pytest.mark.parametrize("ratings", [[0] * 9 + [5, 6, 7, 8, 8], [0] * 9 + [1, 1, 2, 9], [1, 2, 3]])
def test_zeros_for_no_rating_are_named_with_the_same_words(spark, ratings, options):
    table = pd.DataFrame({"rating": np.array(ratings, dtype=np.float32)})
    given = core.CoreOptions.model_validate(CORE | options)
    on_spark = spark.createDataFrame([(float(rating),) for rating in ratings], "rating float")
    said = zeros.about_zeros(table, given)
    assert cluster.about_zeros(on_spark, given) == said
    assert (said is not None) == (ratings[-1] == 8 and not options)
