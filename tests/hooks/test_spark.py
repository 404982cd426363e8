"""A run that needs Spark says at its start what is missing."""

from importlib.util import find_spec

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from model_options import RUNNING

from collaborative_autoencoders.hooks.spark import SparkHook

PIPELINE = Pipeline([node(lambda running: running, "params:running", "model")])


def start(**changes):
    running = RUNNING.model_copy(update=changes)
    catalog = DataCatalog({"params:running": MemoryDataset(running)})
    SparkHook().before_pipeline_run(PIPELINE, catalog)


@pytest.mark.parametrize("wanted", [{"engine": "spark"}, {"ranks": 2}])
def test_nodes_that_use_workers_need_a_session(wanted):
    start()
    with pytest.raises((ModuleNotFoundError, RuntimeError)) as refused:
        start(**wanted)
    needed = "kedro run --env spark" if find_spec("pyspark") else "editable '.[spark]'"
    assert needed in str(refused.value)
