"""Texts of users in Markdown: what would be markup is escaped, so that a title stays a title."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST = 80
MARKUP = re.compile(r"[&<>|*_`~\[\]\\#$:@!]")
"""The characters that are markup in Markdown or HTML, or make a link of an address."""


def escaped(text: object) -> str:
    """Return a text on one line as Markdown shows it unchanged, cut to 80 characters.

    Entities are not read as markup by any dialect, unlike backslashes:

        a|b <img>   ->   a&#124;b &#60;img&#62;
    """
    line = one_line(text)
    short = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", short)


def one_line(text: object) -> str:
    """Return the text without line breaks and other control characters."""
    spaced = " ".join(str(text).split())
    return "".join(sign for sign in spaced if unicodedata.category(sign) not in ("Cc", "Cf", "Cs"))


def code(text: str) -> str:
    """Return a line as code. The marks around it are longer than those in it."""
    line = one_line(text)
    marks = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if len(marks) > 1 else ""
    return f"{marks}{space}{line}{space}{marks}"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table. Headings and cells are written as they are.

    MLflow's pages draw neither lines nor space between columns, so each cell ends in a space.
    """
    spaced = [[f"{cell}&ensp;" for cell in line] for line in (headings, *rows)]
    lines = [spaced[0], ["---"] * len(headings), *spaced[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
