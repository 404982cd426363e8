"""From options to a fitted model: what training and tuning both call."""

from typing import NamedTuple

import torch

from collaborative_autoencoders.interactions.matrices import Interactions, together
from collaborative_autoencoders.models.ensemble import as_one
from collaborative_autoencoders.models.model import Catalogue, ClosedFormModel, Fitted
from collaborative_autoencoders.models.network import Network
from collaborative_autoencoders.models.options import ModelOptions
from collaborative_autoencoders.models.registry import model_class

from .fit import Epoch, Fit, OnEpoch, Validate, fit
from .options import FittingOptions, RunningOptions, TrainingOptions
from .progress import progress_bar
from .running import running_on
from .validation import validation_of


class Outcome(NamedTuple):
    """A fitted model and how it came to be."""

    fitted: Fitted
    history: list[Epoch]
    """Of the fit with a validation, of an ensemble's first member; empty for a formula."""
    best_epoch: int | None


def fit_model(
    options: TrainingOptions,
    refit: bool,
    running: RunningOptions,
    train: Interactions,
    validation: Interactions,
    catalogue: Catalogue,
) -> Outcome:
    """Fit the model that the options describe; with `refit`, in the end on train + validation.

    A model that cannot learn from these data is left out, with the reason.
    Same options, data, device, versions and threads: same weights, bit for bit.
    Raises ValueError where the train part holds nothing to learn from.
    """
    view = model_class(options.model.name).learns_from
    if view == "ratings" and catalogue.lowest_rating is None:
        left_out = "it learns from ratings, and the table has none"
        return Outcome(Fitted(None, left_out=left_out), [], None)
    if getattr(train, view).nnz == 0:
        raise ValueError(f"the train part holds no {view}: lower split.test_fraction or core.k")
    final = together(train, validation) if refit else train
    with running_on(running) as device:
        if options.fitting is None:
            formula: ClosedFormModel = model_class(options.model.name)(options.model, catalogue)
            formula.fit(getattr(final, view))
            return Outcome(Fitted(formula, refitted=refit), [], None)
        learner = Learner(options.model, options.fitting, device, catalogue)
        judge = judge_of(options.fitting, train, validation)
        members = [learner.learn(seed, train, final, judge) for seed in options.fitting.seeds]
    model = as_one([network for network, _ in members])
    first = members[0][1]
    return Outcome(Fitted(model, refitted=refit), first.history, first.best_epoch)


def try_options(
    options: TrainingOptions,
    running: RunningOptions,
    train: Interactions,
    validation: Interactions,
    catalogue: Catalogue,
    on_epoch: OnEpoch,
    title: str,
) -> Fit:
    """How the fit on train goes that training would choose its epoch by; nothing is kept of it.

    Of an ensemble the first member alone: training records no other's history.
    `on_epoch` sees each epoch and may end the fit by raising; `title` names it on a terminal.
    Raises ValueError where there is no validation, or nothing to validate by.
    """
    fitting = options.fitting
    judge = None if fitting is None else judge_of(fitting, train, validation)
    if fitting is None or judge is None:
        raise ValueError(f"{options.model.name} is fitted without a validation: nothing to tune by")
    with running_on(running) as device:
        learner = Learner(options.model, fitting, device, catalogue)
        _, found = learner.fit_new(fitting.seed, train, fitting.epochs, judge, on_epoch, title)
    return found


class Learner(NamedTuple):
    """Fits networks of one kind, each from its own start."""

    options: ModelOptions
    fitting: FittingOptions
    device: torch.device
    catalogue: Catalogue

    def learn(
        self, seed: int, train: Interactions, final: Interactions, judge: Validate | None
    ) -> tuple[Network, Fit]:
        """A network of this seed, fitted on `final`, and how its fit with a validation went.

        The validation finds on `train` the epoch at which the fit on `final` stops.
        """
        if judge is None:
            return self.fit_new(seed, final, self.fitting.epochs)
        network, found = self.fit_new(seed, train, self.fitting.epochs, judge)
        if final is not train and found.best_epoch is not None:
            network, _ = self.fit_new(seed, final, found.best_epoch)
        return network, found

    def fit_new(
        self,
        seed: int,
        part: Interactions,
        epochs: int,
        judge: Validate | None = None,
        on_epoch: OnEpoch = lambda epoch: None,
        title: str | None = None,
    ) -> tuple[Network, Fit]:
        """A new network, fitted on this part for so many epochs at the most."""
        network: Network = model_class(self.options.name)(self.options, self.catalogue)
        network.to(self.device)
        generator = torch.Generator(self.device).manual_seed(seed)
        if title is None:
            title = self.options.name if judge else f"{self.options.name}, in the end"
        with progress_bar(title, epochs) as show_epoch:

            def seen(epoch: Epoch) -> None:
                show_epoch(epoch)
                on_epoch(epoch)

            done = fit(
                network,
                getattr(part, network.learns_from),
                self.fitting,
                generator,
                epochs=epochs,
                validate=judge,
                on_epoch=seen,
            )
        return network, done


def judge_of(
    fitting: FittingOptions, train: Interactions, validation: Interactions
) -> Validate | None:
    """What tells the best epoch, where anything is to tell it."""
    if fitting.validation_metric is None:
        return None
    return validation_of(fitting.validation_metric, train, validation)
