"""Every row of a raw table has its number, whatever cores join between two passes over files."""

import numpy as np
import pytest
from pyspark.errors import PySparkException

from collaborative_autoencoders.cluster.row_numbers import MIN_PARTITIONS, numbered

pytestmark = pytest.mark.spark

CORES = "spark.sql.leafNodeDefaultParallelism"
SMALLEST_PIECE = "spark.sql.files.openCostInBytes"
N = 20_000


@pytest.fixture
def table(spark, tmp_path):
    """A table of one file, which Spark cuts into as many pieces as it has cores."""
    lines = "\n".join(map(str, range(1, N + 1)))
    (tmp_path / "ratings.csv").write_text(f"place\n{lines}\n")
    spark.conf.set(SMALLEST_PIECE, 1)
    spark.conf.unset(MIN_PARTITIONS)
    yield spark.read.csv(str(tmp_path), header=True, schema="place int")
    for name in (SMALLEST_PIECE, MIN_PARTITIONS, CORES):
        spark.conf.unset(name)


@pytest.mark.parametrize("cores", [1, 3, 16])
def test_rows_are_numbered_in_order_if_cores_join_or_leave(spark, table, cores):
    rows = numbered(table, table["place"])
    spark.conf.set(CORES, cores)
    found = rows.toArrow()
    np.testing.assert_array_equal(np.sort(found["place"].to_numpy()), np.arange(1, N + 1))
    assert found["row"].equals(found["place"].cast("int64"))


def test_rows_of_other_pieces_than_were_counted_are_an_error(spark, table):
    rows = numbered(table, table["place"])
    spark.conf.set(MIN_PARTITIONS, 16)
    with pytest.raises(PySparkException, match="cut into other pieces"):
        rows.toArrow()
