"""A raw file that is missing, empty or not valid is named when it is loaded."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset

from collaborative_autoencoders.hooks import OwnDataHook


def load(file: Path) -> pd.DataFrame:
    """Load the ratings as a run does."""
    dataset = (ParquetDataset if file.suffix == ".parquet" else CSVDataset)(filepath=str(file))
    catalog = DataCatalog({"ratings": dataset, "items": MemoryDataset(pd.DataFrame())})
    hook = OwnDataHook()
    hook.after_catalog_created(catalog)
    hook.before_dataset_loaded("ratings")
    ratings = catalog.load("ratings")
    hook.after_dataset_loaded("ratings", ratings)
    return ratings


def test_a_pattern_of_files_that_spark_reads_is_no_missing_file(tmp_path):
    folder = tmp_path / "year=2024"
    folder.mkdir()
    (folder / "part-0.parquet").write_bytes(b"PAR1")
    catalog = DataCatalog({"ratings": ParquetDataset(filepath=f"{tmp_path}/*/*.parquet")})
    hook = OwnDataHook()
    hook.after_catalog_created(catalog)
    hook.before_dataset_loaded("ratings")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_missing_file_is_named_with_the_fix(tmp_path, ending):
    file = tmp_path / f"plays.{ending}"

    with pytest.raises(DatasetError, match=f"ratings: there is no {file}. .* catalog entry"):
        load(file)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_empty_file_is_named_with_the_fix(tmp_path, ending):
    file = tmp_path / f"plays.{ending}"
    file.touch()

    with pytest.raises(DatasetError, match=f"ratings: {file} is empty. .* catalog entry"):
        load(file)


def test_a_row_with_too_many_columns_is_named_with_file_and_line(tmp_path):
    file = tmp_path / "plays.csv"
    file.write_text("user_id,item_id\n1,2\n1,2,3\n")

    with pytest.raises(DatasetError, match=r"(?s)plays\.csv.*Expected 2 fields in line 3, saw 3"):
        load(file)


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_truncated_parquet_file_is_named(tmp_path, kept):
    file = tmp_path / "plays.parquet"
    pd.DataFrame({"user_id": range(1000)}).to_parquet(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(DatasetError, match=r"(?s)plays\.parquet.*Parquet"):
        load(file)


def test_a_table_is_named_after_its_file_unless_it_has_a_name(tmp_path):
    table = pd.DataFrame({"user_id": [1]})
    table.to_csv(tmp_path / "plays.csv", index=False)
    assert load(tmp_path / "plays.csv").attrs["data_set"] == "plays"

    table.attrs = {"data_set": "known"}
    table.to_parquet(tmp_path / "plays.parquet")
    assert load(tmp_path / "plays.parquet").attrs["data_set"] == "known"


class Loaded(dict):
    """A configuration whose environment sets nothing."""

    def set_in(self, key):
        return {}, {}


@pytest.mark.parametrize(("part", "said"), [(None, True), ("part", False)])
def test_a_folder_that_is_read_as_one_table_is_named_if_it_has_the_parts_of_a_split(
    tmp_path, caplog, part, said
):
    """Rows of a published test part would be trained on."""
    for name in ("train", "test"):
        pd.DataFrame({"user": [1], "song": [2]}).to_parquet(tmp_path / f"{name}.parquet")
    hook = OwnDataHook()
    columns = {"user_id": "user", "item_id": "song", "part": part}
    entry = {"type": "pandas.ParquetDataset", "filepath": str(tmp_path)}
    loader = Loaded(catalog={"ratings": entry}, parameters={"cleaning": {"columns": columns}})
    hook.after_context_created(SimpleNamespace(config_loader=loader))
    catalog = DataCatalog.from_config(loader["catalog"])
    hook.after_catalog_created(catalog)
    hook.before_dataset_loaded("ratings")
    hook.after_dataset_loaded("ratings", catalog.load("ratings"))
    lines = [line for line in caplog.messages if "split anew" in line]
    assert len(lines) == said
    assert all("split.kind=own" in line and "PartitionedDataset" in line for line in lines)
