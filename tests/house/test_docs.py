"""The pages of the repository: what they link and name exists, and every page is linked."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import yaml
from projects import REPOSITORY

import collaborative_autoencoders
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.pipeline_registry import register_pipelines

README = REPOSITORY / "README.md"
CONTRIBUTING = REPOSITORY / "CONTRIBUTING.md"
CHANGELOG = REPOSITORY / "CHANGELOG.md"
DOCS = sorted((REPOSITORY / "docs").glob("*.md"))
PAGES = [README, CONTRIBUTING, *DOCS, REPOSITORY / "notebooks" / "README.md"]
MOST_BYTES = 8192
ROOTS = (REPOSITORY, REPOSITORY / "src" / "collaborative_autoencoders")
"""The folders that a path such as `models/losses.py` may be relative to."""


def each(pages: Iterable[Path]) -> pytest.MarkDecorator:
    """The test once per page, by its path."""
    names = [page.relative_to(REPOSITORY).as_posix() for page in pages]
    return pytest.mark.parametrize("page", pages, ids=names)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def links_in(text: str) -> list[str]:
    """The relative links, those of images too."""
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def anchors_in(text: str) -> set[str]:
    """The anchors that GitHub gives the headings."""
    headings = re.findall(r"^#+ (.+)$", text.lower(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().replace(" ", "-") for heading in headings}


def broken_links(folder: Path, text: str) -> list[str]:
    """The links of a page in this folder whose file or heading does not exist."""
    return [link for link in links_in(text) if not leads_somewhere(folder, text, link)]


def leads_somewhere(folder: Path, text: str, link: str) -> bool:
    """Whether the file exists, and the heading if the link names one."""
    path, _, anchor = link.partition("#")
    target = folder / path
    if not target.exists():
        return False
    return not anchor or anchor in anchors_in(text_of(target) if path else text)


def not_linked(text: str, pages: Iterable[Path]) -> list[str]:
    """The pages that the README does not link."""
    linked = {(REPOSITORY / link.partition("#")[0]).resolve() for link in links_in(text)}
    return [page.name for page in pages if page not in linked]


def missing_files(text: str) -> list[str]:
    """The source files that the text names and that do not exist; data/ is left out."""
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|yml|md|ipynb))`", text)
    named += re.findall(r"python ((?:\w+/)+\w+\.py)", text)
    sources = [name for name in named if not name.startswith("data/")]
    return [name for name in sources if not any((root / name).is_file() for root in ROOTS)]


def names_after(option: str, text: str) -> list[str]:
    """What stands after an option, at each comma; of a parameter the first key."""
    values = re.findall(rf"{option}\s+([\w.,=/-]+)", text)
    return [re.split(r"[.=]", part)[0] for value in values for part in value.split(",")]


def unknown_names(text: str, known: Mapping[str, set[str]]) -> list[str]:
    """The options in the text that name something unknown, unless the page creates it in conf/."""
    made = set(re.findall(r"^(?:# |mkdir -p )conf/([\w-]+)", text, re.MULTILINE))
    return [
        f"{option} {name}"
        for option, names in known.items()
        for name in names_after(option, text)
        if name not in names | made
    ]


def known_names() -> dict[str, set[str]]:
    """The names that each option may take."""
    base = (REPOSITORY / "conf" / "base").glob("parameters_*.yml")
    keys = {key for file in base for key in yaml.safe_load(text_of(file))}
    pipelines = set(register_pipelines())
    return {
        "--env": {folder.name for folder in (REPOSITORY / "conf").iterdir() if folder.is_dir()},
        "--pipelines": pipelines,
        "--pipeline": pipelines,
        "--namespaces": set(MODELS),
        "--params": keys | {"outputs"},
    }


def first_column(text: str, heading: str) -> list[str]:
    """The names in the first column of the first table below this heading."""
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].strip()
    table = re.search(r"(?:^\|.*\n?)+", section, re.MULTILINE)
    return re.findall(r"^\| `([\w-]+)` \|", table.group() if table else "", re.MULTILINE)


def dependencies() -> list[str]:
    """The run-time dependencies, by name."""
    project = tomllib.loads(text_of(REPOSITORY / "pyproject.toml"))["project"]
    return [re.match(r"[\w-]+", needed).group() for needed in project["dependencies"]]


def test_the_readme_stays_short():
    assert len(README.read_bytes()) <= MOST_BYTES


def test_every_page_is_linked_from_the_readme():
    assert not_linked(text_of(README), [*DOCS, CONTRIBUTING, CHANGELOG]) == []


def test_a_page_without_a_link_would_be_found():
    pages = [REPOSITORY / "docs" / name for name in ("data.md", "serving.md")]
    assert not_linked("[a](docs/data.md#sources)", pages) == ["serving.md"]


@each([*PAGES, CHANGELOG])
def test_every_link_leads_somewhere(page):
    assert broken_links(page.parent, text_of(page)) == []


@pytest.mark.parametrize("link", ["docs/none.md", "docs/data.md#none", "#none", "none.png"])
def test_a_link_that_leads_nowhere_would_be_found(link):
    assert broken_links(REPOSITORY, f"# Here\n[a]({link}), [b](#here), ![c](LICENSE)") == [link]


@each(PAGES)
def test_environments_pipelines_and_parameters_that_a_page_names_exist(page):
    assert unknown_names(text_of(page), known_names()) == []


@pytest.mark.parametrize(
    "words",
    ["--env none", "--pipelines ranking,none", "--namespaces none", "--params split.seed=7,none=1"],
)
def test_a_name_that_does_not_exist_would_be_found(words):
    found = [f"{words.split()[0]} none"]
    assert unknown_names(f"`kedro run {words}`", known_names()) == found


def test_a_page_may_name_an_environment_that_it_creates():
    text = "```yaml\n# conf/none/catalog.yml\n```\n`kedro run --env none`"
    assert unknown_names(text, known_names()) == []


@each(PAGES)
def test_every_source_file_that_a_page_names_exists(page):
    assert missing_files(text_of(page)) == []


@pytest.mark.parametrize("text", ["`models/none.py`", "python benchmarks/none.py"])
def test_a_source_file_that_does_not_exist_would_be_found(text):
    assert len(missing_files(f"{text}, `models/losses.py`, `data/none/a.yml`")) == 1


def test_every_dependency_has_its_reason():
    assert first_column(text_of(CONTRIBUTING), "Dependencies") == dependencies()


def test_a_dependency_without_a_reason_would_be_found():
    lines = text_of(CONTRIBUTING).splitlines(keepends=True)
    without = "".join(line for line in lines if not line.startswith("| `scipy`"))
    assert set(dependencies()) - set(first_column(without, "Dependencies")) == {"scipy"}


def test_every_model_has_its_row_in_the_readme():
    assert first_column(text_of(README), "The models") == list(MODELS)


def test_package_changelog_and_citation_are_of_one_version():
    releases = re.findall(r"^## \[(\d[\d.]*)\]", text_of(CHANGELOG), re.MULTILINE)
    citation = yaml.safe_load(text_of(REPOSITORY / "CITATION.cff"))
    version = collaborative_autoencoders.__version__
    assert releases[0] == citation["version"] == version
