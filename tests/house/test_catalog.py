"""The catalog of every environment: declared, documented, in folders named after layers."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from model_options import CONF, ENVIRONMENTS, configuration_of

from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.pipeline_registry import register_pipelines

CATALOGS = sorted(
    path.relative_to(CONF).as_posix()
    for env in ENVIRONMENTS
    for path in (CONF / env).rglob("catalog*.yml")
)


BUILT = [env for env in ENVIRONMENTS if env != "spark" or find_spec("pyspark")]
"""Environments whose datasets can be made: those of Spark need the extra."""


@contextmanager
def no_network() -> Iterator[None]:
    """Refuse every connection in the context."""

    def refuse(*_):
        raise AssertionError("a connection was opened")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.fixture(scope="module", params=BUILT)
def catalog(request):
    """The catalog of an environment, made without a network."""
    with no_network():
        yield catalog_of(request.param)


@cache
def catalog_of(env: str) -> DataCatalog:
    """The catalog of an environment, to be read: the tests of a worker share it."""
    with no_network():
        return new_catalog(env)


def new_catalog(env: str) -> DataCatalog:
    return DataCatalog.from_config(configuration_of(env)["catalog"])


@cache
def pipelines() -> dict[str, Pipeline]:
    return register_pipelines()


@cache
def all_datasets() -> set[str]:
    """The datasets of all pipelines, without parameters."""
    names = {name for pipeline in pipelines().values() for name in pipeline.datasets()}
    return {name for name in names if not name.startswith("params:")}


def undeclared(datasets: set[str], catalog: DataCatalog) -> set[str]:
    """Return the datasets that have no entry, which Kedro would keep in memory."""
    return {name for name in datasets if name not in catalog}


RESULTS = {"curves", "user_scores", "breakdown", "group_metrics", "metrics", "registration"}
"""Results that each model passes to the comparison: layers of their own within 08_reporting."""


FABRICATED = {"ratings", "newer_ratings", "items"}
"""Tables that conf/test makes without a file."""


def layer_and_folder(catalog: DataCatalog, name: str) -> tuple[str, str | None]:
    """Return the layer in Kedro-Viz and the folder below data/; None for a dataset without one."""
    dataset = catalog.get(name)
    layer = dataset.metadata["kedro-viz"]["layer"]
    layer = "08_reporting" if layer in RESULTS else layer
    path = getattr(dataset, "_filepath", None) or getattr(dataset, "_folder", None)
    if path is None:
        return layer, None
    parts = Path(str(path)).parts
    return layer, parts[parts.index("data") + 1]


def entries_without_a_comment(catalog_yaml: str) -> list[str]:
    lines = ["", *catalog_yaml.splitlines()]
    return [
        line
        for above, line in pairwise(lines)
        if re.match(r"[\w\"'{].*:\s*$", line) and not above.startswith("# ")
    ]


def test_every_dataset_of_every_pipeline_is_declared(catalog):
    assert undeclared(all_datasets(), catalog) == set()


def test_a_dataset_that_is_not_declared_would_be_found():
    careless = Pipeline([Node(lambda train: train, "train", "by_accident", name="careless")])
    assert undeclared(careless.datasets(), catalog_of("base")) == {"by_accident"}


def test_every_dataset_is_made_without_a_network_and_has_a_file(catalog):
    in_memory = {name for name in all_datasets() if isinstance(catalog.get(name), MemoryDataset)}
    assert in_memory == set()


def test_a_connection_would_be_found(catalog):
    with pytest.raises(AssertionError, match="a connection"):
        socket.create_connection(("127.0.0.1", 9))


def test_layers_are_folders_except_for_fabricated_tables(catalog):
    for name in all_datasets():
        layer, folder = layer_and_folder(catalog, name)
        assert folder == layer or (folder is None and name in FABRICATED), name


def test_a_layer_that_is_not_the_folder_would_be_found():
    catalog = new_catalog("base")
    catalog.get("train").metadata = {"kedro-viz": {"layer": "03_primary"}}
    assert layer_and_folder(catalog, "train") == ("03_primary", "05_model_input")


def test_no_environment_writes_over_the_files_of_another():
    files = [
        str(catalog.get(f"{model}.fitted")._filepath)
        for catalog in map(catalog_of, BUILT)
        for model in MODELS
    ]
    assert len(set(files)) == len(BUILT) * len(MODELS)


@pytest.mark.parametrize("file", CATALOGS)
def test_a_comment_on_every_entry_says_what_one_row_is(file):
    assert entries_without_a_comment((CONF / file).read_text(encoding="utf-8")) == []


def test_an_entry_without_a_comment_would_be_found():
    catalog_yaml = '# One user.\nusers:\n  type: a.b\n\n"{model}.lists":\n  type: a.b\n'
    assert entries_without_a_comment(catalog_yaml) == ['"{model}.lists":']
