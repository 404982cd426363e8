"""The door of promotion: who is champion from now on, and why."""

import logging
from typing import Any, NamedTuple

import pandas as pd
from scipy.sparse import csr_array

from collaborative_autoencoders.columns import ITEM, MODEL, NOT_REGISTERED, USER
from collaborative_autoencoders.interactions.matrices import Interactions, together
from collaborative_autoencoders.judging.options import EvaluationOptions
from collaborative_autoencoders.metrics.rating import RATING_METRICS
from collaborative_autoencoders.models import MODELS

from .comparing import Comparison, Today, compare, what_differs
from .options import PromotionOptions

logger = logging.getLogger(__name__)


class Decision(NamedTuple):
    """What was decided of a challenger."""

    decision: str
    """promoted, refused, rolled back, or nothing where there was nothing to decide."""
    reason: str
    champion: int | None = None
    """The champion's version before."""
    challenger: int | None = None
    comparison: Comparison | None = None


NOTHING = "nothing"


def promote_models(
    registered_models: pd.DataFrame,
    user_ids: pd.DataFrame,
    item_titles: pd.DataFrame,
    data_facts: dict[str, Any],
    train_ratings: csr_array,
    train_likes: csr_array,
    validation_ratings: csr_array,
    validation_likes: csr_array,
    test_ratings: csr_array,
    test_likes: csr_array,
    promotion: PromotionOptions,
    evaluation: EvaluationOptions,
) -> pd.DataFrame:
    """Move the alias `champion` where the challenger earns it; one row per model, with the reason.

    With `promotion.roll_back` the named versions become champion again and nothing is compared.
    Raises ValueError where a version to roll back to does not exist.
    """
    known = together(
        Interactions(train_ratings, train_likes),
        Interactions(validation_ratings, validation_likes),
    )
    test = Interactions(test_ratings, test_likes)
    today = Today(user_ids[USER], item_titles[ITEM], known, test, data_facts)
    decisions = {name: roll_back(name, number) for name, number in promotion.roll_back.items()}
    if not decisions:
        for row in registered_models.to_dict(orient="records"):
            name = str(row[MODEL])
            decisions[name] = (
                Decision(NOTHING, f"not registered: {row[NOT_REGISTERED]}")
                if pd.notna(row[NOT_REGISTERED])
                else promote(name, today, promotion, evaluation)
            )
    for name, decided in decisions.items():
        logger.info("%s: %s – %s", name, decided.decision, decided.reason)
    return table_of(decisions)


def roll_back(name: str, number: int) -> Decision:
    """Make a version champion again, and mark the one that it takes the place of."""
    from collaborative_autoencoders.serving import registry

    there = registry.versions(name)
    if number not in there:
        raise ValueError(
            f"promotion.roll_back: {name} has no version {number} in the registry, "
            f"only {', '.join(map(str, there)) or 'none'}"
        )
    before = registry.version_of(name, registry.CHAMPION)
    if before is not None and int(before.version) == number:
        return Decision(NOTHING, f"version {number} is the champion", number)
    champion = None if before is None else int(before.version)
    if champion is not None:
        registry.note(name, champion, registry.ROLLED_BACK, f"rolled back to version {number}")
    reason = f"version {number} is champion again, after version {champion}"
    registry.crown(name, number, reason)
    return Decision(registry.ROLLED_BACK, reason, champion, number)


def promote(
    name: str, today: Today, promotion: PromotionOptions, evaluation: EvaluationOptions
) -> Decision:
    """Compare today's challenger with the champion, and move the alias if it is to move."""
    from collaborative_autoencoders.serving import registry

    rival = registry.version_of(name, registry.CHALLENGER)
    if rival is None:
        return Decision(NOTHING, "no version challenges")
    challenger = int(rival.version)
    before = registry.version_of(name, registry.CHAMPION)
    champion = None if before is None else int(before.version)
    if champion == challenger:
        return Decision(NOTHING, f"version {champion} is the champion", champion, challenger)
    if champion is None:
        registry.crown(name, challenger, registry.FIRST)
        return Decision(registry.PROMOTED, registry.FIRST, None, challenger)
    if rival.tags.get(registry.DECISION) == registry.ROLLED_BACK and promotion.policy != "always":
        reason = f"version {challenger} was rolled back: register another, or policy: always"
        return Decision(registry.REFUSED, reason, champion, challenger)  # and its tag stays
    decided = judge(name, champion, challenger, today, promotion, evaluation)
    if decided.decision == registry.PROMOTED:
        registry.crown(name, challenger, decided.reason)
    else:
        registry.note(name, challenger, decided.decision, decided.reason)
    return decided


def judge(
    name: str,
    champion: int,
    challenger: int,
    today: Today,
    promotion: PromotionOptions,
    evaluation: EvaluationOptions,
) -> Decision:
    """Whether the challenger is to be champion; nothing is moved yet."""
    from collaborative_autoencoders.serving import registry
    from collaborative_autoencoders.serving.translated import Translated

    versions = (champion, challenger)
    loaded = [registry.load(name, number) for number in versions]
    for number, recommender in zip(versions, loaded, strict=True):
        other = what_differs(recommender, today)
        if other and promotion.other_data == "refuse":
            reason = f"version {number} {other}: not compared (promotion.other_data: allow does)"
            return Decision(registry.REFUSED, reason, *versions)
    reigning, rival = (Translated.of(one, today.users, today.items) for one in loaded)
    is_rating = MODELS[name].task == "rating"
    metric = promotion.rating_metric if is_rating else promotion.metric
    if metric in RATING_METRICS and not reigning.tells_ratings:
        return Decision(registry.REFUSED, f"{name} tells no ratings: no {metric}", *versions)
    found = compare(reigning, rival, today, metric, evaluation)
    moves, reason = decide(found, champion, promotion)
    decision = registry.PROMOTED if moves else registry.REFUSED
    return Decision(decision, reason, *versions, found)


def decide(found: Comparison, champion: int, promotion: PromotionOptions) -> tuple[bool, str]:
    """Whether the challenger takes the place, and the reason in one line."""
    said = (
        f"{found.metric} {found.challenger_value:.4f} against {found.champion_value:.4f} "
        f"of version {champion}: gain {found.gain:+.4f} [{found.low:+.4f}, {found.high:+.4f}] over "
        f"{found.users} users, {found.rows_left_out} known rows left out"
    )
    if promotion.policy == "always":
        return True, f"{said}; policy: always"
    if not found.users:
        return False, f"no test row is new to both; {said}"
    if found.gain <= 0:
        return False, f"not better: {said}"
    if found.gain < promotion.min_gain:
        return False, f"better by less than min_gain {promotion.min_gain:g}: {said}"
    if promotion.policy == "significant" and found.low <= 0:
        return False, f"not told apart, the interval holds 0: {said}"
    return True, f"better: {said}"


def table_of(decisions: dict[str, Decision]) -> pd.DataFrame:
    """One row per model: decision, versions, metric of both, gain, interval, reason."""
    rows = []
    for name, decided in decisions.items():
        found = {} if decided.comparison is None else decided.comparison._asdict()
        told = decided._asdict() | found
        rows.append({MODEL: name} | {key: told.get(key) for key in COLUMNS})
    return pd.DataFrame(rows, columns=[MODEL, *COLUMNS])


COLUMNS = (
    *("decision", "champion", "challenger"),
    *("metric", "champion_value", "challenger_value", "gain", "low", "high"),
    *("users", "rows_left_out", "reason"),
)
