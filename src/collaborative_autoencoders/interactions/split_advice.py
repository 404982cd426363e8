"""What to change in a split: a part has no ratings, or the test part has those of few users."""

from typing import Any, NamedTuple

from .split_options import Kind, SplitOptions
from .split_report import SplitReport
from .splitting import Split
from .time_splits import BY_HASH

TOO_FEW = "too few ratings to hold any out for the test part"
NO_TEST_ROW = "no rating in the test part"

LEAVE_ONE_OUT = "set split: {kind: last, test_last: 1, validation_last: 1}"

MORE_TEST_ROWS: dict[Kind, str] = {
    "hash": "raise split.test_fraction, or set split.within: global if users have few ratings",
    "last": "set split.test_last to 1 or more, and the sum of test_last and validation_last to "
    "fewer rows than users have",
    "time": f"raise split.test_fraction, or {LEAVE_ONE_OUT} if users have few ratings",
    "users": "raise split.test_fraction, or lower split.fold_in if users have few rows",
    "own": "name rows test in the column that cleaning.columns.part names, or lower core.k",
}
"""How to get a test part, by the kind of split. For kind date see `more_test_rows`."""

MORE_VALIDATION_ROWS = (
    "raise split.validation_fraction (kinds hash, time and users) or split.validation_last (last), "
    "set split.validation_from to an earlier time (date) or name rows validation (own). If users "
    "have few ratings, set split.within: global (hash) or lower split.fold_in (users)"
)
"""How to get a validation part, by the kind of split, which a fit does not know."""


class Untested(NamedTuple):
    """What to say of users without a test rating."""

    share: float
    """It is said if more than this share of the users has none."""

    problem: str
    fix: str


UNTESTED: dict[Kind, Untested] = {
    "hash": Untested(0.5, TOO_FEW, "set split.within: global, for a share of all rows"),
    "time": Untested(0.5, TOO_FEW, f"raise split.test_fraction, or {LEAVE_ONE_OUT}"),
    "last": Untested(
        0,
        TOO_FEW,
        "set core.ratings: core, and core.k to more than split.test_last and "
        "split.validation_last together, which leaves these users out",
    ),
    "users": Untested(0, TOO_FEW, "lower split.fold_in, or raise core.k"),
    "date": Untested(0.9, NO_TEST_ROW, "set split.test_from to an earlier time"),
    "own": Untested(
        0.9,
        NO_TEST_ROW,
        "name rows of more users test in the column that cleaning.columns.part names (in `kedro "
        "run --pipelines update`: give more newer ratings)",
    ),
}
"""By the kind of split. Kinds last and users are to hold out rows of every such user. A date, a
table or a share of all rows holds out none of some users in any data."""

UNTESTED_GLOBALLY = Untested(0.9, NO_TEST_ROW, "raise split.test_fraction")
"""Kind hash with `within: global`."""


def about_untested(report: SplitReport, options: SplitOptions) -> str | None:
    """Return how many users have no test rating, and the option that changes it.

    None if there are few of them for the kind of split, or if no user has a test rating.
    """
    is_global = options.kind == "hash" and options.within == "global"
    share, problem, fix = UNTESTED_GLOBALLY if is_global else UNTESTED[options.kind]
    if not report.test or report.short_users <= share * report.users:
        return None
    of_whom = "validation and test users" if options.kind == "users" else "users"
    return (
        f"{report.short_users:,} of {report.users:,} {of_whom} have {problem}, so every metric is "
        f"of the other {report.users - report.short_users:,}. For more of them, {fix}."
    )


def about_no_test(split: Split[Any], options: SplitOptions) -> str | None:
    """Return what to change if the test part has no ratings; None if it has some."""
    if split.test.counted().ratings:
        return None
    return (
        "the test part has no ratings, so no metric can be computed: "
        f"{more_test_rows(split, options.kind)}"
    )


def more_test_rows(split: Split[Any], kind: Kind) -> str:
    """Return how to get a test part by this kind of split."""
    if kind != "date":
        return MORE_TEST_ROWS[kind]
    counts = [part.counted(with_times=True) for part in split]
    first = min(part.first_U.min() for part in counts if part.first_U is not None)
    last = max(part.last_U.max() for part in counts if part.last_U is not None)
    if first == last:
        return f"all rows have one time, and no date divides them. To split by hash, {BY_HASH}"
    return (
        f"set split.test_from to a time after {first}, the first of the table, and not after "
        f"{last}, the last (dates: seconds since 1970)"
    )
