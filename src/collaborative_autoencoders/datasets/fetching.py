"""Download of files: from a zip archive on the web or from a wheel of a package index."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from rich.console import Console
from rich.progress import Progress

from collaborative_autoencoders.terminal import one_bar_at_a_time

_CONNECT_SECONDS, _SILENCE_SECONDS, _PIP_SECONDS = 10, 30, 120


class FetchError(Exception):
    """A failed download; the message is the reason."""


def files_of_archive(url: str, checksum: str, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the bytes of the named files of the zip at `url`, by name without folder.

    `checksum` is `md5:…` or `sha256:…`. A progress bar is shown on a terminal. Raises FetchError if
    the host cannot be reached or does not answer in time, answers with an error, sends a truncated
    body or a file with another checksum, or if the archive is not a valid zip or does not contain a
    file.
    """
    import pooch  # takes 0.3 s with requests, and most runs download nothing

    pooch.get_logger().setLevel("WARNING")  # its INFO line names a temporary file
    console = Console(stderr=True)
    shown = console.is_terminal and one_bar_at_a_time()
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(console=console, transient=True, disable=not shown) as progress,
    ):
        downloader = pooch.HTTPDownloader(
            progressbar=_Bar(progress, PurePosixPath(url).name),
            timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS),
            chunk_size=2**16,
        )
        try:
            archive = pooch.retrieve(url, known_hash=checksum, path=folder, downloader=downloader)
        except (OSError, ValueError) as error:  # requests raises OSErrors, pooch ValueErrors
            raise FetchError(str(error)) from error
        return _unzip(Path(archive), names)


class _Bar:
    """A progress bar with the interface that pooch expects, drawn by rich like all others."""

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
        """Do nothing: the `with` around the download removes the bar, also after an error."""


def files_of_wheel(requirement: str, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the bytes of the named files of a wheel of the configured package index.

    The wheel is not installed. Raises FetchError if pip cannot download it within two minutes, or
    if it does not contain a file.
    """
    with tempfile.TemporaryDirectory() as folder:
        _pip_download(requirement, folder)
        wheel = next(Path(folder).glob("*.whl"))
        return _unzip(wheel, names)


def _pip_download(requirement: str, folder: str) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    # Only a wheel: pip would build a source archive, which runs its code.
    target = ["--no-deps", "--only-binary=:all:", "--dest", folder, requirement]
    limits = ["--timeout", str(_CONNECT_SECONDS), "--retries", "1"]
    try:
        subprocess.run(
            [*pip, *limits, *target],
            capture_output=True,
            text=True,
            errors="replace",
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
        raise FetchError(f"{archive.name} is not a valid zip file: {error}") from error
    except KeyError as error:
        raise FetchError(f"{archive.name} has no file {error}") from error
