"""Promotion: whether a challenger becomes the champion, and why."""

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import pandas as pd
from annotated_types import Ge
from pydantic import field_validator

from collaborative_autoencoders.columns import MODEL
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.evaluation.versions import Comparison
from collaborative_autoencoders.metrics.table import UserMetric, measure
from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.options import Count, Options

from . import model_versions
from .rivals import CurrentData, OtherData, load_rivals

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

SIGNIFICANT = "significant"
SAMPLE = "evaluation.test_users"
"""The option with the size of a sample, of which versions are compared."""

NOTHING = "nothing"
"""The decision if there was nothing to decide."""


class PromotionOptions(Options):
    """When a challenger is promoted."""

    policy: Literal["always", "not_worse", "better", "significant"]
    """`always`: the challenger is promoted. `not_worse`: it is promoted unless the 95 % interval of
    the paired difference over users is below 0, as a new fit on newer data should be. `better`: it
    is promoted if its gain is above 0 and at least `min_gain`. `significant`: in addition, the
    interval must be above 0. A version that had no significant gain over a champion is not compared
    with it again. Without a champion, no policy promotes a version."""

    metric: UserMetric
    """Metric that compares ranking models."""

    rating_metric: UserMetric
    """Metric that compares rating models."""

    min_gain: Annotated[float, Ge(0)]
    """Minimum gain, in units of the metric."""

    fit_seeds: Count
    """Number of fits of each configuration that are compared. 1: the two versions themselves. More:
    the networks' luck of the fit is covered too, by registered versions that differ only in
    `fitting.seed`. Models fitted in closed form have no seed and are compared as with 1."""

    other_data: OtherData
    """What is done with versions that were fitted on other data or on another catalogue. `refuse`:
    they are neither compared nor promoted. `grown`: they are compared, on the users and items
    they share, if the data are an earlier state of those in data/, which hold at least nine in ten
    of their ratings. `allow`: they are compared, whatever the data."""

    roll_back: dict[str, Count]
    """Versions that become champion again, or where there is no champion, by model. If it is not
    empty, no model is compared."""

    @field_validator("roll_back")
    @classmethod
    def _models_are_known(cls, roll_back: dict[str, int]) -> dict[str, int]:
        unknown = roll_back.keys() - MODELS.keys()
        if unknown:
            raise ValueError(f"unknown models {sorted(unknown)}: known are {', '.join(MODELS)}")
        return roll_back


class Decision(NamedTuple):
    """The decision about a challenger, with the reason and the comparison."""

    decision: str
    """`promoted`, `refused`, `rolled back` or `nothing`."""
    reason: str
    champion: int | None = None
    """Version that was champion before the decision."""
    challenger: int | None = None
    """Version of the challenger, or the version rolled back to."""
    comparison: Comparison | None = None


COLUMNS = (
    *("decision", "champion", "challenger"),
    *("metric", "champion_value", "challenger_value", "gain", "low", "high"),
    *("users", "sampled", "sampled_of", "rows_left_out", "fits", "reason"),
)


def roll_back(name: str, number: int) -> Decision:
    """Make a version champion again, and tag the version it replaces as rolled back.

    If the model has no champion, no version is tagged as rolled back. Raises ValueError if the
    registry has no such version.
    """
    existing = model_versions.versions(name)
    if number not in existing:
        raise ValueError(
            f"promotion.roll_back: {name} has no version {number} in the registry, "
            f"only {', '.join(map(str, existing)) or 'none'}"
        )
    champion = model_versions.number_of(name, model_versions.CHAMPION)
    if champion == number:
        return Decision(NOTHING, f"version {number} is already the champion", number)
    if champion is not None:
        model_versions.tag_decision(
            name, champion, model_versions.ROLLED_BACK, f"rolled back to version {number}"
        )
    reason = (
        f"version {number} becomes champion: the model had none"
        if champion is None
        else f"version {number} is champion again and replaces version {champion}"
    )
    model_versions.make_champion(name, number, reason)
    return Decision(model_versions.ROLLED_BACK, reason, champion, number)


def promote(
    name: str, data: CurrentData, promotion: PromotionOptions, evaluation: EvaluationOptions
) -> Decision:
    """Compare the challenger with the champion, and make it champion if the policy accepts it.

    Without a champion there is no comparison, and the challenger is refused, whatever the policy:
    the champion was deleted or taken out of service, and a person has to choose what is served.
    """
    rival = model_versions.version_of(name, model_versions.CHALLENGER)
    if rival is None:
        return Decision(NOTHING, "no version has the alias challenger")
    challenger = int(rival.version)
    champion = model_versions.number_of(name, model_versions.CHAMPION)
    if champion == challenger:
        return Decision(
            NOTHING, f"version {champion} is already the champion", champion, challenger
        )
    if champion is None:  # the version keeps its tags
        reason = model_versions.no_champion(name)
        return Decision(model_versions.REFUSED, reason, None, challenger)
    refused = refused_before(rival, champion, promotion.policy)
    if refused is not None:
        return refused  # the version keeps its tag with the reason
    decision = decide(name, champion, challenger, data, promotion, evaluation)
    keep(name, decision, champion, challenger, promotion.policy)
    return decision


def refused_before(rival: "ModelVersion", champion: int, policy: str) -> Decision | None:
    """Return the refusal of a version that an earlier decision rules out; None if none does."""
    challenger = int(rival.version)
    if rival.tags.get(model_versions.DECISION) == model_versions.ROLLED_BACK and policy != "always":
        reason = (
            f"version {challenger} was rolled back: register a new version, or set "
            "promotion.policy: always"
        )
        return Decision(model_versions.REFUSED, reason, champion, challenger)
    earlier = model_versions.remembered_no_gain(rival, champion)
    if earlier is not None and policy == SIGNIFICANT:
        reason = (
            f"version {challenger} was compared with version {champion} before, and comparing it "
            f"again until it wins would let luck decide. Register a new version, or set "
            f"promotion.policy: better. The first comparison: {earlier.reason}"
        )
        return Decision(model_versions.REFUSED, reason, champion, challenger, earlier.comparison)
    return None


def keep(name: str, decision: Decision, champion: int, challenger: int, policy: str) -> None:
    """Keep the decision in the registry: as an alias or tags of the challenger."""
    if decision.decision == model_versions.PROMOTED:
        model_versions.make_champion(name, challenger, decision.reason)
    else:
        model_versions.tag_decision(name, challenger, decision.decision, decision.reason)
    found = decision.comparison
    if found is not None and policy == SIGNIFICANT and shows_no_gain(found):
        no_gain = model_versions.NoGain(decision.reason, found)
        model_versions.remember_no_gain(name, challenger, champion, no_gain)


def decide(
    name: str,
    champion: int,
    challenger: int,
    data: CurrentData,
    promotion: PromotionOptions,
    evaluation: EvaluationOptions,
) -> Decision:
    """Return whether the challenger should be champion. No alias is changed."""
    versions = (champion, challenger)
    is_rating = MODELS[name].task == "rating"
    metric = measure(promotion.rating_metric if is_rating else promotion.metric)
    try:
        rivals = load_rivals(
            name,
            *versions,
            data=data,
            metric=metric,
            fit_seeds=promotion.fit_seeds,
            other_data=promotion.other_data,
        )
        found = rivals.compare(data, metric, evaluation)
    except ValueError as error:  # such as a score that is NaN: the other models are compared
        return Decision(model_versions.REFUSED, str(error), *versions)
    promoted, reason = apply_policy(found, champion, promotion)
    decision = model_versions.PROMOTED if promoted else model_versions.REFUSED
    return Decision(decision, reason, *versions, found)


def apply_policy(found: Comparison, champion: int, promotion: PromotionOptions) -> tuple[bool, str]:
    """Return whether the challenger is promoted, and the reason on one line."""
    figures = (
        f"{found.metric} {found.challenger_value:.4f} against {found.champion_value:.4f} "
        f"of version {champion}: gain {found.gain:+.4f} [{found.low:+.4f}, {found.high:+.4f}] over "
        f"{found.users} users, {found.rows_left_out} known rows left out"
    )
    if found.fits > 1:
        figures += f", means of {found.fits} fits each"
    if found.sampled is not None:
        figures += f", on a sample of {found.sampled:,} of {found.sampled_of:,} users ({SAMPLE})"
    without = (
        f"no user who is compared has a value of {found.metric}"
        if found.new_rows
        else "no test row is new to both versions"
    )
    if promotion.policy == "always":
        no_figures = f"{found.metric} is not compared with that of version {champion}, as {without}"
        return True, f"{figures if found.users else no_figures}; policy: always"
    if not found.users:
        return False, f"{without}; {figures}"
    if promotion.policy == "not_worse":
        return _not_worse(found, figures)
    if found.gain <= 0:
        return False, f"not better: {figures}"
    if found.gain < promotion.min_gain:
        return False, f"better by less than min_gain {promotion.min_gain:g}: {figures}"
    if promotion.policy == SIGNIFICANT and found.users < found.least_users:
        return False, _too_few_users(found, figures)
    if promotion.policy == SIGNIFICANT and not found.low > 0:
        return False, f"no significant difference (the interval contains 0): {figures}"
    return True, f"better: {figures}"


def _not_worse(found: Comparison, figures: str) -> tuple[bool, str]:
    if found.users < found.least_users:
        return False, _too_few_users(found, figures)
    if not found.high >= 0:  # NaN too
        return False, f"significantly worse, or without an interval: {figures}"
    return True, f"not worse: {figures}"


def _too_few_users(found: Comparison, figures: str) -> str:
    return (
        f"too few users: a difference in {found.metric} can be significant with at least "
        f"{found.least_users}: {figures}"
    )


def shows_no_gain(found: Comparison) -> bool:
    """Return whether there were enough users to show a gain, and they show none."""
    return found.users >= max(1, found.least_users) and not found.low > 0


def table_of(decisions: dict[str, Decision]) -> pd.DataFrame:
    """Return one row per model: decision, versions, their metric, gain, interval, reason."""
    rows = []
    for name, decision in decisions.items():
        found = {} if decision.comparison is None else decision.comparison._asdict()
        fields = decision._asdict() | found
        rows.append({MODEL: name} | {column: fields.get(column) for column in COLUMNS})
    return pd.DataFrame(rows, columns=[MODEL, *COLUMNS])
