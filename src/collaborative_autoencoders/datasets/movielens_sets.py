"""The MovieLens data sets: where their archives are, and the form of their files."""

from collections.abc import Callable
from typing import NamedTuple

from collaborative_autoencoders.datasets.raw_forms import GENRES_OF_100K, ItemsFile, RatingsFile
from collaborative_autoencoders.datasets.recbole_copy import REQUIREMENT, ml_100k_of_wheel

_GROUPLENS = "https://files.grouplens.org/datasets/movielens"

HALF_STARS = (0.5, 5)

Way = tuple[str, Callable[[], dict[str, bytes]]]
"""The name of a source, and a function that returns its files by name or raises FetchError."""


class MovieLensSet(NamedTuple):
    """The sources and files of a data set. Add one with an entry of `MOVIELENS`."""

    url: str
    """URL of the zip archive at GroupLens."""
    checksum: str
    """`md5:…` of the archive, as GroupLens publishes it, or `sha256:…` from elsewhere."""
    ratings: RatingsFile
    items: ItemsFile
    other_ways: tuple[Way, ...] = ()
    """Other sources, tried in order if the download from GroupLens fails."""


def in_csv(
    archive: str, checksum: str, ratings: int, ratings_bytes: int, items: int
) -> MovieLensSet:
    """Return a data set of half stars in `ratings.csv` and `movies.csv`, both with a header.

    `ratings` and `items` are the numbers of rows.
    """
    return MovieLensSet(
        url=f"{_GROUPLENS}/{archive}",
        checksum=checksum,
        ratings=RatingsFile(
            name="ratings.csv",
            separator=",",
            header="userId,movieId,rating,timestamp",
            rows=ratings,
            scale=HALF_STARS,
            size=ratings_bytes,
            sha256=None,
        ),
        items=ItemsFile(
            name="movies.csv",
            separator=",",
            header="movieId,title,genres",
            encoding="utf-8",
            rows=items,
        ),
    )


MOVIELENS = {
    "ml-100k": MovieLensSet(
        url=f"{_GROUPLENS}/ml-100k.zip",
        checksum="md5:0e33842e24a9c977be4e0107933c0723",
        ratings=RatingsFile(
            name="u.data",
            separator="\t",
            rows=100_000,
            scale=(1, 5),
            size=1_979_173,
            sha256="06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
        ),
        items=ItemsFile(name="u.item", separator="|", rows=1_682, genre_flags=GENRES_OF_100K),
        other_ways=((f"{REQUIREMENT} of the package index", ml_100k_of_wheel),),
    ),
    "ml-1m": MovieLensSet(
        url=f"{_GROUPLENS}/ml-1m.zip",
        checksum="md5:c4d9eecfca2ab87c1945afe126590906",
        ratings=RatingsFile(
            name="ratings.dat",
            separator="::",
            rows=1_000_209,
            scale=(1, 5),
            size=24_594_131,
            sha256=None,
        ),
        items=ItemsFile(name="movies.dat", separator="::", rows=3_883),
    ),
    "ml-10m": MovieLensSet(
        url=f"{_GROUPLENS}/ml-10m.zip",
        checksum="md5:ce571fd55effeba0271552578f2648bd",
        ratings=RatingsFile(
            name="ratings.dat",
            separator="::",
            rows=10_000_054,
            scale=HALF_STARS,
            size=265_105_635,
            sha256=None,
        ),
        items=ItemsFile(name="movies.dat", separator="::", encoding="utf-8", rows=10_681),
    ),
    "ml-20m": in_csv(
        "ml-20m.zip",
        checksum="md5:cd245b17a1ae2cc31bb14903e1204af3",
        ratings=20_000_263,
        ratings_bytes=533_444_411,
        items=27_278,
    ),
    "ml-25m": in_csv(
        "ml-25m.zip",
        checksum="md5:6b51fb2759a8657d3bfcbfc42b592ada",
        ratings=25_000_095,
        ratings_bytes=678_260_987,
        items=62_423,
    ),
    "ml-32m": in_csv(
        "ml-32m.zip",
        checksum="md5:d472be332d4daa821edc399621853b57",
        ratings=32_000_204,
        ratings_bytes=877_076_222,
        items=87_585,
    ),
    # GroupLens may replace this archive. This is the one of September 2018, with the checksum of
    # TensorFlow Datasets.
    "ml-latest-small": in_csv(
        "ml-latest-small.zip",
        checksum="sha256:696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
        ratings=100_836,
        ratings_bytes=2_483_723,
        items=9_742,
    ),
}
