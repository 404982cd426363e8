"""What the catalog promises, in every environment."""

import re
import socket
from itertools import pairwise
from pathlib import Path

import projects
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.pipeline_registry import register_pipelines

CONF = projects.REPOSITORY / "conf"
ENVIRONMENTS = sorted(path.name for path in CONF.iterdir() if path.is_dir())
CATALOGS = sorted(path.relative_to(CONF).as_posix() for path in CONF.rglob("catalog*.yml"))


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def catalog(request, tmp_path_factory):
    """The catalog of an environment, where nothing can be reached."""

    def refuse(*_):
        raise AssertionError("something reaches for the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield catalog_of(projects.new_project(tmp_path_factory.mktemp("catalog")), request.param)


def catalog_of(project: Path, env: str) -> DataCatalog:
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env=env) as session:
        return session.load_context().catalog


def all_datasets() -> set[str]:
    return {name for pipeline in register_pipelines().values() for name in pipeline.datasets()}


def undeclared(pipeline: Pipeline, catalog: DataCatalog) -> set[str]:
    """What would be kept in memory by accident."""
    return {name for name in pipeline.datasets() if name not in catalog}


def layer_and_folder(catalog: DataCatalog, name: str) -> tuple[str, str | None]:
    """The layer that kedro-viz shows, and the folder below data/; None without a file."""
    dataset = catalog.get(name)
    layer = dataset.metadata["kedro-viz"]["layer"]
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


def test_the_promised_environments_are_there():
    assert {"base", "test", "ml-1m", "seed"} <= set(ENVIRONMENTS)


def test_every_dataset_of_every_pipeline_is_declared(catalog):
    for pipeline in register_pipelines().values():
        assert undeclared(pipeline, catalog) == set()


def test_a_dataset_that_is_not_declared_would_be_noticed(catalog):
    careless = Pipeline([Node(lambda likes: likes, "train_likes", "by_accident", name="careless")])
    assert undeclared(careless, catalog) == {"by_accident"}


def test_every_dataset_can_be_built_without_a_network_and_none_is_kept_in_memory(catalog):
    for name in all_datasets():
        in_memory = isinstance(catalog.get(name), MemoryDataset)
        assert in_memory == name.startswith(("params:", "parameters")), name


def test_layers_are_folders(catalog):
    for name in all_datasets():
        if not name.startswith("params:"):
            layer, folder = layer_and_folder(catalog, name)
            assert folder in (layer, None), name


def test_only_fabricated_tables_have_no_file(catalog):
    names = [name for name in all_datasets() if not name.startswith("params:")]
    without = {name for name in names if layer_and_folder(catalog, name)[1] is None}
    assert without in (set(), {"ratings", "items"})


def test_reaching_for_the_network_would_be_noticed(catalog):
    with pytest.raises(AssertionError, match="reaches for the network"):
        socket.create_connection(("127.0.0.1", 9))


def test_a_layer_that_is_not_the_folder_would_be_noticed(catalog, monkeypatch):
    wrong = {"kedro-viz": {"layer": "03_primary"}}
    monkeypatch.setattr(catalog.get("train_likes"), "metadata", wrong)
    assert layer_and_folder(catalog, "train_likes") == ("03_primary", "05_model_input")


def test_no_environment_writes_over_the_files_of_another(tmp_path):
    project = projects.new_project(tmp_path / "world")
    places = [
        {str(catalog_of(project, env).get(f"{model}.fitted")._filepath) for model in MODELS}
        for env in ("test", "seed")
    ]
    assert places[0].isdisjoint(places[1])


@pytest.mark.parametrize("file", CATALOGS)
def test_every_entry_says_what_one_row_is(file):
    assert entries_without_a_comment((CONF / file).read_text(encoding="utf-8")) == []


def test_an_entry_that_says_nothing_would_be_noticed():
    catalog_yaml = '# One user.\nusers:\n  type: a.b\n\n"{model}.lists":\n  type: a.b\n'
    assert entries_without_a_comment(catalog_yaml) == ['"{model}.lists":']
