"""A fix that an error names reads the table when it is typed."""

import bz2
import gzip
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, DatasetError

from collaborative_autoencoders.hooks.own_data import own_entry
from collaborative_autoencoders.interactions.cleaning import CleaningOptions, clean_ratings

PLAYS = [(user, song, 1 + (user + song) % 5) for user in range(1, 5) for song in range(1, 4)]
HEADER = "user,song,stars\n"
ROWS = "".join(f"{user},{song},{stars}\n" for user, song, stars in PLAYS)
LOAD_ARGS = re.compile(r"load_args: (\{(?:[^{}]|\{[^{}]*\})*\})")


class File:
    """A raw file, read with what its errors propose."""

    def __init__(self, path: Path, kind: str = "CSV", **columns: Any) -> None:
        self.path, self.kind = path, kind
        self.columns = {"user_id": "user", "item_id": "song", "rating": "stars"}
        self.columns |= {"timestamp": None, "part": None} | columns

    def read(self, scale: tuple[int, int] | None = None, **load_args: Any) -> pd.DataFrame:
        """Return the clean ratings."""
        entry = {"type": f"pandas.{self.kind}Dataset", "filepath": str(self.path)}
        names = self.columns
        times = [names["timestamp"]] if names["timestamp"] is not None else []
        own = own_entry(
            entry | {"load_args": load_args},
            [names["user_id"], names["item_id"]],
            others=[names["rating"]],
            times=times,
        )
        options = {
            "columns": names,
            "rating_scale": scale and {"lowest": scale[0], "highest": scale[1]},
            "duplicates": "refuse",
        }
        table = DataCatalog.from_config({"ratings": own}).load("ratings")
        return clean_ratings(table, CleaningOptions.model_validate(options))

    def refused(self, **load_args: Any) -> tuple[str, list[dict[str, Any]]]:
        """Return the message of an error, and each `load_args` that it proposes."""
        with pytest.raises((ValueError, DatasetError)) as caught:
            self.read(**load_args)
        message = str(caught.value)
        return message, [yaml.safe_load(found) for found in LOAD_ARGS.findall(message)]

    def typed(self, **load_args: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Return the ratings, and the arguments: each error's first proposal is typed."""
        for _ in range(4):
            try:
                return self.read(**load_args), load_args
            except (ValueError, DatasetError) as error:
                (proposal, *_) = map(yaml.safe_load, LOAD_ARGS.findall(str(error)))
                more = load_args | proposal
                assert repr(more) != repr(load_args), f"it is typed already: {error}"
                load_args = more
        raise AssertionError(f"four fixes were not enough: {load_args}")


@pytest.fixture
def csv(tmp_path):
    """Return a function that writes a CSV."""

    def write(content: str | bytes, name: str = "plays.csv", **columns: Any) -> File:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return File(tmp_path / name, **columns)

    return write


def plays_of(ratings: pd.DataFrame) -> list[tuple[int, int, int]]:
    columns = ratings[["user_id", "item_id", "rating"]]
    return [tuple(map(int, row)) for row in columns.itertuples(index=False)]


@pytest.mark.parametrize("name", ["{0}", '"{0}"', '"row {0}"', "{1}"])
@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
@pytest.mark.parametrize("compressed", [False, True])
def test_names_of_rows_are_no_users(csv, name, separator, compressed):
    """R writes them without a name of their own; every column would be shifted by one."""
    rows = (
        f"{name.format(n, 2 * n + 3)},{values}\n" for n, values in enumerate(ROWS.splitlines(), 1)
    )
    text = (HEADER + "".join(rows)).replace(",", separator)
    content = gzip.compress(text.encode()) if compressed else text
    file = csv(content, "plays.csv.gz" if compressed else "plays.csv")

    ratings, args = file.typed(sep=separator)

    assert args["index_col"] is not False
    assert plays_of(ratings) == PLAYS


def test_a_last_column_without_a_name_is_named_or_left_out(csv):
    """Users who are all distinct look like names of rows; the error says both readings."""
    file = csv(HEADER + "7,1,4,tv\n8,2,5,tv\n")
    message, _ = file.refused()
    assert "If it is a value of 'user', name all columns." in message
    named = file.read(header=0, names=["user", "song", "stars", "device"])
    assert plays_of(named) == [(7, 1, 4), (8, 2, 5)]
    twice = csv(HEADER + "7,1,4,tv\n7,2,5,tv\n")
    assert twice.typed()[1] == {"index_col": False}


@pytest.mark.parametrize("last", ["NA", ""])
def test_names_of_rows_are_told_from_a_separator_at_the_end(csv, last):
    """Nulls that are written are a column; nothing after the last separator is none."""
    file = csv(HEADER + f"1,7,8,{last}\n2,7,9,{last}\n")
    _, (proposal, *_) = file.refused()
    assert proposal == {"index_col": 0 if last else False}


def test_an_index_without_a_name_is_dropped(csv):
    rows = (f"{2 * n + 3},{values}\n" for n, values in enumerate(ROWS.splitlines()))
    file = csv(f",{HEADER}{''.join(rows)}")
    assert plays_of(file.read(index_col=0)) == plays_of(file.read()) == PLAYS


@pytest.mark.parametrize("separator", [" ", "  "])
@pytest.mark.parametrize("width", [1, 3])
def test_columns_between_blanks_are_read_with_the_separators_named(csv, separator, width):
    rows = "".join(
        separator.join(f"{value:<{width}}" for value in row).rstrip() + "\n" for row in PLAYS
    )
    file = csv(HEADER.replace(",", separator) + rows)
    ratings, args = file.typed()
    assert plays_of(ratings) == PLAYS
    assert args == {"sep": " " if (separator, width) == (" ", 1) else r"\s+"}


def test_blanks_that_repeat_in_some_rows_are_named(csv):
    ratings, _ = csv("user song stars\n1 2 3\n10    2 4\n").typed(sep=" ")
    assert plays_of(ratings) == [(1, 2, 3), (10, 2, 4)]


def test_blanks_in_a_title_separate_nothing(csv):
    file = csv(f"My export\n{HEADER}{ROWS}")
    message, proposals = file.refused()
    assert "If the first line is a title" in message
    assert plays_of(file.read(**proposals[-1])) == PLAYS


@pytest.mark.parametrize("row", ["u1,i1,3\n", "u1,i1,3,2020-01-31\n", "u1,7,5\n"])
def test_a_first_row_taken_for_names_is_named_though_ids_are_text(csv, row):
    file = csv(row + row.replace("1", "2"), user_id="user")
    message, (proposal,) = file.refused()
    assert "is a value and no name" in message
    numbers = {"user_id": 0, "item_id": 1, "rating": 2}
    assert len(File(file.path, **numbers).read(**proposal)) == 2


def test_a_misspelt_name_is_still_named_beside_a_column_named_by_a_number():
    table = pd.DataFrame({"users": [1], "song": [2], "stars": [3], "2020": [4]})
    columns = {"user_id": "user", "item_id": "song", "rating": "stars"}
    options = {
        "columns": columns | {"timestamp": None, "part": None},
        "rating_scale": None,
        "duplicates": "refuse",
    }
    with pytest.raises(ValueError, match=r"Did you mean 'users'\? If '2020' is a value"):
        clean_ratings(table, CleaningOptions.model_validate(options))


def zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("plays.csv", content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "compress", "load_args"),
    [
        ("plays.csv", bytes, {}),
        ("plays.csv.gz", gzip.compress, {}),
        ("plays.csv.bz2", bz2.compress, {}),
        ("plays.csv.zip", zipped, {}),
        ("plays.dump", gzip.compress, {"compression": "gzip"}),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-16-le", "utf-16-be"])
def test_an_encoding_is_found_in_a_compressed_file(csv, name, compress, load_args, encoding):
    user = "Jörg" if encoding in ("utf-16", "cp1252") else "Jo"
    text = HEADER + "1,2,4\n" * (encoding == "cp1252") + f"{user},3,4\n"
    file = csv(compress(text.encode(encoding)), name)
    message, proposals = file.refused(**load_args)
    assert proposals == [{"encoding": encoding}]
    assert encoding != "cp1252" or f"{name}, line 3" in message
    assert user in set(file.read(**load_args, **proposals[0])["user_id"])


def test_utf_16_read_as_something_else_is_named(csv):
    file = csv((HEADER + ROWS).encode("utf-16"))
    assert plays_of(file.typed(encoding="latin-1")[0]) == PLAYS


def test_utf_16_without_a_header_is_named(csv):
    file = csv(ROWS.replace("1,", "u1,").encode("utf-16-le"), user_id=0, item_id=1, rating=2)
    _, (proposal,) = file.refused(header=None)
    assert len(file.read(header=None, **proposal)) == len(PLAYS)


@pytest.mark.parametrize("rows", [1, 12])
@pytest.mark.parametrize("compressed", [False, True])
def test_an_object_in_each_line_is_json_with_lines(tmp_path, rows, compressed):
    keys = ("user", "song", "stars")
    lines = [json.dumps(dict(zip(keys, play, strict=True))) for play in PLAYS[:rows]]
    content = "\n".join(lines).encode()
    file = File(tmp_path / ("plays.json.gz" if compressed else "plays.json"), "JSON")
    file.path.write_bytes(gzip.compress(content) if compressed else content)
    ratings, args = file.typed()
    assert args == {"lines": True}
    assert plays_of(ratings) == PLAYS[:rows]


def test_json_that_has_no_lines_is_not_said_to_have_them(tmp_path):
    file = File(tmp_path / "plays.json", "JSON")
    file.path.write_text('[{"user": 1, "song": 2, "stars": 3}')
    message, proposals = file.refused()
    assert "plays.json" in message
    assert not proposals


@pytest.mark.parametrize("word", ["now", "today"])
@pytest.mark.parametrize("args", [{}, {"parse_dates": ["at"], "date_format": "%Y-%m-%d"}])
@pytest.mark.parametrize("nulls", [{}, {"na_values": "-"}, {"na_values": {"song": ["-"]}}])
def test_no_word_is_the_moment_of_reading(csv, word, args, nulls):
    """Each run would have another table, with these rows as its latest."""
    text = f"user,song,stars,at\n1,2,3,2020-01-31\n{word},2,4,{word}\n"
    message, _ = csv(text, timestamp="at").refused(**args, **nulls)
    assert re.search(r"row 2 \(user_id: '(now|today)', .*is not a valid time", message)
    assert "form" not in message


def test_no_word_in_a_table_with_types_is_the_moment_of_reading(tmp_path):
    file = File(tmp_path / "plays.parquet", "Parquet", timestamp="at")
    table = pd.DataFrame({"user": [1, 2], "song": [1, 2], "stars": [3, 4]})
    table.assign(at=["2020-01-31", "today"]).to_parquet(file.path)
    assert "row 2 (user_id: 2, item_id: 2): timestamp 'today' is not" in file.refused()[0]


@pytest.mark.parametrize("backend", [{}, {"dtype_backend": "pyarrow"}])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_dates_of_parquet_may_lie_in_any_year(tmp_path, backend, zone):
    file = File(tmp_path / "plays.parquet", "Parquet", timestamp="at")
    table = pd.DataFrame({"user": [1, 2], "song": [1, 2], "stars": [3, 4]})
    dates = pd.Series(pd.to_datetime(["9999-12-31", "0001-01-01"])).dt.tz_localize(zone)
    table.assign(at=dates).to_parquet(file.path)
    assert file.read(**backend)["timestamp"].dt.year.tolist() == [9999, 1]


@pytest.mark.parametrize(
    "times",
    [
        ["2020-01-01", "31.12.2019"],
        ["31.12.2019 10:00", "12/31/2019 10:00 AM"],
        ["1600000000", "2020-01-01"],
        ["2020-01-01", "1600000000"],
    ],
)
def test_no_form_is_proposed_that_reads_only_some_dates(csv, times):
    rows = "".join(f"{user},2,3,{time}\n" for user, time in enumerate(times))
    message, proposals = csv("user,song,stars,at\n" + rows, timestamp="at").refused()
    assert not proposals
    if not times[0].startswith("31"):
        assert f"Times of two forms are mixed, {times[0]} and {times[1]}:" in message.replace(
            "1600000000.0", "1600000000"
        )


@pytest.mark.parametrize(
    "time",
    [
        "Fri Jan 31 20:19:24 +0000 2020",
        "Fri Jan 31 20:19:24 UTC 2020",
        "Fri Jan 31 20:19:24 2020",
        "Fri, 31 Jan 2020 20:19:24 +0000",
        "Fri, 31 Jan 2020 20:19:24 GMT",
        "01 31, 2020",
        "31.01.2020",
    ],
)
def test_dates_of_services_are_read_as_proposed(csv, time):
    file = csv(f'user,song,stars,at\n1,2,3,"{time}"\n', timestamp="at")
    ratings, args = file.typed()
    assert args["parse_dates"] == ["at"]
    moment = ratings["timestamp"].iloc[0]
    assert moment == pd.Timestamp("2020-01-31 20:19:24" if ":" in time else "2020-01-31")


@pytest.mark.parametrize(
    ("dates", "forms"),
    [
        (["19-01-02", "99-12-31"], {"year": "%y-%m-%d"}),
        (["19-01-02", "20-03-04"], {"day": "%d-%m-%y", "year": "%y-%m-%d"}),
        (["19/01/02 10:05", "20/03/04 23:59"], {"day": "%d/%m/%y %H:%M", "year": "%y/%m/%d %H:%M"}),
        (["19.1.2T10:05:06", "29.2.3T00:00:00"], {"year": "%y.%m.%dT%H:%M:%S"}),
        (["01/02/03"], {"day": "%d/%m/%y", "month": "%m/%d/%y", "year": "%y/%m/%d"}),
        (["02-01-19", "12-31-19"], {"month": "%m-%d-%y"}),
    ],
)
@pytest.mark.parametrize("kind", ["CSV", "Parquet"])
def test_each_order_of_day_month_and_year_that_fits_is_named(tmp_path, dates, forms, kind):
    """The time would be scrambled by the only order that is proposed, if it is another."""
    file = File(tmp_path / "plays", kind, timestamp="at")
    users = list(range(len(dates)))
    table = pd.DataFrame({"user": users, "song": 2, "stars": 3, "at": dates})
    _ = table.to_csv(file.path, index=False) if kind == "CSV" else table.to_parquet(file.path)

    message, proposals = file.refused()

    named = [message.index(f"the {first} first: ") for first in forms] if len(forms) > 1 else [0]
    assert named == sorted(named)
    if kind == "Parquet":
        codes = re.findall(r"`table\['at'\] = (pd\.to_datetime.*?)`", message)
        assert len(codes) == len(forms)
        assert all(eval(code, {"pd": pd, "table": table}).notna().all() for code in codes)
        return
    for (first, form), proposal in zip(forms.items(), proposals, strict=True):
        assert proposal["date_format"] == form
        read = file.read(**proposal)["timestamp"]
        assert read.tolist() == pd.to_datetime(dates, format=form).tolist()
        assert {"day": "%d", "month": "%m", "year": "%y"}[first] == proposal["date_format"][:2]


@pytest.mark.parametrize(
    "dates",
    [
        ["31012019", "01122019"],
        ["01312019", "03042020"],
        ["310120191530", "040420201530"],
        ["31012019153059", "01012020000000"],
    ],
)
def test_dates_as_one_number_are_read_as_proposed(csv, dates):
    rows = "".join(f"{user},2,3,{date}\n" for user, date in enumerate(dates))
    ratings, args = csv("user,song,stars,at\n" + rows, timestamp="at").typed()
    expected = pd.to_datetime(dates, format=args["date_format"]).tolist()
    assert ratings["timestamp"].tolist() == expected
    assert expected[0].day == 31


@pytest.mark.parametrize("clock", ["", "1530", " 15:30:01"])
@pytest.mark.parametrize("kind", ["day", {"at": "day"}])
def test_a_date_that_has_lost_its_zero_is_refused(csv, clock, kind):
    """pandas would read the eleventh of February."""
    rows = "".join(f"{n},2,3,{date}{clock}\n" for n, date in enumerate(["31012019", "1122019"]))
    form = "%d%m%Y" + {"": "", "1530": "%H%M", " 15:30:01": " %H:%M:%S"}[clock]
    args = {"parse_dates": ["at"], "date_format": form if kind == "day" else {"at": form}}
    header = "user,song,stars,at\n"
    message, _ = csv(header + rows, timestamp="at").refused(**args)
    assert f"plays.csv: row 2: at '1122019{clock}' has lost the zero in front" in message
    table = pd.DataFrame({"at": ["31012019" + clock, "1122019" + clock]})
    fix = re.findall(r"`table\['at'\] = (.*?)`", message)[0]
    assert eval(fix, {"table": table}).tolist()[1] == "01122019" + clock
    whole = csv(header + rows.replace("1122019", "01122019"), timestamp="at").read(**args)
    assert whole["timestamp"].dt.month.tolist() == [1, 12]


def test_dates_as_numbers_in_parquet_are_converted_as_proposed(tmp_path):
    file = File(tmp_path / "plays.parquet", "Parquet", timestamp="at")
    table = pd.DataFrame({"user": [1, 2], "song": 2, "stars": 3, "at": [31012019, 1122019]})
    table.to_parquet(file.path)
    message, proposals = file.refused()
    assert not proposals
    (code,) = re.findall(r"`table\['at'\] = (.*?)`", message)
    assert eval(code, {"pd": pd, "table": table}).dt.month.tolist() == [1, 12]


SHORTER = ["%d%m%y", "%m%d%y", "%d%m%y%H%M", "%m%Y", "%j%Y", "%Y%m", "%m.%Y", "%d.%m"]


@pytest.mark.parametrize("form", SHORTER)
@pytest.mark.parametrize("kind", ["CSV", "Parquet"])
def test_shorter_dates_as_one_number_are_read_as_proposed(tmp_path, form, kind):
    """With day, month or year of two digits, or a month without its zero."""
    dates = pd.date_range(
        "2016-01-01", "2016-12-31" if form == "%d.%m" else "2019-12-31", freq="3D"
    )
    texts = [date.strftime(form) for date in dates]
    if form == "%Y%m":
        texts = [f"{date.year}{date.month}" for date in dates]
    at = texts if kind == "CSV" else [float(text) if "." in text else int(text) for text in texts]
    file = File(tmp_path / "plays", kind, timestamp="at")
    table = pd.DataFrame({"user": range(len(at)), "song": 2, "stars": 3, "at": at})
    _ = table.to_csv(file.path, index=False) if kind == "CSV" else table.to_parquet(file.path)
    message, proposals = file.refused()
    if kind == "CSV" and form != "%d.%m":
        times = file.read(**proposals[0])["timestamp"]
    else:
        table["at"] = table["at"].astype(float)  # as pandas reads a CSV
        (code,) = re.findall(r"`table\['at'\] = (pd.*?)`", message)
        times = eval(code.replace(".2000", ".2016"), {"pd": pd, "table": table})
    expected = pd.to_datetime([date.strftime("%Y-%m-%d %H:%M") for date in dates])
    if "d" not in form and "j" not in form:
        expected = expected.to_period("M").to_timestamp()
    assert times.tolist() == expected.tolist()


@pytest.mark.parametrize("args", [{}, {"index_col": False}, {"parse_dates": False}])
def test_a_form_of_dates_alone_is_named_with_what_it_lacks(csv, args):
    """pandas said `False is not in list`."""
    file = csv("user,song,stars,at\n1,2,3,05.03.2019\n2,2,3,06.03.2019\n", timestamp="at")
    message, (proposal,) = file.refused(date_format="%d.%m.%Y", **args)
    assert "row 1 (user_id: 1, item_id: 2): timestamp '05.03.2019' is not a valid time" in message
    ratings = file.read(**{"date_format": "%d.%m.%Y"} | args | proposal)
    assert ratings["timestamp"].dt.month.tolist() == [3, 3]


def test_dates_of_databases_are_utc(csv):
    times = ("2020-01-31 10:00:00 UTC", "2020-01-31 10:00:00.25 UTC", "2020-01-31T12:00:00+02:00")
    rows = "".join(f"{user},2,3,{time}\n" for user, time in enumerate(times))
    ratings = csv("user,song,stars,at\n" + rows, timestamp="at").read()
    ten = pd.Timestamp("2020-01-31 10:00")
    assert ratings["timestamp"].tolist() == [ten, ten + pd.Timedelta("250ms"), ten]


@pytest.mark.parametrize(
    ("number", "values"),
    [("4,250", [4250, 4.25]), ("1,234,567", [1234567]), ("1,234.5", [1234.5]), ("4,5", [4.5])],
)
def test_three_digits_after_a_comma_are_thousands_or_decimals(csv, number, values):
    file = csv(f"user;song;stars\n1;2;{number}\n")
    _, proposals = file.refused(sep=";")
    assert [file.read(sep=";", **args)["rating"].tolist() for args in proposals] == [
        [np.float32(value)] for value in values
    ]


def test_a_scale_or_a_point_says_what_a_comma_is(csv):
    assert csv("user;song;stars\n1;2;4,250\n").refused(sep=";", scale=(1, 5))[1] == [
        {"decimal": ","}
    ]
    assert csv("user;song;stars\n1;2;4,250\n1;3;4.5\n").refused(sep=";")[1] == [{"thousands": ","}]
    message, proposals = csv("user;song;stars\n1;2;4,5\n1;3;4.5\n").refused(sep=";")
    assert "comma and with a point are mixed, 4,5 and 4.5" in message
    assert not proposals
