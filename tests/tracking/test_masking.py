"""No password is in what is written, whatever form it has; what is not a password stays."""

import logging
import sys
import traceback
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.hooks.masking import MaskedRecords
from collaborative_autoencoders.tracking import masking
from collaborative_autoencoders.tracking.masking import (
    mask,
    mask_exception,
    mask_uri,
    mask_values,
    remember_environment,
    remember_secrets,
    unmask_values,
)
from collaborative_autoencoders.tracking.provenance import command_line

PASSWORD = "gehe1m"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    """Tests do not remember each other's passwords."""
    monkeypatch.setattr(masking, "_known", set())


@pytest.mark.parametrize(
    ("uri", "masked"),
    [
        ("postgresql://ann:gehe1m@db:5432/runs", "postgresql://ann:***@db:5432/runs"),
        ("postgresql+psycopg://ann:ge@he1m/x@db/runs", "postgresql+psycopg://ann:***@db/runs"),
        ("postgresql://ann:ge?he#1m@db/runs", "postgresql://ann:***@db/runs"),
        ("postgresql://ann:ge he1m@db/runs", "postgresql://ann:***@db/runs"),
        ("postgresql://ann:ge%40he1m@db/runs", "postgresql://ann:***@db/runs"),
        ("sqlite+pysqlcipher://:gehe1m@//abs/x.db", "sqlite+pysqlcipher://:***@//abs/x.db"),
        (
            "postgresql://db/runs?user=ann&password=gehe1m",
            "postgresql://db/runs?user=ann&password=***",
        ),
        ("postgresql://db/runs?sslpassword=gehe1m&a=1", "postgresql://db/runs?sslpassword=***&a=1"),
        ("postgresql://db/runs?pass%77ord=gehe1m", "postgresql://db/runs?pass%77ord=***"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dgehe1m", "mssql+pyodbc:///?odbc_connect=***"),
        ("https://ghp_gehe1m@host/repository", "https://***@host/repository"),
        ("https://store/x?sig=gehe1m&se=2027", "https://store/x?sig=***&se=2027"),
    ],
)
def test_a_password_in_a_uri_is_masked_and_the_rest_is_kept(uri, masked):
    assert mask_uri(uri) == masked


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:////home/ann/my project/mlflow.db",
        "sqlite:////home/ann@work/mlflow.db",
        "http://localhost:5000",
        "postgresql://ann@db/runs?user=ann@work&sslmode=require",
        "journal:///optuna.journal",
        "databricks",
        "models:/cdae@champion",
        "ndcg_at_10",
    ],
)
def test_a_uri_without_a_password_is_not_changed(uri):
    assert mask_uri(uri) == mask(uri) == uri


def test_a_uri_in_a_sentence_is_masked_up_to_its_end():
    text = "the store 'postgresql://ann:gehe1m@db/runs' (see http://localhost:5000) is off"
    assert mask(text) == text.replace("gehe1m", "***")


@pytest.mark.parametrize(
    "text",
    [
        'connection: host=db password=gehe1m user="ann"',
        "{'password': 'gehe1m', 'user': 'ann'}",
        '{"api_key": "gehe1m"}',
        "DRIVER=x;PWD=gehe1m;UID=ann",
    ],
)
def test_a_value_beside_the_name_of_a_secret_is_masked(text):
    assert PASSWORD not in mask(text)
    assert "ann" in mask(text) or "ann" not in text


passwords = st.text(st.characters(min_codepoint=33, max_codepoint=1000), min_size=6, max_size=20)


@given(passwords.filter(lambda text: not set(text) & set("&@/?#:") and text not in "refused"))
def test_a_remembered_password_is_masked_in_every_form_and_place(password):
    masking._known.clear()
    remember_secrets({"store": f"postgresql://ann:{password}@db/runs"})
    for form in (password, f"({password})", repr({"x": password})[6:]):
        assert f" {password} " not in f" {mask(f'FATAL {form} refused')} "
    assert password not in mask(f"FATAL, {password} was refused")


def test_passwords_of_credentials_and_of_the_environment_are_remembered():
    remember_secrets({"s3": {"key": "AKIAX1", "client_kwargs": {"aws_secret_access_key": "wxyz1"}}})
    remember_environment(
        {"MLFLOW_TRACKING_PASSWORD": "tr4ck", "DB": "http://u:in-uri@h", "HOME": "/home/ann"}
    )
    assert mask("AKIAX1 wxyz1 tr4ck in-uri /home/ann") == "*** *** *** *** /home/ann"


def test_a_word_that_is_too_common_to_be_masked_is_not_remembered():
    remember_environment({"USE_TOKEN": "true", "A_SECRET": "1", "B_SECRET": "at", "PWD": "/home"})
    assert mask("true: 1 user at /home") == "true: 1 user at /home"
    remember_environment({"A_PASSWORD": "test"})
    assert mask("test, and tests of latest") == "***, and tests of latest"


def test_nested_values_are_masked_and_take_the_current_values_again():
    current = {"tuning": {"storage": "postgresql://u:now@h/d", "n_trials": 3}, "k": [1, 2]}
    logged = mask_values(
        {"tuning": {"storage": "postgresql://u:then@h/d", "n_trials": 5}, "k": [1]}
    )
    assert logged["tuning"]["storage"] == "postgresql://u:***@h/d"
    assert unmask_values(logged, current) == {
        "tuning": {"storage": "postgresql://u:now@h/d", "n_trials": 5},
        "k": [1],
    }
    assert mask_values({"credentials": {"password": 12345, "user": "ann"}}) == {
        "credentials": {"password": "***", "user": "ann"}
    }


def test_the_command_that_is_logged_has_no_password(monkeypatch):
    arguments = ["--params", "tuning.storage=postgresql://u:ge he1m@h/d,cdae.model.hidden_size=5"]
    monkeypatch.setattr(sys, "argv", ["/bin/kedro", "run", *arguments])
    assert command_line() == (
        "kedro run --params 'tuning.storage=postgresql://u:***@h/d,cdae.model.hidden_size=5'"
    )


def test_an_exception_with_its_causes_has_no_password():
    class Library(Exception):
        def __init__(self, message):
            super().__init__(message)
            self.message = message

    try:
        try:
            raise Library(f"http://u:{PASSWORD}@h is off")
        except Library as cause:
            raise OSError(5, f"no postgresql://u:{PASSWORD}@h/d") from cause
    except OSError as error:
        mask_exception(error)
        assert PASSWORD not in "".join(traceback.format_exception(error))
        assert error.__cause__.message == "http://u:***@h is off"


def test_an_exception_that_refuses_changes_has_no_password():
    @dataclass(frozen=True)
    class Library(Exception):
        message: str

    error = Library(f"http://u:{PASSWORD}@h is off")
    mask_exception(error)
    assert str(error) == error.message == "http://u:***@h is off"


@pytest.fixture
def masked_records():
    former = logging.getLogRecordFactory()
    logging.setLogRecordFactory(MaskedRecords(former))
    yield
    logging.setLogRecordFactory(former)


def test_a_log_record_has_no_password(caplog, masked_records):
    logging.getLogger("library").warning("retry %s", f"postgresql://u:{PASSWORD}@h/d")
    try:
        raise ValueError(f"http://u:{PASSWORD}@h")
    except ValueError:
        logging.getLogger("library").exception("failed after %d s", 3)
    assert PASSWORD not in caplog.text
    assert "retry postgresql://u:***@h/d" in caplog.text
    assert "failed after 3 s" in caplog.text


def test_a_log_line_that_cannot_be_formatted_is_logged_and_raises_nothing(caplog, masked_records):
    logging.getLogger("library").warning("%d retries", f"postgresql://u:{PASSWORD}@h/d")
    assert caplog.messages == ["%d retries ('postgresql://u:***@h/d',)"]
