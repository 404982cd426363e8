"""Every text can be written on every terminal."""

import io
import threading

import pytest
from rich.console import Console
from rich.table import Table

from collaborative_autoencoders.terminal import one_bar_at_a_time, write_any_character


def terminal(encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors)
    write_any_character(stream, io.StringIO())
    return stream


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode(stream.encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp932", "cp437"])
def test_a_character_that_a_terminal_lacks_is_a_similar_one(encoding):
    stream = terminal(encoding)
    print("n.s. – 60 × 40 → 3 … “ok” − 1", file=stream)
    plain = written(stream).translate(str.maketrans("–×“”−－", '-x""--'))
    assert plain.replace("…", "...").replace("→", "->") == 'n.s. - 60 x 40 -> 3 ... "ok" - 1\n'


def test_titles_keep_their_letters_and_what_no_letter_resembles_is_a_question_mark():
    stream = terminal("ascii")
    print("Amélie, 七人の侍, \udcff", file=stream)
    assert written(stream) == "Amelie, ????, ?\n"


def test_a_table_of_rich_is_written_whatever_the_encoding():
    stream, table = terminal("cp932", "surrogateescape"), Table("model", title="é – ½")
    table.add_row("…")
    Console(file=stream).print(table)
    assert "..." in written(stream) or "…" in written(stream)


def test_utf_8_and_the_choice_of_a_user_stay():
    utf_8, chosen = terminal("utf-8"), terminal("ascii", "ignore")
    for stream in (utf_8, chosen):
        stream.write("a – b")
    assert (written(utf_8), written(chosen)) == ("a – b", "a  b")


def test_a_bar_is_drawn_in_the_main_thread_only():
    found = []
    thread = threading.Thread(target=lambda: found.append(one_bar_at_a_time()))
    thread.start()
    thread.join()
    assert (one_bar_at_a_time(), found) == (True, [False])
