"""The champion whose weights a fit continues, or why it must begin with new weights.

Dimension key: U users, I items, both of the current data.
"""

from typing import Any

import numpy as np

from collaborative_autoencoders.columns import ITEM, USER
from collaborative_autoencoders.evaluation.versions import CHAMPION
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.lookup import Lookup
from collaborative_autoencoders.interactions.sparse import cells_of
from collaborative_autoencoders.learning.options import TrainingOptions
from collaborative_autoencoders.learning.warm_start import WarmStart
from collaborative_autoencoders.models.ensemble import members_of

from . import model_versions
from .translated import Translated


def find_warm_start(
    options: TrainingOptions, lookup: Lookup, train: Interactions
) -> WarmStart | str:
    """Return the champion of this network as the start of a fit, or why it cannot be one.

    A champion with other options of the model has other weights. One that has seen ratings outside
    `train` would begin with what the validation or the test part is to find out.
    """
    name = options.name
    found = model_versions.version_of(name, CHAMPION)
    if found is None and model_versions.versions(name):
        return _cold(name, model_versions.no_champion(name), "")
    if found is None:
        return _cold(
            name,
            "it has no champion",
            "To continue it in later updates, register it: --params registration.models=all",
        )
    version = int(found.version)
    try:
        recommender = model_versions.load(name, version)
    except ValueError as error:
        return _cold(name, str(error), "")
    if differ := _differences(recommender.model.options, options.model):
        fix = f"To continue its weights, give this run the options of version {version}"
        return _cold(name, f"the champion, version {version}, has {differ}", fix)
    data = lookup.seen_by(recommender.model.learns_from)
    theirs = Translated.of(recommender, data.users[USER], data.items[ITEM])
    if not theirs.knows_I.any():
        fix = "Promote a version of these data, or check the ids of the newer ratings"
        return _cold(name, f"the champion, version {version}, knows none of the items", fix)
    if n_ahead := _seen_outside(theirs, train):
        return _cold(
            name,
            f"the champion, version {version}, has seen {n_ahead:,} ratings that are not in train",
            "To continue it, add the newer ratings of the last update to the table `ratings`, and "
            "give only later ones as `newer_ratings`",
        )
    members: Any = members_of(recommender.model)
    return WarmStart(version, members, theirs.their_user_U, theirs.their_item_I)


def _cold(name: str, reason: str, fix: str) -> str:
    return f"{name} begins with new weights: {reason}. {fix}".rstrip(". ") + "."


def _differences(theirs: Any, ours: Any) -> str:
    """Return the options of a model that differ, as the champion has them; empty if none does."""
    before, now = theirs.model_dump(mode="json"), ours.model_dump(mode="json")
    names = [key for key in now if before.get(key) != now[key]]
    return " and ".join(f"model.{key} {before.get(key)}, not {now[key]}" for key in names)


def _seen_outside(theirs: Translated, train: Interactions) -> int:
    """Return the number of ratings that the champion was fitted or chosen on, outside train."""
    known_UI = train.ratings_for(theirs.learns_from)
    return int(np.count_nonzero(~np.isin(cells_of(theirs.seen_UI), cells_of(known_UI))))
