"""Nodes of promotion. The work is done in `serving.promotion`."""

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from collaborative_autoencoders.columns import CONTENT, MODEL, NOT_REGISTERED, VERSION
from collaborative_autoencoders.evaluation.choice import NOT_CHOSEN
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.models.registry import run_of
from collaborative_autoencoders.serving.model_versions import REFUSED, contents
from collaborative_autoencoders.serving.promotion import (
    NOTHING,
    Decision,
    PromotionOptions,
    promote,
    roll_back,
    table_of,
)
from collaborative_autoencoders.serving.rivals import CurrentData

logger = logging.getLogger(__name__)

NO_VERSION = "not registered"


def promote_models(
    registered_models: pd.DataFrame,
    lookup: Lookup,
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    promotion: PromotionOptions,
    evaluation: EvaluationOptions,
) -> pd.DataFrame:
    """Promote every challenger that the policy accepts; one row per model, with the reason.

    A challenger that another run has registered than the run in data/ is compared with a warning.
    The reasons are logged, but for models that were not chosen for registration, which are named.
    With `promotion.roll_back` the named versions become champion again and nothing is compared.
    Raises ValueError if a version to roll back to does not exist.
    """
    current_data = CurrentData(lookup, train.joined(validation), test)
    decisions = {name: roll_back(name, number) for name, number in promotion.roll_back.items()}
    if not decisions:
        for row in registered_models.to_dict(orient="records"):
            name = str(row[MODEL])
            decisions[name] = (
                Decision(NOTHING, f"{NO_VERSION}: {row[NOT_REGISTERED]}")
                if pd.notna(row[NOT_REGISTERED])
                else promote(name, current_data, promotion, evaluation)
            )
            warn_of_another_run(name, row, decisions[name].challenger)
    not_chosen = [name for name, decision in decisions.items() if is_not_chosen(decision)]
    for name, decision in decisions.items():
        if name not in not_chosen:
            level = logging.WARNING if decision.decision == REFUSED else logging.INFO
            logger.log(level, "%s: %s – %s", name, decision.decision, decision.reason)
    if not_chosen:
        logger.info("%s: %s, as registration.models says", ", ".join(not_chosen), NO_VERSION)
    return table_of(decisions)


def is_not_chosen(decision: Decision) -> bool:
    """Return whether the run has not registered the model because the options do not name it."""
    return decision.reason.startswith(f"{NO_VERSION}: {NOT_CHOSEN}")


def warn_of_another_run(name: str, own: Mapping[Any, Any], challenger: int | None) -> None:
    """Warn if the challenger is not the version of the run in data/, by its row of the models."""
    if challenger is None or pd.isna(own.get(VERSION)):
        return
    if challenger != int(own[VERSION]):
        logger.warning(
            "%s: the challenger is version %s, and the run in data/ registered version %s: "
            "another run has registered since",
            *(name, challenger, int(own[VERSION])),
        )
        return
    found, registered = contents(name).get(challenger), own.get(CONTENT)
    if isinstance(registered, str) and not (found or "").startswith(registered):
        logger.warning(
            "%s: version %s in this registry is another model than the run in data/ registered, "
            "as in another store. To register that one: %s --only-missing-outputs",
            *(name, challenger, run_of(name)),
        )


def promote_updates(
    registered_models: pd.DataFrame,
    lookup: Lookup,
    train: Interactions,
    validation: Interactions,
    test: Interactions,
    promotion: PromotionOptions,
    evaluation: EvaluationOptions,
) -> pd.DataFrame:
    """Promote as `promote_models` does; champions of older ratings are always compared too."""
    if promotion.other_data == "refuse":
        promotion = promotion.model_copy(update={"other_data": "grown"})
    return promote_models(registered_models, lookup, train, validation, test, promotion, evaluation)
