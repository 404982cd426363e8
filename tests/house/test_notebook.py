"""notebooks/explore.ipynb is committed without outputs, reads the catalog only, and runs."""

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import projects
import pytest

from collaborative_autoencoders.models import default_models

pytestmark = pytest.mark.slow

if TYPE_CHECKING:  # Jupyter takes 2 s, and every worker imports this file
    from nbformat import NotebookNode

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
"""The cells that draw a figure, by id."""

READS_FILES = re.compile(r"\bread_\w+\(|\bopen\(|\bPath\(|\bnp\.load|\bread_text|\bread_bytes")
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""The metadata of a committed notebook."""


def committed() -> "NotebookNode":
    import nbformat

    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook: "NotebookNode") -> "list[NotebookNode]":
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def traces_of_a_run(notebook: "NotebookNode") -> list[str]:
    """Return the outputs, counts and metadata that a run leaves in the file, with their cells."""
    traces = [] if notebook.metadata == KERNEL else ["metadata of the notebook"]
    traces += [f"metadata in {cell.id}" for cell in notebook.cells if cell.metadata]
    for cell in code_cells(notebook):
        traces += [f"outputs in {cell.id}"] if cell.outputs else []
        traces += [f"a count in {cell.id}"] if cell.execution_count is not None else []
    return traces


def cells_that_read_files(notebook: "NotebookNode") -> list[str]:
    """Return the cells that read a file themselves, without the catalog."""
    return [cell.id for cell in code_cells(notebook) if READS_FILES.search(cell.source)]


def test_the_committed_notebook_is_valid_and_has_no_traces_of_a_run():
    from nbformat import validate

    validate(committed())
    assert traces_of_a_run(committed()) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            {"outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]},
            "outputs in kedro",
        ),
        ({"execution_count": 1}, "a count in kedro"),
        ({"metadata": {"scrolled": True}}, "metadata in kedro"),
    ],
)
def test_traces_of_a_run_would_be_found(change, found):
    from nbformat import from_dict

    notebook = committed()
    code_cells(notebook)[0].update(from_dict(change))
    assert traces_of_a_run(notebook) == [found]


def test_widgets_would_be_found():
    notebook = committed()
    notebook.metadata["widgets"] = {}
    assert traces_of_a_run(notebook) == ["metadata of the notebook"]


def test_it_loads_the_catalog_first_and_reads_no_file_itself():
    first, *_ = code_cells(committed())
    assert first.source.startswith(START)
    assert cells_that_read_files(committed()) == []


@pytest.mark.parametrize("line", ['pd.read_csv("a.csv")', "pd.read_parquet(a)", 'open("a")'])
def test_a_cell_that_reads_a_file_would_be_found(line):
    notebook = committed()
    code_cells(notebook)[-1].source += f"\n{line}"
    assert cells_that_read_files(notebook) == [code_cells(notebook)[-1].id]


@pytest.fixture(scope="module")
def shown(finished_world: Path) -> dict[str, str]:
    """The output of each cell as text or HTML, by the cell's id, in a project with champions."""

    def make(folder: Path) -> None:
        project = projects.copy_with_store(finished_world, folder / "world")
        ran = run_whole(Path(shutil.copy(NOTEBOOK, project / "notebooks")), project)
        cells = {cell.id: "".join(map(text_of, cell.outputs)) for cell in code_cells(ran)}
        (folder / "cells.json").write_text(json.dumps(cells), encoding="utf-8")

    folder = projects.once("explored", make)
    return json.loads((folder / "cells.json").read_text(encoding="utf-8"))


def run_whole(file: Path, project: Path) -> "NotebookNode":
    """Return the notebook with its outputs, run in its folder by the Python of the tests."""
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    environment = projects.in_project(project)["env"] | {
        "KEDRO_ENV": "test",
        # with rich, Kedro's default, an error in a cell is printed and not raised here
        "KEDRO_LOGGING_CONFIG": str(project / "conf" / "logging.yml"),
        "IPYTHONDIR": str(project / "ipython"),
    }
    this_python = KernelSpecManager(kernel_dirs=[])  # and not one of the installed kernels
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=this_python)
    client = NotebookClient(nbformat.read(file, as_version=4), km=kernel, timeout=300)
    return client.execute(cwd=str(file.parent), env=environment, cleanup_kc=True)


def text_of(output: "NotebookNode") -> str:
    if output.output_type == "stream":
        return output.text
    return output.data.get("text/html", output.data.get("text/plain", ""))


def cells_of(table: str, column: int) -> list[str]:
    """Return a column of a table in HTML, without its heading."""
    return re.findall(rf'<td [^>]*col{column}" >(.*?)</td>', table)


def test_kedros_log_is_not_shown(shown):
    assert re.fullmatch(r"world: \d+ names in the catalog\n", shown["kedro"])


def test_the_leaderboard_and_its_figure_name_every_model(shown):
    assert [
        model for model in default_models() if f">{model}<" in shown["leaderboard"]
    ] == default_models()
    assert [
        model for model in default_models() if f'"{model}"' in shown["dots"]
    ] == default_models()


@pytest.mark.parametrize("cell", FIGURES)
def test_figures_are_drawn(shown, cell):
    assert "Plotly.newPlot" in shown[cell]


def test_the_lists_of_a_user_have_five_items_of_every_model(shown):
    table = shown["user-lists"]
    assert [name for name in ("liked before", *default_models()) if name not in table] == []
    for column in range(1, len(default_models()) + 1):
        assert len(list(filter(None, cells_of(table, column)))) == 5
    assert "✓" in table


def test_the_champion_recommends_to_an_unseen_user(shown):
    liked, recommended = cells_of(shown["wishes"], 1), cells_of(shown["answer"], 1)
    assert len(liked) == 3
    assert len(recommended) == 10
    assert not set(liked) & set(recommended)
    assert cells_of(shown["answer"], 3) == ["model"] * 10
