"""What tells the best epoch: the held-out rows of the validation part, never those of the test."""

from collections.abc import Callable
from functools import partial
from typing import cast

import numpy as np

from collaborative_autoencoders.interactions.matrices import Interactions
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.ranking import ndcg
from collaborative_autoencoders.models.model import RatingModel
from collaborative_autoencoders.models.network import Network
from collaborative_autoencoders.recommending.ranking import rank_items
from collaborative_autoencoders.recommending.rating import predict_ratings

USERS_AT_ONCE = 1024


def validation_of(
    metric: str, train: Interactions, validation: Interactions
) -> Callable[[Network], float]:
    """A function that judges a network by the metric that `fitting.validation_metric` names.

    Raises ValueError where the validation part holds nothing to judge by.
    """
    held_out = validation.ratings if metric == "rmse" else validation.likes
    if held_out.nnz == 0:
        raise ValueError(
            f"no row is held out for {metric}: set split.validation_fraction above 0 "
            "(or more users and items: core.k)"
        )
    if metric == "rmse":
        return partial(validation_rmse, train, validation)
    k, items = int(metric.rsplit("_", 1)[1]), held_out.shape[1]
    if k > items:
        raise ValueError(f"fitting.validation_metric: {metric} is longer than the {items} items")
    return partial(validation_ndcg, train, validation, k)


def validation_ndcg(
    train: Interactions, validation: Interactions, k: int, network: Network
) -> float:
    """Mean NDCG@k of the held-out likes, over the users who have any."""
    users = np.flatnonzero(np.diff(validation.likes.indptr))
    history = getattr(train, network.learns_from)
    item_UK, _ = rank_items(network, history, train.ratings, k, USERS_AT_ONCE, users)
    held_out_UI = validation.likes[users]
    hits_UK = find_hits(item_UK, held_out_UI)
    return float(ndcg(hits_UK, count_relevant(held_out_UI)).mean())


def validation_rmse(train: Interactions, validation: Interactions, network: Network) -> float:
    """Root of the mean squared error over the held-out ratings."""
    history = getattr(train, network.learns_from)
    predicted = predict_ratings(
        cast(RatingModel, network), history, validation.ratings, USERS_AT_ONCE
    )
    return float(np.sqrt(np.mean((predicted.data - validation.ratings.data) ** 2)))
