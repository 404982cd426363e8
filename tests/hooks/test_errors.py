"""An error on the terminal has a fix, also if Spark names none."""

import pytest

from collaborative_autoencoders.hooks.errors import show_error


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("[PARQUET_TYPE_ILLEGAL] Illegal Parquet type: INT64 (TIMESTAMP(NANOS,false))", "='us'"),
        ("[FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH] Data type mismatches", "one type"),
        ("[MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION] Malformed", "more or fewer values"),
        ("CSV header does not conform to the schema.", "columns of the first"),
    ],
)
def test_errors_of_spark_have_a_fix(capsys, said, fix):
    show_error(RuntimeError, RuntimeError(said), None)
    shown = capsys.readouterr().err.splitlines()
    assert said in shown[-2]
    assert fix in shown[-1]


def test_other_errors_are_shown_as_they_are(capsys):
    show_error(ValueError, ValueError("k: 0"), None)
    assert capsys.readouterr().err.splitlines()[-1] == "ValueError: k: 0"
