"""Stacks: models that are fitted already, added with weights.

Dimension key: M members.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.interactions.sample import log_sample, sample_of
from collaborative_autoencoders.memory import give_back_free_memory
from collaborative_autoencoders.metrics.table import measure_of_users
from collaborative_autoencoders.models.model import (
    Catalogue,
    ClosedFormModel,
    Fitted,
    Model,
)
from collaborative_autoencoders.models.registry import model_class, run_of
from collaborative_autoencoders.models.stack import Stack, StackOptions

from .fit_model import fit_model
from .options import RunningOptions, TrainingOptions
from .running import running_on
from .validation import why_not_computed
from .weighing import Weighing, choose_weights

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

    A member without a weight is not read and may be left out. The stack is left out, with the
    reason, if another member is left out or if the weights are `auto` and cannot be chosen.
    Raises ValueError if a member was fitted on other parts or is no member of the stack.
    """
    wanted = cast(StackOptions, options.model)
    check_weights(options.name, wanted, members)
    members = {name: member for name, member in members.items() if wanted.adds(name)}
    check_parts(members, fingerprint(train=train, validation=validation))
    if reason := why_members_left_out(members):
        return Fitted(options.name, None, reason)
    models = {name: cast(Model, fitted.model) for name, (fitted, _) in members.items()}
    stack: Stack = model_class(options.name)(options.model, models)
    sample = sample_of(validation, running.validation_users)
    if reason := why_not_weighed(options.name, stack, members, sample):
        return Fitted(options.name, None, reason)
    if wanted.weights == "auto":
        log_sample(options.name, "validated", validation, running.validation_users)
    with running_on(running):
        stack.weights_M = weights_of(stack, members, train=train, validation=sample)
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
        outcome = fit_model(each, refit, running, catalogue, train=train, validation=validation)
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
                f"{run_of(name)} --from-nodes {name}.fit_model"
            )


def why_members_left_out(members: Mapping[str, Member]) -> str | None:
    """Return why the first member was left out, with its name if others were not; None if none."""
    reasons = {name: fitted.left_out for name, (fitted, _) in members.items()}
    if len(members) > 1 and len(set(reasons.values())) == 1:
        return next(iter(reasons.values()))
    named = (f"{name} was left out: {reason}" for name, reason in reasons.items() if reason)
    return next(named, None)


def why_not_weighed(
    name: str, stack: Stack, members: Mapping[str, Member], validation: Interactions
) -> str | None:
    """Return why the weights cannot be chosen, with fixes; None if they can or need not be."""
    if stack.options.weights != "auto":
        return None
    weights = ", ".join(f"{member}: 1" for member in members)
    or_else = f"set {name}.model.weights, such as {{{weights}}}"
    for member, (_, on_train) in members.items():
        if on_train is not None and on_train.model is None:
            reason = f"its weights need {member} as fitted on train alone: {on_train.left_out}"
            return f"{reason}. Or {or_else}"
    option = f"{name}.model.validation_metric"
    return why_not_computed(stack.options.validation_metric, validation, option, or_else)


def weights_of(
    stack: Stack, members: Mapping[str, Member], *, train: Interactions, validation: Interactions
) -> Floats:
    """Return the given weights, divided by their sum, or choose them. Shape (M,)."""
    given = stack.options.weights
    if given != "auto":
        # float64, and by the largest first: any weights above 0 have a sum that is finite
        share_M = np.array([given[name] for name in members], dtype=np.float64)
        share_M /= share_M.max()
        return (share_M / share_M.sum()).astype(np.float32)
    on_train = {name: fitted_on_train(name, member, train) for name, member in members.items()}
    give_back_free_memory()  # of the fits, before members are weighed in dense arrays
    learner = type(stack)(stack.options, on_train)
    measure = measure_of_users(stack.options.validation_metric)
    return choose_weights(Weighing(learner, measure, train, validation))


def fitted_on_train(name: str, member: Member, train: Interactions) -> Model:
    """Return the member as fitted on train alone."""
    if member.on_train is not None:
        return cast(Model, member.on_train.model)
    final = cast(Model, member.fitted.model)
    formula: ClosedFormModel = model_class(name)(final.options, final.catalogue)
    formula.fit(train.view(formula.learns_from))
    return formula
