"""What Spark says of CSV files that it cannot read, as sentences with a fix."""

import re

HEADERS = re.compile(r"Header: (?P<other>.*)\s+Schema: (?P<first>.*)[\s\S]*?CSV file: (?P<file>.*)")
ROW = re.compile(r"Malformed CSV record: (?P<row>.*?)(?: SQLSTATE.*)?\n")
FILE = re.compile(r"while reading file (?P<file>\S+?)\.?\s")


def about_files(said: str) -> str | None:
    """Return why Spark cannot read CSV files, and a fix, given what it says; None if unknown."""
    file = FILE.search(said)
    if header := HEADERS.search(said):
        names = [name.strip().casefold() for name in header["other"].split(",")]
        if "" in names or len({*names}) < len(names):
            return (
                f"{header['file']}: of its columns {header['other']}, one has no name or two have "
                "one. Name each, or let Spark take columns by their places: "
                "`load_args: {enforceSchema: true}`"
            )
        return (
            f"{header['file']} has the columns {header['other']}, and the first file "
            f"{header['first']}. Write all files with the same columns in the same order"
        )
    if row := ROW.search(said):
        return (
            f"{file['file'] if file else 'a file'}: the row {row['row']!r} has more or fewer "
            "values than the header. Correct it, or quote a value that has the separator in it"
        )
    return None
