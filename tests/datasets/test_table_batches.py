"""Long tables: a batch at a time, whole or not there."""

import pandas as pd
import pytest
from kedro.io import DatasetError

from collaborative_autoencoders.datasets.table_batches import TableBatchesDataset

BATCHES = [
    pd.DataFrame({"user_id": ["a", "b"], "score": [1.5, 2.0]}),
    pd.DataFrame({"user_id": ["c"], "score": [0.5]}),
]


@pytest.fixture
def dataset(tmp_path):
    return TableBatchesDataset(filepath=str(tmp_path / "lists.parquet"))


def test_batches_come_back_as_they_were_written_again_and_again(dataset):
    dataset.save(BATCHES)
    table = dataset.load()
    for _ in range(2):
        for read, written in zip(table, BATCHES, strict=True):
            pd.testing.assert_frame_equal(read, written)
    assert len(pd.read_parquet(dataset._filepath)) == 3


def test_columns_have_the_types_of_the_first_batch_with_a_row(dataset):
    no_rows = BATCHES[0].head(0).astype({"user_id": object, "score": object})
    dataset.save([no_rows, no_rows, *BATCHES, no_rows])
    table = pd.read_parquet(dataset._filepath)
    pd.testing.assert_frame_equal(table, pd.concat(BATCHES, ignore_index=True))


def test_a_table_without_a_row_is_a_table(dataset):
    dataset.save([BATCHES[0].head(0)])
    assert [len(batch) for batch in dataset.load()] == [0]


def test_what_fails_half_way_leaves_the_file_of_before(dataset):
    class Fails:
        def __iter__(self):
            yield BATCHES[1]
            raise RuntimeError("half way")

    dataset.save(BATCHES)
    with pytest.raises(DatasetError, match="half way"):
        dataset.save(Fails())
    assert [len(batch) for batch in dataset.load()] == [2, 1]


def test_a_missing_and_a_broken_file_are_named(dataset, tmp_path):
    with pytest.raises(DatasetError, match="There is no .*lists.parquet"):
        dataset.load()
    dataset.save(BATCHES)
    file = tmp_path / "lists.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DatasetError, match="lists.parquet is not a valid Parquet table"):
        list(dataset.load())


def test_the_first_rows_are_the_preview(dataset):
    assert dataset.preview() == {} or dataset.preview()["data"] == []
    dataset.save(BATCHES)
    assert dataset.preview(1)["data"] == [["a", 1.5]]
