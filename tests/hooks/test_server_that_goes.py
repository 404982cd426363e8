"""A tracking server that goes away during a run: one warning, and a minute of repeats."""

import logging

import pytest
from mlflow import MlflowClient
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES
from mlflow.exceptions import MlflowException

from collaborative_autoencoders.hooks import server

NOWHERE = "http://me:secret@127.0.0.1:9"


@pytest.fixture
def waiting(monkeypatch):
    """Requests to a server that is not there are repeated once."""
    monkeypatch.setenv(MLFLOW_HTTP_REQUEST_MAX_RETRIES.name, "1")
    server.wait_a_minute_for(NOWHERE)
    yield MlflowClient(NOWHERE)
    client = logging.getLogger("urllib3.connectionpool")
    client.filters = [each for each in client.filters if not isinstance(each, server.OneWarning)]


def test_a_server_that_does_not_answer_is_named_once(waiting, caplog):
    for _ in range(2):
        with pytest.raises(MlflowException, match="Connection refused"):
            waiting.get_run("0" * 32)
    (said,) = caplog.messages
    assert "127.0.0.1:9 does not answer" in said
    assert "secret" not in said


def test_a_server_that_goes_away_again_is_named_again(waiting, caplog, monkeypatch):
    for seconds_apart in (60, -1):  # a part of a second is then long enough
        monkeypatch.setattr(server, "SECONDS_APART", seconds_apart)
        with pytest.raises(MlflowException):
            waiting.get_run("0" * 32)
    assert len(caplog.messages) == 2


def test_what_other_clients_repeat_is_not_hidden(waiting, caplog):
    logging.getLogger("urllib3.connectionpool").warning("Retrying (%s): %s", "Retry", "/ml-1m.zip")
    assert caplog.messages == ["Retrying (Retry): /ml-1m.zip"]


def test_the_number_of_repeats_of_the_shell_comes_first(monkeypatch):
    monkeypatch.setenv(MLFLOW_HTTP_REQUEST_MAX_RETRIES.name, "3")
    server.wait_a_minute_for(NOWHERE)
    assert MLFLOW_HTTP_REQUEST_MAX_RETRIES.get() == 3
    monkeypatch.delenv(MLFLOW_HTTP_REQUEST_MAX_RETRIES.name)
    server.wait_a_minute_for(NOWHERE)
    assert MLFLOW_HTTP_REQUEST_MAX_RETRIES.get() == server.REPEATS
    monkeypatch.delenv(MLFLOW_HTTP_REQUEST_MAX_RETRIES.name)
