"""Parts of the split in folders of Parquet files."""

import json
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest
from checkerboard import checkerboard, with_others
from kedro.io import DatasetError, Version
from sharded import write

from collaborative_autoencoders.datasets.interactions import InteractionsDataset, summary_of
from collaborative_autoencoders.datasets.sharded_part import ShardedPartDataset
from collaborative_autoencoders.interactions.part import fingerprint

PART = with_others(checkerboard()).train


@pytest.fixture
def folder(tmp_path):
    write(PART, tmp_path / "train")
    return tmp_path / "train"


def entry(folder) -> ShardedPartDataset:
    return ShardedPartDataset(filepath=folder.as_posix())


def test_a_part_is_read_from_all_files_and_knows_where_they_are(folder):
    found = entry(folder).load()
    assert fingerprint(train=found, validation=found) == fingerprint(train=PART, validation=PART)
    assert found.folder == folder.as_posix()
    assert json.loads(entry(folder).preview()) == summary_of(PART)


def test_a_folder_that_is_not_there_does_not_exist(tmp_path):
    missing = entry(tmp_path / "train")
    assert not missing.exists()
    assert json.loads(missing.preview()) == {}
    with pytest.raises(DatasetError, match=r"There is no .*/train\. Run the pipeline"):
        missing.load()


def lose_a_file(folder) -> None:
    (folder / "part-00001.parquet").unlink()


def cut_a_file(folder) -> None:
    file = folder / "part-00001.parquet"
    file.write_bytes(file.read_bytes()[:-40])


def lose_all_files(folder) -> None:
    for file in folder.iterdir():
        file.unlink()


def other_files(folder) -> None:
    for file in folder.iterdir():
        pd.DataFrame({"user_index": [1]}).to_parquet(file)


def with_other_types(folder) -> None:
    file = folder / "part-00001.parquet"
    rows = pq.read_table(file)
    pq.write_table(rows.set_column(2, "rating", rows["rating"].cast("float64")), file)


def file_of_another(folder) -> None:
    write(checkerboard(n_users=20).train, folder.parent / "other")
    shutil.copy(folder.parent / "other" / "part-00001.parquet", folder)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (with_other_types, "differ in columns or types"),
        (file_of_another, "part-00001.parquet is of another part"),
        (lose_a_file, r"rows were written, and it has other files than these"),
        (cut_a_file, "is not a valid part of the split"),
        (lose_all_files, "it has no file"),
        (other_files, "it does not say how many users and items"),
    ],
)
def test_a_damaged_folder_is_named_with_the_way_to_make_it_again(folder, damage, said):
    damage(folder)
    with pytest.raises(DatasetError, match=said) as refused:
        entry(folder).load()
    assert folder.as_posix() in str(refused.value)
    assert "--only-missing-outputs" in str(refused.value)


def test_a_table_of_spark_is_refused_by_the_entry_of_one_machine(tmp_path):
    own = InteractionsDataset(filepath=(tmp_path / "train.npz").as_posix())
    with pytest.raises(DatasetError, match="is a table of Spark. Let the entry be the one of"):
        own.save(object())


def test_versions_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="Remove `versioned: true`"):
        ShardedPartDataset(filepath=tmp_path.as_posix(), version=Version(None, None))


def test_a_part_of_pandas_is_refused_with_the_entry_for_it(tmp_path):
    with pytest.raises(DatasetError, match=r"is not a table of Spark\. .*InteractionsDataset"):
        entry(tmp_path / "train").save(PART)
