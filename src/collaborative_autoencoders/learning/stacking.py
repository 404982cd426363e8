"""Stacks: weights for models that are fitted already, chosen on the validation part.

Dimension key: U users, I items, M members, W candidate weights, V values, one per user or rating.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from collaborative_autoencoders.evaluation.best import take_best
from collaborative_autoencoders.evaluation.evaluate import count_owners
from collaborative_autoencoders.evaluation.prediction import predict_ratings
from collaborative_autoencoders.evaluation.ranking import exclude_seen, refuse_unrankable
from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.metrics.hits import count_relevant, find_hits
from collaborative_autoencoders.metrics.table import Lists, Measure, measure_of_users
from collaborative_autoencoders.models.model import (
    Catalogue,
    ClosedFormModel,
    Fitted,
    Model,
    RatingModel,
)
from collaborative_autoencoders.models.registry import model_class
from collaborative_autoencoders.models.stack import Stack, StackOptions

from .choosing import choose
from .fit_model import fit_model
from .options import RunningOptions, TrainingOptions
from .running import running_on
from .validation import USERS_AT_ONCE, why_not_computed

STEPS = 20
"""Candidate weights are multiples of 1 / STEPS."""

Floats = NDArray[np.float32]


class Member(NamedTuple):
    """A member of a stack, as the pipeline has fitted it."""

    fitted: Fitted
    on_train: Fitted | None
    """The network fitted on train alone; None for a formula, which is fitted again."""


def fit_stack(
    options: TrainingOptions,
    running: RunningOptions,
    members: Mapping[str, Member],
    *,
    train: Interactions,
    validation: Interactions,
) -> Fitted:
    """Return the stack of these models, which are not fitted again.

    It is left out, with the reason, if a member is left out or if the weights are `auto` and cannot
    be chosen.
    Raises ValueError if a member was fitted on other parts or is no member of the stack.
    """
    check_weights(options.name, cast(StackOptions, options.model), members)
    check_parts(members, fingerprint(train=train, validation=validation))
    if reason := why_members_left_out(members):
        return Fitted(options.name, None, reason)
    models = {name: cast(Model, fitted.model) for name, (fitted, _) in members.items()}
    stack: Stack = model_class(options.name)(options.model, models)
    if reason := why_not_weighed(options.name, stack, members, validation):
        return Fitted(options.name, None, reason)
    with running_on(running):
        stack.weights_M = weights_of(stack, members, train=train, validation=validation)
    refitted = all(fitted.refitted for fitted, _ in members.values())
    return Fitted(options.name, stack, refitted=refitted)


def fit_members(
    options: Iterable[TrainingOptions],
    refit: bool,
    running: RunningOptions,
    catalogue: Catalogue,
    *,
    train: Interactions,
    validation: Interactions,
) -> dict[str, Member]:
    """Fit models outside the pipeline, for `fit_stack`."""
    parts = {"train": train, "validation": validation}
    members = {}
    for each in options:
        outcome = fit_model(each, refit, running, catalogue, **parts)
        fitted = outcome.fitted._replace(parts=fingerprint(**parts))
        on_train = outcome.on_train and outcome.on_train._replace(parts=fitted.parts)
        members[each.name] = Member(fitted, on_train)
    return members


def check_weights(name: str, options: StackOptions, members: Mapping[str, Member]) -> None:
    """Raise ValueError if there is a weight for a model that is no member."""
    others = set() if options.weights == "auto" else options.weights.keys() - members.keys()
    if others:
        raise ValueError(
            f"{name}.model.weights: {', '.join(sorted(others))} is not a member of {name}, which "
            f"adds {', '.join(members)}. Other members: the line of {name} in models/registry.py"
        )


def check_parts(members: Mapping[str, Member], parts: str) -> None:
    """Raise ValueError if a member was fitted on other parts than those with this fingerprint."""
    for name, member in members.items():
        if any(fitted is not None and fitted.parts != parts for fitted in member):
            raise ValueError(
                f"{name} was fitted on another split than the one in data/. Fit it again: "
                f"kedro run --from-nodes {name}.fit_model"
            )


def why_members_left_out(members: Mapping[str, Member]) -> str | None:
    """Return why the first member was left out, with its name if others were not; None if none."""
    reasons = {name: fitted.left_out for name, (fitted, _) in members.items()}
    if len(set(reasons.values())) == 1:
        return next(iter(reasons.values()))
    return next(f"{name} was left out: {reason}" for name, reason in reasons.items() if reason)


def why_not_weighed(
    name: str, stack: Stack, members: Mapping[str, Member], validation: Interactions
) -> str | None:
    """Return why the weights cannot be chosen, with fixes; None if they can or need not be."""
    if stack.options.weights != "auto":
        return None
    for member, (_, on_train) in members.items():
        if on_train is not None and on_train.model is None:
            return f"its weights need {member} as fitted on train alone: {on_train.left_out}"
    option = f"{name}.model.validation_metric"
    return why_not_computed(stack.options.validation_metric, validation, option)


def weights_of(
    stack: Stack, members: Mapping[str, Member], *, train: Interactions, validation: Interactions
) -> Floats:
    """Return the given weights, divided by their sum, or choose them. Shape (M,)."""
    given = stack.options.weights
    if given != "auto":
        shares = [given.get(name, 0.0) for name in members]
        return np.array(shares, dtype=np.float32) / np.float32(sum(shares))
    on_train = {name: fitted_on_train(name, member, train) for name, member in members.items()}
    learner = type(stack)(stack.options, on_train)
    measure = measure_of_users(stack.options.validation_metric)
    candidates_WM = np.array(list(shares_of(len(members))), dtype=np.float32) / np.float32(STEPS)
    errors = measure.k is None
    values = values_of_ratings if errors else values_of_lists
    values_WV = values(learner, candidates_WM, measure, train=train, validation=validation)
    sign = 1 if measure.metric.higher_is_better else -1
    unequal_W = candidates_WM.astype(np.float64).var(axis=1).round(6)
    return cast(Floats, candidates_WM[choose(sign * values_WV, unequal_W)])


def shares_of(members: int) -> Iterator[tuple[int, ...]]:
    """Yield all ways to give STEPS steps to so many members."""
    for shares in product(range(STEPS + 1), repeat=members - 1):
        if sum(shares) <= STEPS:
            yield *shares, STEPS - sum(shares)


def fitted_on_train(name: str, member: Member, train: Interactions) -> Model:
    """Return the member as fitted on train alone."""
    if member.on_train is not None:
        return cast(Model, member.on_train.model)
    final = cast(Model, member.fitted.model)
    formula: ClosedFormModel = model_class(name)(final.options, final.catalogue)
    formula.fit(train.view(formula.learns_from))
    return formula


def values_of_lists(
    stack: Stack,
    candidates_WM: Floats,
    measure: Measure,
    *,
    train: Interactions,
    validation: Interactions,
) -> NDArray[np.float64]:
    """Return the metric of each user with held-out likes under each candidate, shape (W, V)."""
    users_V = np.flatnonzero(np.diff(validation.likes.indptr))
    shown = train.with_fold_in_of(validation)
    values_WV = np.empty((len(candidates_WM), len(users_V)))
    owners_I, k = count_owners(train), measure.k or 1
    for start in range(0, len(users_V), USERS_AT_ONCE):
        rows = slice(start, start + USERS_AT_ONCE)
        users_B = users_V[rows]
        arrays = stack.comparable_scores(shown.view(stack.learns_from)[users_B], users_B)
        seen_BI = shown.seen_by(stack.learns_from).ratings[users_B]
        held_out_BI = validation.likes[users_B]
        n_relevant_B = count_relevant(held_out_BI)
        for candidate, weights_M in enumerate(candidates_WM):
            scores_BI = stack.add(arrays, weights_M)
            refuse_unrankable(scores_BI, users_B)
            exclude_seen(scores_BI, seen_BI)
            scores_BI[:, shown.core_shape[1] :] = -np.inf
            item_BK, _ = take_best(scores_BI, k)
            hits_BK = find_hits(item_BK, held_out_BI)
            lists = Lists(item_BK, hits_BK, n_relevant_B, owners_I, train.core_shape[0])
            values_WV[candidate, rows] = measure.metric.function(lists)
    return values_WV


def values_of_ratings(
    stack: Stack,
    candidates_WM: Floats,
    measure: Measure,
    *,
    train: Interactions,
    validation: Interactions,
) -> NDArray[np.float64]:
    """Return the error of each held-out rating under each candidate, shape (W, V)."""
    histories_UI = train.with_fold_in_of(validation).view(stack.learns_from)
    predicted_MV = np.stack(
        [
            predict_ratings(
                cast(RatingModel, member),
                histories_UI=histories_UI,
                wanted_UI=validation.ratings,
                batch_size=USERS_AT_ONCE,
            ).data
            for member in stack.members.values()
        ]
    )
    error_WV = candidates_WM @ predicted_MV - validation.ratings.data
    values: Any = measure.metric.function(error_WV.astype(np.float64))
    return cast(NDArray[np.float64], values)
