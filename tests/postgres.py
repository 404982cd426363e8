"""A private PostgreSQL on a free port of the loopback address, and its databases."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import psycopg
from served import LOOPBACK, TO_END, TO_START, free_port

DEBIAN = Path("/usr/lib/postgresql")  # whose programs are not on the PATH
OWNER = "tests"
PASSWORD = "Geh31m-of:a@store/100%"

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "off",
    # not that of the tests, so that comparing a time of theirs with one of the database fails
    "timezone": "Asia/Kolkata",
}


class Cluster(NamedTuple):
    """A running PostgreSQL and the password of its owner."""

    port: int
    process: subprocess.Popen[bytes]

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Return a connection that commits every statement."""
        return psycopg.connect(self.url(database), autocommit=True)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://{OWNER}:{quote(PASSWORD, safe='')}@{LOOPBACK}:{self.port}/{database}"

    def create(self, database: str) -> str:
        """Create an empty database, and return its URL."""
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{database}"')
        return self.url(database)


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL of this machine; None if it has none."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = [each.parent for each in DEBIAN.glob("*/bin/initdb")]
    return max(versions, key=lambda folder: float(folder.parent.name), default=None)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Make a cluster in a new folder, and run it during the block."""
    bin_ = programs()
    assert bin_ is not None, "PostgreSQL is missing: apt-get install postgresql"
    user = _unix_user()
    data, secret, port = folder / "data", folder / "password", free_port()
    secret.write_text(PASSWORD)
    if user:
        for own in (folder, secret):
            shutil.chown(own, user)
    initdb = [bin_ / "initdb", "--pgdata", data, "--username", OWNER, "--pwfile", secret]
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    as_user: dict[str, Any] = {"cwd": folder} | ({"user": user} if user else {})
    subprocess.run([*initdb, *options], check=True, capture_output=True, **as_user)
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    process = subprocess.Popen(
        [bin_ / "postgres", "-D", data, "-p", str(port), *settings],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        **as_user,
    )
    try:
        cluster = Cluster(port, process)
        _wait_for(cluster)
        yield cluster
    finally:
        process.send_signal(signal.SIGINT)  # it ends the connections, and stops
        process.wait(TO_END)


def _unix_user() -> str | None:
    """Return who runs the cluster; None for the user of the tests. PostgreSQL refuses root."""
    if os.geteuid():
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _wait_for(cluster: Cluster) -> None:
    deadline = time.monotonic() + TO_START
    while True:
        assert cluster.process.poll() is None, "PostgreSQL did not start"
        assert time.monotonic() < deadline, f"no answer in {TO_START} s"
        with suppress(psycopg.OperationalError), cluster.connect():
            return
        time.sleep(0.1)
