"""notebooks/explore.ipynb: committed without outputs, from the catalog alone, runs to its end."""

import re
import shutil
from pathlib import Path

import nbformat
import projects
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

from collaborative_autoencoders.models import MODELS

NOTEBOOK = projects.REPOSITORY / "notebooks" / "explore.ipynb"
START = "%load_ext kedro.ipython"
FIGURES = [
    "rating-histogram",
    "long-tail",
    "dots",
    "curves-cdae",
    "curves-autorec",
    "by-popularity",
    "lorenz",
]
"""The cells that draw, by their ids."""

READS_FILES = re.compile(r"\bread_\w+\(|\bopen\(|\bPath\(|\bnp\.load|\bread_text|\bread_bytes")
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""All that a committed notebook says of where it ran."""


def committed() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def left_by_running(notebook: NotebookNode) -> list[str]:
    """What running and looking leave in the file, each with the cell it is in."""
    left = [] if notebook.metadata == KERNEL else ["metadata of the notebook"]
    left += [f"metadata in {cell.id}" for cell in notebook.cells if cell.metadata]
    for cell in code_cells(notebook):
        left += [f"outputs in {cell.id}"] if cell.outputs else []
        left += [f"a count in {cell.id}"] if cell.execution_count is not None else []
    return left


def reading_files(notebook: NotebookNode) -> list[str]:
    """The cells that read a file, where the catalog should."""
    return [cell.id for cell in code_cells(notebook) if READS_FILES.search(cell.source)]


def test_the_committed_notebook_is_valid_and_holds_nothing_of_a_run():
    nbformat.validate(committed())
    assert left_by_running(committed()) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"outputs": [nbformat.v4.new_output("stream", text="x")]}, "outputs in kedro"),
        ({"execution_count": 1}, "a count in kedro"),
        ({"metadata": {"scrolled": True}}, "metadata in kedro"),
    ],
)
def test_what_a_run_leaves_would_be_found(change, found):
    notebook = committed()
    code_cells(notebook)[0].update(nbformat.from_dict(change))
    assert left_by_running(notebook) == [found]


def test_widgets_of_a_run_would_be_found():
    notebook = committed()
    notebook.metadata["widgets"] = {}
    assert left_by_running(notebook) == ["metadata of the notebook"]


def test_it_starts_with_the_catalog_and_reads_no_file():
    first, *_ = code_cells(committed())
    assert first.source.startswith(START)
    assert reading_files(committed()) == []


@pytest.mark.parametrize("line", ['pd.read_csv("a.csv")', "pd.read_parquet(a)", 'open("a")'])
def test_a_cell_that_reads_a_file_would_be_found(line):
    notebook = committed()
    code_cells(notebook)[-1].source += f"\n{line}"
    assert reading_files(notebook) == [code_cells(notebook)[-1].id]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each cell shows as text or HTML, by the cell's id, in a project with champions."""
    project = projects.new_project(tmp_path_factory.mktemp("explored") / "world")
    projects.run(project, params={"registration": {"enabled": True}})
    (project / "notebooks").mkdir()
    ran = run_whole(Path(shutil.copy(NOTEBOOK, project / "notebooks")), project)
    return {cell.id: "".join(map(text_of, cell.outputs)) for cell in code_cells(ran)}


def run_whole(file: Path, project: Path) -> NotebookNode:
    """The notebook after all its cells, run where it lies by the Python that runs the tests."""
    environment = projects.in_project(project)["env"] | {
        "KEDRO_ENV": "test",
        # rich, which Kedro has by default, draws an error and leaves none that could be raised here
        "KEDRO_LOGGING_CONFIG": str(project / "conf" / "logging.yml"),
        "IPYTHONDIR": str(project / "ipython"),
    }
    this_python = KernelSpecManager(kernel_dirs=[])  # whatever kernels a person has installed
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=this_python)
    client = NotebookClient(nbformat.read(file, as_version=4), km=kernel, timeout=300)
    return client.execute(cwd=str(file.parent), env=environment, cleanup_kc=True)


def text_of(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return output.text
    return output.data.get("text/html", output.data.get("text/plain", ""))


def cells_of(table: str, column: int) -> list[str]:
    """A column of a table in HTML, without its heading."""
    return re.findall(rf'<td [^>]*col{column}" >(.*?)</td>', table)


def test_what_kedro_says_on_the_way_is_not_shown(shown):
    assert re.fullmatch(r"world: \d+ names in the catalog\n", shown["kedro"])


def test_the_leaderboard_and_its_figure_name_every_model(shown):
    assert [model for model in MODELS if f">{model}<" in shown["leaderboard"]] == list(MODELS)
    assert [model for model in MODELS if f'"{model}"' in shown["dots"]] == list(MODELS)


@pytest.mark.parametrize("cell", FIGURES)
def test_figures_are_drawn(shown, cell):
    assert "Plotly.newPlot" in shown[cell]


def test_a_user_stands_beside_five_items_of_every_model(shown):
    table = shown["user-lists"]
    assert [name for name in ("liked before", *MODELS) if name not in table] == []
    for column in range(1, len(MODELS) + 1):
        assert len(list(filter(None, cells_of(table, column)))) == 5
    assert "✓" in table


def test_the_champion_answers_somebody_it_has_never_seen(shown):
    liked, recommended = cells_of(shown["wishes"], 1), cells_of(shown["answer"], 1)
    assert len(liked) == 3
    assert len(recommended) == 10
    assert not set(liked) & set(recommended)
    assert cells_of(shown["answer"], 3) == ["model"] * 10
