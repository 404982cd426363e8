"""New items: items that are excluded from a fit whole, as if they had no ratings.

Dimension key: U users, I items, H held-out items.
"""

from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray
from pydantic import Field

from collaborative_autoencoders.columns import ITEM, ITEM_INDEX
from collaborative_autoencoders.options import Count, Options

from .item_features import NO_INDEX, ItemFeatureOptions
from .part import Interactions
from .row_hash import digests_of, hash_ids
from .split_options import floor_share

HELD_OUT_FOR = "held_out_for"
CHOOSING, TEST = "choosing", "test"
"""Whether the figures of a held-out item choose options or are reported."""


class NewItemsOptions(Options):
    """How items without ratings are ranked by their features, and how that is evaluated."""

    fraction: Annotated[float, Gt(0), Lt(0.5)]
    """Fraction of the items of the core to hold out for the test, and again for choosing."""

    seed: Annotated[int, Ge(0), Lt(2**32)]
    """Random seed. The choice of items depends only on the seed and the raw ids."""

    n: Count
    """Length of a list of new items."""

    penalties: Annotated[list[Annotated[float, Gt(0)]], Field(min_length=1)]
    """Penalties of the ridge regression from features, of which one is chosen."""

    exponents: Annotated[list[Annotated[float, Ge(0), Le(10)]], Field(min_length=1)]
    """Exponents of the popularity of a feature, of which one is chosen for each baseline."""

    features: ItemFeatureOptions
    """What describes an item."""


def choose_items(
    item_features: pd.DataFrame, n_core_items: int, options: NewItemsOptions
) -> pd.DataFrame:
    """Return the held-out items of the core, by hash: item_index, item_id, held_out_for.

    The first half is for the test, the other for choosing; each has floor(fraction · items) of the
    items of the core that have a row in `item_features`. Raises ValueError if that is none.
    """
    index_I = item_features[ITEM_INDEX]
    core = item_features[(index_I != NO_INDEX) & (index_I < n_core_items)]
    n_items = int(floor_share(np.array([len(core)]), options.fraction)[0])
    if n_items == 0:
        raise ValueError(
            f"new_items.fraction: {options.fraction} of the {len(core)} items of the core that the "
            "table `items` describes rounds down to 0. Increase the fraction, or add these items "
            "to the table"
        )
    # not in the order of ids: old ids often are popular items, and a tie goes to the first
    order_I = np.argsort(hash_ids(digests_of(core[ITEM]), options.seed), kind="stable")
    chosen = core.iloc[order_I[: 2 * n_items]][[ITEM_INDEX, ITEM]].reset_index(drop=True)
    return chosen.assign(**{HELD_OUT_FOR: np.repeat([TEST, CHOOSING], n_items)})


def without_items(part: Interactions, held_out_H: NDArray[np.integer]) -> Interactions:
    """Return the part without the ratings of these items; same shape (U, I).

    Raises ValueError if the split is by users, whose models read some ratings of a held-out user.
    """
    if part.fold_in is not None:
        raise ValueError(
            "split.kind: users holds out users, and `new_items` holds out items. Set split.kind: "
            "hash and split.fold_in: null."
        )
    drop_I = np.zeros(part.shape[1], dtype=np.bool_)
    drop_I[held_out_H] = True
    return part.without_items(drop_I)
