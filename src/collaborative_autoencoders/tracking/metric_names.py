"""The names of metrics in MLflow, whose page of a run groups them by the part before `/`."""

import re
from collections import Counter
from collections.abc import Collection

from mlflow.entities import Run

from collaborative_autoencoders.metrics.table import measure, measure_if_known

FIT_SECONDS = "fit_seconds"
CURVE = "curve"
GROUPS = (
    ("unseen", r"(unseen|known)_.+"),
    ("interval", r".+_(low|high)"),
    ("groups", r".+_(fifth_\d|head|middle|tail)"),
    ("importance", r"importance\..+"),
    ("cost", r"peak_memory_mb|rank_\d+_memory_gb.*"),
    ("other", r"(intra_list_diversity|popularity_miscalibration)_at_\d+"),
)
"""Groups of figures that are no metric of all users, each with the form of their names."""


def logged_name(name: str, headline: Collection[str] = ()) -> str:
    """Return the name under which MLflow gets a figure.

    | figure                                     | logged as                            |
    |--------------------------------------------|--------------------------------------|
    | a name in `headline`, such as `ndcg_at_10` | as it is                             |
    | `rmse`, `mae`, `fit_seconds`               | as it is                             |
    | `best_validation_ndcg_at_10`, of a search  | as it is                             |
    | `ndcg_at_20`, another length               | `at_20/ndcg_at_20`                   |
    | `ndcg_at_10_low`, `rmse_high`              | `interval/ndcg_at_10_low`, …         |
    | `ndcg_at_10_fifth_1`, `rmse_tail`          | `groups/ndcg_at_10_fifth_1`, …       |
    | `unseen_ndcg_at_10`, `known_rmse_low`      | `unseen/unseen_ndcg_at_10`, …        |
    | `importance.model.hidden_size`             | `importance/importance.model.hid…`   |
    | `peak_memory_mb`, `rank_0_memory_gb`       | `cost/peak_memory_mb`, …             |
    | `capped_recall_at_10`, at that length      | `other/capped_recall_at_10`          |
    | `intra_list_diversity_at_10`               | `other/intra_list_diversity_at_10`   |
    | `users_judged`, `best_epoch`, others       | `counts/users_judged`, …             |

    Curves are logged below `curve/` (`curve_name`). `plain_name` is the inverse.
    """
    if name in headline or name == FIT_SECONDS or name.startswith("best_validation_"):
        return name
    for group, form in GROUPS:
        if re.fullmatch(form, name):
            return f"{group}/{name}"
    found = measure_if_known(name)
    if found is None:
        return f"counts/{name}"
    if found.k is None:
        return name
    if not found.metric.is_headline and found.k == length_of(headline):
        return f"other/{name}"
    return f"at_{found.k}/{name}"


def length_of(headline: Collection[str]) -> int | None:
    """Return the length of list that most names of a headline have; None if none has one."""
    lengths = Counter(k for name in headline if (k := measure(name).k) is not None)
    return lengths.most_common(1)[0][0] if lengths else None


def curve_name(name: str, fit: str = "") -> str:
    """Return the name of a curve in MLflow: `curve/train_loss`.

    `fit` is the suffix of a second fit in the same run: `curve_without_unseen/train_loss`.
    """
    return f"{CURVE}{fit}/{name}"


def plain_name(logged: str) -> str:
    """Return the name of a figure in the files of a run, from its name in MLflow.

    Runs of 0.2.0 have no groups, and their names are plain already.
    """
    return logged.rpartition("/")[2]


def plain_metrics(run: Run) -> dict[str, float]:
    """Return the last value of each metric of a run in MLflow, by plain name."""
    return {plain_name(name): value for name, value in run.data.metrics.items()}
