"""Fitting of any model, from its options. Used by training and by tuning."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch
from scipy.sparse import csr_array

from collaborative_autoencoders.interactions import Interactions, View
from collaborative_autoencoders.interactions.sample import log_sample, sample_of
from collaborative_autoencoders.memory import TooLarge
from collaborative_autoencoders.models.ensemble import as_one, members_of
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.network import Network
from collaborative_autoencoders.models.registry import MODELS, model_class
from collaborative_autoencoders.models.sums import RatingSums
from collaborative_autoencoders.options import Options

from .checkpoints import Checkpoints
from .fit import Epoch, Fit, OnEpoch, fit
from .ladder import fit_formula, ladder_of
from .memory import refuse_too_large
from .on_ranks import OnRanks
from .options import FittingOptions, RunningOptions, TrainingOptions
from .products import library_in_use
from .progress import progress_bar
from .remarks import remarks_of, silent_copy
from .running import running_on
from .validation import METRIC_OPTION, Validate, Validation, validation_of, why_not_computed
from .warm_start import WarmStart


class Outcome(NamedTuple):
    """A fitted model and the history of its fit."""

    fitted: Fitted
    history: list[Epoch]
    """Epochs of the fit, with validation if there is a validation metric. For an ensemble, those of
    its first member; empty for a model fitted by a formula."""
    best_epoch: int | None
    """First epoch with the best validation; None without a validation metric."""
    on_train: Fitted | None = None
    """The network as fitted on train alone, which has chosen the best epoch; left out if there was
    no such fit. None for a formula."""
    remarks: Sequence[str] = ()
    """Signs of a poor fit, each with what to try."""
    matrix_products: str | None = None
    """What computed the matrix products of a network on a CPU; None on a card and for a formula."""

    @property
    def chosen(self) -> dict[str, float]:
        """What the options that are `auto` were in the fit, by the option's name."""
        if self.fitted.model is None:
            return {}
        return dict(getattr(members_of(self.fitted.model)[0], "chosen", {}))


def fit_model(
    options: TrainingOptions,
    refit: bool,
    running: RunningOptions,
    catalogue: Catalogue,
    *,
    train: Interactions,
    validation: Interactions,
    warm: WarmStart | None = None,
    ranks: OnRanks | None = None,
    stored: RatingSums | None = None,
) -> Outcome:
    """Fit the model that the options describe, finally on train + validation if `refit` is true.

    A model that cannot be fitted on these data, or not within the memory, is left out, with the
    reason. The same options, data, device, versions and threads give the same weights, bit for bit.
    With `warm`, each fit of a network begins with the weights of a champion. With `ranks`, they run
    the fit of a network whose rows they share. With `stored`, a model that is `FittedBySums` is
    fitted from counts and sums of its rows, which are found elsewhere.
    """
    name, parts = options.name, {"train": train, "validation": validation}
    left_out = why_left_out(options, catalogue, **parts)
    if left_out is None:
        try:
            return fit_within_memory(
                options, refit, running, catalogue, **parts, warm=warm, ranks=ranks, stored=stored
            )
        except TooLarge as error:
            left_out = str(error)
    none = Fitted(name, None, left_out)
    return Outcome(none, [], None, none if MODELS[name].is_network else None)


def fit_within_memory(
    options: TrainingOptions,
    refit: bool,
    running: RunningOptions,
    catalogue: Catalogue,
    *,
    train: Interactions,
    validation: Interactions,
    warm: WarmStart | None = None,
    ranks: OnRanks | None = None,
    stored: RatingSums | None = None,
) -> Outcome:
    """Fit a model that nothing in the data leaves out. Raises TooLarge if it exceeds the memory."""
    name = options.name
    if is_validated(options):
        log_sample(name, "validated", validation, running.validation_users)

    view = model_class(name).learns_from

    @cache  # joined when the final fit begins, for all members
    def final() -> csr_array:
        return train.joined_view(validation, view) if refit else train.view(view)

    parts = {"train": train, "validation": sample_of(validation, running.validation_users)}
    if ranks is not None:  # which choose a device of their own; here is what begins a fit
        running = running.model_copy(update={"device": "cpu"})
    with running_on(running) as device:
        if options.fitting is None:
            rows = final() if stored is None else stored
            formula = fit_formula(options, catalogue, rows, **parts)
            said = getattr(formula, "remarks", ())
            return Outcome(Fitted(name, formula, refitted=refit), [], None, remarks=said)
        kept = Checkpoints.of(running)
        learner = Learner(
            name, options.model, options.fitting, device, catalogue, kept, warm, ranks
        )
        validate = validation_for(options.fitting, **parts)
        members = [
            learner.fit_member(seed, train_UI=train.view(view), final=final, validate=validate)
            for seed in options.fitting.seeds
        ]
        libraries = {library_in_use()} if ranks is None else ranks.libraries
    fitted = Fitted(name, as_one([member.network for member in members]), refitted=refit)
    first = members[0].found
    remarks: list[str] = []
    if validate is not None:
        remarks = remarks_of(
            options,
            first,
            catalogue,
            members[0].silent,
            train=train,
            validation=parts["validation"],
            is_warm=warm is not None,
        )
    return Outcome(
        fitted,
        first.history,
        first.best_epoch,
        on_train_of(name, members),
        remarks,
        " and ".join(sorted(libraries)) if device.type == "cpu" else None,
    )


def is_validated(options: TrainingOptions) -> bool:
    """Return whether the fit reads the validation part: a network or the ladder of a formula."""
    if options.fitting is None:
        return len(ladder_of(options)) > 1
    return options.fitting.validation_metric is not None


def fit_with_validation(
    options: TrainingOptions,
    running: RunningOptions,
    catalogue: Catalogue,
    *,
    train: Interactions,
    validation: Interactions,
    on_epoch: OnEpoch,
    title: str,
) -> Fit:
    """Fit on the train part and return the validation history. The weights are discarded.

    It is the same fit as the one that chooses the best epoch in training (for an ensemble, the fit
    of its first member). `on_epoch` receives each epoch and may end the fit by raising an error.
    `title` is shown on the progress bar.
    The options must have a validation metric. Raises ValueError if the validation part is empty.
    """
    fitting = options.fitting
    assert fitting is not None, "a model fitted by a formula has no epochs to validate"
    validate = validation_for(fitting, train=train, validation=validation)
    with running_on(running) as device:
        learner = Learner(options.name, options.model, fitting, device, catalogue)
        train_UI = train.view(model_class(options.name).learns_from)
        _, found = learner.fit_new(
            fitting.seed, train_UI, fitting.epochs, validate, on_epoch, title
        )
    return found


def validate_formula(
    options: TrainingOptions,
    running: RunningOptions,
    catalogue: Catalogue,
    metric: str,
    *,
    train: Interactions,
    validation: Interactions,
) -> float:
    """Fit a model by its formula on the train part and return this metric on the validation part.

    Of a ladder, the factor is chosen first, as in training.
    Raises ValueError if the metric cannot be computed.
    """
    validate = validation_of(metric, train=train, validation=validation)
    with running_on(running):
        parts = {"train": train, "validation": validation}
        train_UI = train.view(model_class(options.name).learns_from)
        return validate(fit_formula(options, catalogue, train_UI, **parts))


def why_left_out(
    options: TrainingOptions,
    catalogue: Catalogue,
    *,
    train: Interactions,
    validation: Interactions,
) -> str | None:
    """Return why a model cannot be fitted on these data, or None if it can."""
    view = model_class(options.name).learns_from
    if lacking := what_is_lacking(view, catalogue, train):
        return lacking
    if train.view(view).nnz == 0:
        return f"the train part has no {view}: lower split.test_fraction and validation_fraction"
    if options.fitting is None or options.fitting.validation_metric is None:
        return None
    option = f"{options.name}.{METRIC_OPTION}"
    or_else = f"set {option}: null and {options.name}.fitting.patience: null"
    return why_not_computed(options.fitting.validation_metric, validation, option, or_else)


def what_is_lacking(view: View, catalogue: Catalogue, train: Interactions) -> str | None:
    """Return why a table lacks what models of this view are fitted on, or None if it has it."""
    if view == "ratings" and catalogue.lowest_rating is None:
        return "it is fitted on ratings, and the table has no ratings"
    if view == "order" and train.order is None:
        return "it is fitted on the order of likes, and the table has no timestamps"
    return None


class Member(NamedTuple):
    """A network of an ensemble, and the record of its fit on the train part."""

    network: Network
    on_train: Network | None
    """The network as fitted on train alone; None without validation."""
    found: Fit
    silent: float | None
    """Validation without the penalised weights; None without validation or such weights."""


def on_train_of(name: str, members: Sequence[Member]) -> Fitted:
    """Return the networks that were fitted on train alone, as one model."""
    networks = [member.on_train for member in members if member.on_train is not None]
    if not networks:
        return Fitted(name, None, f"{name}.fitting.validation_metric is null: set one")
    return Fitted(name, as_one([*networks]))


class Learner(NamedTuple):
    """Fits networks of one class and options, from new weights or from those of a champion."""

    name: str
    options: Options
    fitting: FittingOptions
    device: torch.device
    catalogue: Catalogue
    checkpoints: Checkpoints | None = None
    warm: WarmStart | None = None
    ranks: OnRanks | None = None

    def fit_member(
        self,
        seed: int,
        *,
        train_UI: csr_array,
        final: Callable[[], csr_array],
        validate: Validation | None,
    ) -> Member:
        """Return a network with this seed, fitted on `final()`, and the fit on `train_UI`.

        The fit on `train_UI` is validated and gives the best epoch. The fit on `final()` stops at
        that epoch. Without a validation, there is one fit, on `final()`.
        """
        if validate is None:
            network, found = self.fit_new(seed, final(), self.fitting.epochs)
            return Member(network, None, found, None)
        on_train, found = self.fit_new(seed, train_UI, self.fitting.epochs, validate)
        silent = validation_of_silent(on_train, validate)
        network = on_train
        if final() is not train_UI and found.best_epoch is not None:
            network, _ = self.fit_new(seed, final(), found.best_epoch)
        return Member(network, on_train, found, silent)

    def fit_new(
        self,
        seed: int,
        part_UI: csr_array,
        epochs: int,
        validate: Validation | None = None,
        on_epoch: OnEpoch = lambda epoch: None,
        title: str | None = None,
    ) -> tuple[Network, Fit]:
        """Return a new network and its fit, on a view of a part, of at most `epochs` epochs.

        Member n of an ensemble begins with the weights of the champion's member n, if there is one.
        Raises TooLarge if it does not fit into the memory of the machine.
        """
        refuse_too_large(self.name, self.options, self.catalogue, self.fitting.ensemble)
        network: Network = model_class(self.name)(self.options, self.catalogue)
        network.to(self.device)
        generator = torch.Generator(self.device).manual_seed(seed)
        member = seed - self.fitting.seed
        warm = self.warm if self.warm is not None and self.warm.has(member) else None
        if title is None:
            title = self.name if validate else f"{self.name}, final fit"
        phase = f"{seed}.{'train' if validate else 'final'}"
        if warm is not None:  # not to be taken for a fit from new weights
            phase += f".from_version_{warm.version}"

        def start(started: Network) -> None:
            if warm is not None:
                warm.copy_into(started, member)

        if self.ranks is not None:
            network.start(part_UI, generator)
            start(network)
            done = self.ranks.fit(
                network,
                part_UI,
                self.fitting,
                generator,
                epochs=epochs,
                validation=validate,
                name=self.name,
                title=title,
                phase=phase,
            )
            return network, done
        keeper = None
        if self.checkpoints is not None:
            keeper = self.checkpoints.phase(phase, title, epochs)
        with progress_bar(title, epochs) as show_epoch:

            def after_epoch(epoch: Epoch) -> None:
                show_epoch(epoch)
                on_epoch(epoch)

            done = fit(
                network,
                part_UI,
                self.fitting,
                generator,
                epochs=epochs,
                validate=validate,
                on_start=start,
                on_epoch=after_epoch,
                keeper=keeper,
            )
        return network, done


def validation_of_silent(network: Network, validate: Validate) -> float | None:
    """Return the validation without the penalised weights, or None if there are none."""
    silent = silent_copy(network)
    return None if silent is None else validate(silent)


def validation_for(
    fitting: FittingOptions, *, train: Interactions, validation: Interactions
) -> Validation | None:
    """Return the validation function, or None if there is no validation metric."""
    if fitting.validation_metric is None:
        return None
    return validation_of(fitting.validation_metric, train=train, validation=validation)
