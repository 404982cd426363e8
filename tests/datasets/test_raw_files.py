"""A MovieLens file is read quickly and right, or named with its first bad row."""

import dataclasses
import hashlib
from pathlib import Path

import pytest
from kedro.io import DatasetError

from collaborative_autoencoders.datasets.raw_files import (
    first_rows,
    read_items,
    read_ratings,
)
from collaborative_autoencoders.datasets.raw_forms import ItemsFile, RatingsFile

RATINGS = b"1::1::5::978300760\n1::2::3::978302109\n2::1::4::0\n"
ITEMS = "1::Misérables, Les (1995)::Drama\n2::NA::Comedy\n".encode("latin-1")
RATINGS_FORM = RatingsFile(
    name="ratings.dat",
    separator="::",
    rows=3,
    scale=(1, 5),
    size=len(RATINGS),
    sha256=hashlib.sha256(RATINGS).hexdigest(),
)
ITEMS_FORM = ItemsFile(name="movies.dat", separator="::", rows=2)
CSV_ITEMS = 'movieId,title,genres\n1,"Misérables, Les (1995)",Drama\n2,NA,Comedy\n'
CSV_FORM = ItemsFile(
    name="movies.csv", separator=",", rows=2, header="movieId,title,genres", encoding="utf-8"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.dat"


@pytest.mark.parametrize("separator", ["::", "\t", ","])
def test_ratings_are_read_whatever_stands_between_them(separator: str, path: Path) -> None:
    path.write_bytes(RATINGS.replace(b"::", separator.encode()))
    form = dataclasses.replace(RATINGS_FORM, separator=separator)
    ratings = read_ratings(path, form)
    assert list(ratings.columns) == ["user_id", "item_id", "rating", "timestamp"]
    assert ratings.to_numpy().tolist() == [
        [1, 1, 5, 978300760],
        [1, 2, 3, 978302109],
        [2, 1, 4, 0],
    ]


def test_half_stars_stay_half_and_ids_stay_whole(path: Path) -> None:
    path.write_bytes(RATINGS.replace(b"::4::", b"::4.5::"))
    ratings = read_ratings(path, RATINGS_FORM)
    assert ratings["rating"].tolist() == [5, 3, 4.5]
    assert ratings["user_id"].dtype == "int64"


def test_items_are_latin_1_and_a_film_may_be_called_na(path: Path) -> None:
    path.write_bytes(ITEMS)
    items = read_items(path, ITEMS_FORM)
    assert items[["item_id", "title"]].to_numpy().tolist() == [
        [1, "Misérables, Les (1995)"],
        [2, "NA"],
    ]


def test_items_have_genres_and_the_last_year_in_their_title(path: Path) -> None:
    path.write_bytes(ITEMS.replace(b"2::NA::Comedy", b"2::1984 (1984) (V)::Comedy|Drama"))
    items = read_items(path, ITEMS_FORM)
    assert items["genres"].tolist() == ["Drama", "Comedy|Drama"]
    assert items["year"].tolist() == [1995, 1984]
    path.write_bytes(ITEMS.replace(b"Drama", b"(no genres listed)"))
    items = read_items(path, ITEMS_FORM)
    assert items["genres"].tolist() == ["", "Comedy"]
    assert items["year"].fillna(0).tolist() == [1995, 0], "NA has none"


@pytest.mark.parametrize(
    ("flags", "genres"),
    [
        (("|||0|0|1|1", "|||1|0|0|0"), ["Drama|War", "unknown"]),
        (("", ""), None),  # as files were that came from the package index before
    ],
)
def test_a_column_of_a_genre_has_a_one_for_its_items(flags, genres, path: Path) -> None:
    form = ItemsFile(
        name="u.item", separator="|", rows=2, genre_flags=("unknown", "Action", "Drama", "War")
    )
    path.write_text("".join(f"{n}|Heat{'|' * bool(end)}{end}\n" for n, end in enumerate(flags, 1)))
    items = read_items(path, form)
    assert (items["genres"].tolist() if "genres" in items else None) == genres


def test_first_rows_of_a_csv_file_are_those_below_its_header(path: Path) -> None:
    path.write_bytes(CSV_ITEMS.encode())
    assert first_rows(path, CSV_FORM, 1).to_numpy().tolist() == [
        [1, "Misérables, Les (1995)", "Drama", 1995]
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            CSV_ITEMS.split("\n", 1)[1].encode(),
            "line 1: '1,\"Mis.*' is not the header movieId,title",
        ),
        (CSV_ITEMS.replace(",genres", ",year").encode(), "line 1: 'movieId,title,year' is not the"),
        (CSV_ITEMS.replace("2,NA", "02,NA").encode(), "row 2: item_id '02' is not a whole number"),
        (CSV_ITEMS.replace('(1995)"', "(1995)").encode(), "EOF inside string"),
        (CSV_ITEMS.encode("latin-1"), "'utf-8' codec can't decode byte 0xe9"),
    ],
)
def test_a_bad_csv_file_is_named_with_its_place_and_the_mend(
    data: bytes, reason: str, path: Path
) -> None:
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=reason) as caught:
        read_items(path, CSV_FORM)
    assert str(path) in str(caught.value)
    assert "Delete file.dat and run again to download it" in str(caught.value)


def test_line_ends_of_windows_change_nothing(path: Path) -> None:
    path.write_bytes(RATINGS.replace(b"\n", b"\r\n"))
    assert read_ratings(path, RATINGS_FORM)["timestamp"].tolist() == [978300760, 978302109, 0]


def test_where_no_checksum_is_published_size_alone_can_deny_that_a_file_is_official() -> None:
    form = dataclasses.replace(RATINGS_FORM, sha256=None)
    assert form.is_official(RATINGS) is None
    assert form.is_official(RATINGS[:-1]) is False


def test_first_rows_are_read_without_judging_the_others(path: Path) -> None:
    path.write_bytes(RATINGS + b"broken")
    assert first_rows(path, RATINGS_FORM, 2)["rating"].tolist() == [5, 3]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (RATINGS.replace(b"::", b","), "row 1: '1,1,5,978300760' has 1 columns"),
        (b"1::1::5\n1::2::3\n2::1::4\n", "row 1: '1::1::5' has 3 columns"),
        (RATINGS.replace(b"\n1::2::3::978302109", b"\n1::2::3"), "row 2: timestamp '' is not a"),
        (RATINGS.replace(b"::4::", b"::4::4::"), "Expected 4 fields in line 3, saw 5"),
        (RATINGS.replace(b"::4::", b"::good::"), "row 3: rating 'good' is not a number from 1 to"),
        (RATINGS.replace(b"::4::", b"::nan::"), "row 3: rating 'nan' is not a number from 1 to 5"),
        (RATINGS.replace(b"::4::", b"::inf::"), "row 3: rating 'inf' is not a number from 1 to 5"),
        (RATINGS.replace(b"::4::", b"::6::"), "row 3: rating '6' is not a number from 1 to 5"),
        (RATINGS.replace(b"2::1", b"::1"), "row 3: user_id '.*' is not a whole number from 1"),
        (RATINGS.replace(b"2::1", b"2::1.5"), "row 3: item_id '1.5' is not a whole number from 1"),
        (b"user::item::rating::time\n" + RATINGS, "row 1: user_id 'user' is not a whole number"),
        (RATINGS.split(b"2::1")[0], "has 2 rows, expected 3"),
    ],
)
def test_a_bad_file_of_ratings_is_named_with_its_first_bad_row_and_the_mend(
    data: bytes, reason: str, path: Path
) -> None:
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=reason) as caught:
        read_ratings(path, RATINGS_FORM)
    assert str(path) in str(caught.value)
    assert "Delete file.dat and run again to download it" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"1::One\n1::Two\n", "row 2: item_id '1' is a duplicate"),
        (b"1::One\n2::\n", "row 2: title '' is missing"),
        (b"1::One\n2\n", "row 2: title '.*' is missing"),
        (b"1|One\n2|Two\n", r"row 1: '1\|One' has 1 columns"),
        (b"1::One\n", "has 1 rows, expected 2"),
    ],
)
def test_a_bad_file_of_items_is_named_likewise(data: bytes, reason: str, path: Path) -> None:
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=reason):
        read_items(path, ITEMS_FORM)
