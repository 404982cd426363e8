"""Nodes of promotion. The work is done in `serving.promotion`."""

import logging

import pandas as pd

from collaborative_autoencoders.columns import MODEL, NOT_REGISTERED, VERSION
from collaborative_autoencoders.evaluation.options import EvaluationOptions
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.serving.model_versions import REFUSED
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

    A challenger that another run has registered since the run in data/ is compared with a warning.
    With `promotion.roll_back` the named versions become champion again and nothing is compared.
    Raises ValueError if a version to roll back to does not exist.
    """
    current_data = CurrentData(lookup, train.joined(validation), test)
    decisions = {name: roll_back(name, number) for name, number in promotion.roll_back.items()}
    if not decisions:
        for row in registered_models.to_dict(orient="records"):
            name = str(row[MODEL])
            decisions[name] = (
                Decision(NOTHING, f"not registered: {row[NOT_REGISTERED]}")
                if pd.notna(row[NOT_REGISTERED])
                else promote(name, current_data, promotion, evaluation)
            )
            own, challenger = row.get(VERSION), decisions[name].challenger
            if challenger is not None and pd.notna(own) and challenger != int(own):
                logger.warning(
                    "%s: the challenger is version %s, and the run in data/ registered version %s: "
                    "another run has registered since",
                    *(name, challenger, int(own)),
                )
    for name, decision in decisions.items():
        level = logging.WARNING if decision.decision == REFUSED else logging.INFO
        logger.log(level, "%s: %s – %s", name, decision.decision, decision.reason)
    return table_of(decisions)


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
