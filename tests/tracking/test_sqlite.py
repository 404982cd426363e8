"""The URL of a database names its file, whatever characters the path has."""

from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.tracking.sqlite import sqlite_file, sqlite_url

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
    lambda name: name not in (".", "..")
)


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_a_path_survives_the_round_trip(names):
    path = Path("/", *names, "mlflow.db")
    assert sqlite_file(sqlite_url(path)) == path


@pytest.mark.parametrize("name", ["usual", "50%20off", "100%", "a?b", "a#b", "é è", "a+b&c=d"])
def test_the_database_is_opened_in_its_folder_and_nothing_is_made_beside_it(tmp_path, name):
    file = tmp_path / name / "mlflow.db"
    file.parent.mkdir()
    with closing(sqlalchemy.create_engine(sqlite_url(file)).raw_connection()) as connection:
        connection.cursor().execute("CREATE TABLE one (number)")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert file.stat().st_size


def test_a_usual_path_has_the_usual_url(tmp_path):
    assert sqlite_url(tmp_path / "mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "http://x:5", "mysql://x/y"])
def test_a_store_of_another_kind_has_no_file(url):
    assert sqlite_file(url) is None
