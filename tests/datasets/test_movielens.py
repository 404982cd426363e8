"""MovieLens arrives by itself, whole or not at all, and is checked whoever brought it."""

import dataclasses
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from kedro.io import DatasetError

from collaborative_autoencoders.datasets import fetching
from collaborative_autoencoders.datasets.movielens import MovieLensDataset
from collaborative_autoencoders.datasets.movielens_sets import MOVIELENS, MovieLensSet
from collaborative_autoencoders.datasets.raw_forms import ItemsFile, RatingsFile

RATINGS = b"1::1::5::978300760\n1::2::3::978302109\n2::1::4::0\n"
ITEMS = "1::Misérables, Les (1995)::Drama\n2::NA::Comedy\n".encode("latin-1")


DAT = {
    "ratings.dat": b"1::2::3.5::1112486027\n1::29::0.5::1112484676\n2::2::5::0\n",
    "movies.dat": (
        '2::Misérables, Les (1995)::Drama\n29::"Great Performances" Cats (1998)::Musical\n'
    ).encode(),
}
CSV = {
    "ratings.csv": (
        b"userId,movieId,rating,timestamp\r\n"
        b"1,2,3.5,1112486027\r\n1,29,0.5,1112484676\r\n2,2,5.0,0\r\n"
    ),
    "movies.csv": (
        'movieId,title,genres\r\n2,"Misérables, Les (1995)",Drama\r\n'
        '29,"""Great Performances"" Cats (1998)",Musical\r\n'
    ).encode(),
}
"""The same ratings and films, as GroupLens writes them in one form and in the other."""

FORMS = {
    "ml-10m": ("ml-10M100K", DAT),
    "ml-20m": ("ml-20m", CSV),
    "ml-25m": ("ml-25m", CSV),
    "ml-32m": ("ml-32m", CSV),
    "ml-latest-small": ("ml-latest-small", CSV),
}
"""The folder in the archive of each data set of half stars, and files of its form."""


def zipped(files: dict[str, bytes], folder: str = "tiny") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"{folder}/{name}", data)
    return buffer.getvalue()


WHOLE = zipped({"ratings.dat": RATINGS, "movies.dat": ITEMS})
NO_MOVIES = zipped({"ratings.dat": RATINGS})
ANSWERS = {"/whole.zip": WHOLE, "/no_movies.zip": NO_MOVIES, "/no_zip.zip": b"<html>Moved</html>"}
ANSWERS |= {f"/{name}.zip": zipped(files, folder) for name, (folder, files) in FORMS.items()}


class _GroupLens(BaseHTTPRequestHandler):
    """Answers as the path says; a silent path answers nothing until the client hangs up."""

    def do_GET(self) -> None:  # the name http.server calls
        if self.path == "/silent.zip":
            self.rfile.read()
        elif self.path == "/truncated.zip":
            self._answer(WHOLE[: len(WHOLE) // 2], length=len(WHOLE))
        elif self.path in ANSWERS:
            self._answer(ANSWERS[self.path], length=len(ANSWERS[self.path]))
        else:
            self.send_error(404)

    def _answer(self, body: bytes, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing among the tests' output."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _GroupLens) as serving:
        Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose pip finds nothing."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")


def tiny(url: str, archive: bytes = WHOLE) -> MovieLensSet:
    """A third data set takes one row: this one."""
    return MovieLensSet(
        url=url,
        checksum=f"md5:{hashlib.md5(archive).hexdigest()}",
        ratings=RatingsFile(
            name="ratings.dat",
            separator="::",
            rows=3,
            scale=(1, 5),
            size=len(RATINGS),
            sha256=hashlib.sha256(RATINGS).hexdigest(),
        ),
        items=ItemsFile(name="movies.dat", separator="::", rows=2),
    )


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> partial[None]:
    """Calling it with name and row makes a data set known for one test."""
    return partial(monkeypatch.setitem, MOVIELENS)


def files_below(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


def place(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def dataset(path: Path, table: str = "ratings", name: str = "tiny") -> MovieLensDataset:
    return MovieLensDataset(name=name, path=str(path), table=table)


# The first way: an archive from the web


def test_the_archive_is_fetched_once_and_laid_down_whole(
    server: str, known: partial[None], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    known("tiny", tiny(f"{server}/whole.zip"))
    ratings = dataset(tmp_path).load()
    assert ratings.to_numpy().tolist() == [
        [1, 1, 5, 978300760],
        [1, 2, 3, 978302109],
        [2, 1, 4, 0],
    ]
    assert files_below(tmp_path) == ["movies.dat", "ratings.dat"]
    assert capfd.readouterr().err == "", "a progress bar where no terminal is"
    known("tiny", tiny(f"{server}/absent.zip"))
    items = dataset(tmp_path, "items").load()
    assert items["title"].tolist() == ["Misérables, Les (1995)", "NA"]


@pytest.mark.parametrize(("answer", "arrives"), [("whole.zip", True), ("absent.zip", False)])
def test_a_terminal_shows_a_bar_whether_or_not_the_archive_arrives(
    answer: str,
    arrives: bool,
    server: str,
    known: partial[None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # what rich takes for a terminal
    known("tiny", tiny(f"{server}/{answer}"))
    with nullcontext() if arrives else pytest.raises(DatasetError, match="404"):
        dataset(tmp_path).load()
    assert answer in capfd.readouterr().err


@pytest.mark.parametrize(
    ("answer", "archive", "reason"),
    [
        ("absent.zip", WHOLE, "404"),
        ("truncated.zip", WHOLE, "IncompleteRead"),
        ("no_movies.zip", WHOLE, "hash .* does not match the known hash"),
        ("no_zip.zip", ANSWERS["/no_zip.zip"], "is not a valid zip file"),
        ("no_movies.zip", NO_MOVIES, "has no file 'movies.dat'"),
        ("silent.zip", WHOLE, "Read timed out"),
    ],
)
def test_a_failed_fetch_is_reported_and_leaves_no_file(
    answer: str,
    archive: bytes,
    reason: str,
    server: str,
    known: partial[None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "_SILENCE_SECONDS", 0.3)
    known("tiny", tiny(f"{server}/{answer}", archive))
    with pytest.raises(DatasetError, match=rf"Tried:\n  {server}/{answer}: .*{reason}"):
        dataset(tmp_path).load()
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "http://nowhere.invalid"])
def test_a_host_out_of_reach_says_which_file_to_put_where(
    host: str, known: partial[None], tmp_path: Path
) -> None:
    known("tiny", tiny(f"{host}/tiny.zip"))
    with pytest.raises(DatasetError) as caught:
        dataset(tmp_path).load()
    folder = tmp_path / "tiny"
    assert f"{folder} and could not be downloaded" in str(caught.value)
    assert str(caught.value).endswith(f"put its ratings.dat and movies.dat into {folder}.")


def test_ratings_that_are_not_the_official_ones_are_not_taken_from_anywhere(
    server: str, known: partial[None], tmp_path: Path
) -> None:
    changed = {"ratings.dat": RATINGS.replace(b"5", b"4", 1), "movies.dat": ITEMS}
    row = tiny(f"{server}/absent.zip")
    known("tiny", row._replace(other_ways=(("a mirror", lambda: changed),)))
    with pytest.raises(DatasetError, match=r"a mirror: its ratings.dat is not the official file"):
        dataset(tmp_path).load()
    assert files_below(tmp_path) == []


# Half stars, in an archive of each form


def small(name: str, url: str) -> MovieLensSet:
    """The row of the data set, with the sizes and the checksum of a fabricated archive."""
    row, ratings = MOVIELENS[name], next(iter(FORMS[name][1].values()))
    algorithm = row.checksum.split(":")[0]
    return row._replace(
        url=url,
        checksum=f"{algorithm}:{hashlib.new(algorithm, ANSWERS[f'/{name}.zip']).hexdigest()}",
        ratings=dataclasses.replace(row.ratings, rows=3, size=len(ratings)),
        items=dataclasses.replace(row.items, rows=2),
    )


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("by_hand", [False, True])
def test_half_stars_and_quoted_titles_arrive_from_each_archive_and_by_hand(
    name: str, by_hand: bool, server: str, known: partial[None], tmp_path: Path
) -> None:
    known(name, small(name, f"{server}/{'absent' if by_hand else name}.zip"))
    if by_hand:
        place(tmp_path / name, FORMS[name][1])
    ratings = dataset(tmp_path, name=name).load()
    assert ratings.to_numpy().tolist() == [
        [1, 2, 3.5, 1112486027],
        [1, 29, 0.5, 1112484676],
        [2, 2, 5, 0],
    ]
    assert ratings.attrs["checksum_is_official"] is None, "GroupLens has none of this file"
    assert dataset(tmp_path, "items", name).load().to_numpy().tolist() == [
        [2, "Misérables, Les (1995)", "Drama", 1995],
        [29, '"Great Performances" Cats (1998)', "Musical", 1998],
    ]
    assert dataset(tmp_path, name=name).preview(nrows=1)["data"] == [[1, 2, 3.5, 1112486027]]
    assert files_below(tmp_path) == sorted(FORMS[name][1])


def test_an_archive_with_another_sha256_is_refused(
    server: str, known: partial[None], tmp_path: Path
) -> None:
    url = f"{server}/ml-latest-small.zip"
    known("tiny", MOVIELENS["ml-latest-small"]._replace(url=url))
    with pytest.raises(DatasetError, match="does not match the known hash"):
        dataset(tmp_path).load()
    assert files_below(tmp_path) == []


# The second way: the package index


@pytest.fixture(scope="module")
def from_index(server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where MovieLens 100K lies after GroupLens has answered 404: the real index is asked."""
    path = tmp_path_factory.mktemp("raw")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MOVIELENS, "ml-100k", MOVIELENS["ml-100k"]._replace(url=f"{server}/absent"))
        dataset(path, name="ml-100k").load()
    return path


def test_movielens_100k_comes_from_the_package_index_byte_for_byte(from_index: Path) -> None:
    data = (from_index / "ml-100k" / "u.data").read_bytes()
    assert len(data) == 1_979_173
    assert hashlib.sha256(data).hexdigest() == (
        "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"
    )
    ratings = dataset(from_index, name="ml-100k").load()
    assert len(ratings) == 100_000
    assert ratings["user_id"].nunique() == 943
    assert ratings["item_id"].nunique() == 1_682
    assert ratings.attrs["data_set"] == "ml-100k"
    assert ratings.attrs["checksum_is_official"] is True


def test_its_titles_read_as_those_of_grouplens(from_index: Path) -> None:
    items = dataset(from_index, "items", "ml-100k").load()
    title = items.set_index("item_id")["title"]
    assert len(title) == 1_682
    assert title[1] == "Toy Story (1995)"
    assert title[267] == "unknown"
    assert title[543] == "Misérables, Les (1995)"
    genres = items.set_index("item_id")["genres"]
    assert genres[1] == "Animation|Children's|Comedy"
    assert genres[267] == "unknown"
    assert title[1412] == "Land Before Time III: The Time of the Great Giving (1995) (V)"


@pytest.mark.usefixtures("no_index")
def test_without_any_network_both_ways_are_reported(
    server: str, known: partial[None], tmp_path: Path
) -> None:
    known("ml-100k", MOVIELENS["ml-100k"]._replace(url=f"{server}/absent.zip"))
    with pytest.raises(DatasetError) as caught:
        dataset(tmp_path, name="ml-100k").load()
    first, second = str(caught.value).splitlines()[1:3]
    assert first.startswith(f"  {server}/absent.zip: 404")
    assert second.startswith("  recbole==1.2.1 of the package index: ERROR: No matching dist")
    assert str(caught.value).endswith(f"put its u.data and u.item into {tmp_path / 'ml-100k'}.")
    assert files_below(tmp_path) == []


def test_pip_that_hangs_is_a_reason_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_PIP_SECONDS", 0.01)
    with pytest.raises(fetching.FetchError, match="pip did not finish within"):
        fetching.files_of_wheel("recbole==1.2.1", ("ml-100k.inter",))


# Files that are already there


def test_a_file_put_there_by_hand_is_used_and_its_other_checksum_recorded(
    server: str, known: partial[None], tmp_path: Path
) -> None:
    known("tiny", tiny(f"{server}/absent.zip"))
    mine = RATINGS.replace(b"978300760", b"0")
    place(tmp_path / "tiny", {"ratings.dat": mine})
    assert dataset(tmp_path).load().attrs == {
        "data_set": "tiny",
        "checksum": hashlib.sha256(mine).hexdigest(),
        "checksum_is_official": False,
    }


def test_only_what_is_missing_is_fetched_and_nothing_of_yours_is_written_over(
    server: str, known: partial[None], tmp_path: Path
) -> None:
    known("tiny", tiny(f"{server}/whole.zip"))
    mine = RATINGS.replace(b"978300760", b"0")
    place(tmp_path / "tiny", {"ratings.dat": mine})
    assert len(dataset(tmp_path, "items").load()) == 2
    assert (tmp_path / "tiny" / "ratings.dat").read_bytes() == mine


def test_missing_items_out_of_reach_are_asked_for_alone(
    server: str, known: partial[None], tmp_path: Path
) -> None:
    known("tiny", tiny(f"{server}/absent.zip"))
    place(tmp_path / "tiny", {"ratings.dat": RATINGS})
    with pytest.raises(DatasetError, match=r"put its movies.dat into "):
        dataset(tmp_path, "items").load()


# The catalog's side


def test_a_preview_shows_first_rows_and_never_fetches(
    server: str, known: partial[None], tmp_path: Path
) -> None:
    known("tiny", tiny(f"{server}/whole.zip"))
    assert dataset(tmp_path).preview()["data"] == []
    assert files_below(tmp_path) == []
    dataset(tmp_path).load()
    assert dataset(tmp_path).preview(nrows=1)["data"] == [[1, 1, 5, 978300760]]


def test_names_and_tables_that_do_not_exist_are_refused_and_nothing_is_saved(
    tmp_path: Path,
) -> None:
    with pytest.raises(DatasetError, match=r"unknown data set 'ml-2m'; use one of \['ml-100k'"):
        dataset(tmp_path, name="ml-2m")
    with pytest.raises(DatasetError, match="unknown value 'tags'; use ratings or items"):
        dataset(tmp_path, "tags", "ml-100k")
    with pytest.raises(DatasetError, match="read-only"):
        dataset(tmp_path, name="ml-100k").save("anything")
