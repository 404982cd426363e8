"""Texts of users in Markdown."""

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from collaborative_autoencoders.markdown import code, escaped, table


def test_a_title_with_markup_is_shown_as_it_is():
    title = "a|b <img src=x onerror=alert(1)> [x](http://y) `c` **d** _e_ &amp; \\"
    line = escaped(title)
    assert not set(line) & set("|<>`*_[]\\:")
    assert html.unescape(line) == title


@given(st.text())
def test_no_text_ends_a_row_or_a_line_of_code(text):
    assert len(escaped(text).splitlines()) <= 1
    assert "|" not in escaped(text)
    marks = re.match("`+", code(text))[0]
    assert marks not in code(text)[len(marks) : -len(marks)]
    assert len(code(text).splitlines()) == 1


def test_a_long_text_is_cut():
    assert escaped("x" * 100) == "x" * 79 + "…"


def test_a_table_has_a_line_per_row():
    lines = table(("model", "RMSE"), [("mf", "0.9"), ("bias", "1.0")]).splitlines()
    assert [line.count("|") for line in lines] == [3] * 4
    assert lines[1] == "| --- | --- |"
    assert lines[3] == "| bias&ensp; | 1.0&ensp; |"
