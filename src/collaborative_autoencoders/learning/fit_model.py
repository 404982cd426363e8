"""From options to a fitted model: what training and tuning both call."""

from typing import Any, NamedTuple

import torch

from collaborative_autoencoders.interactions.matrices import Interactions, together
from collaborative_autoencoders.models.model import Catalogue, Fitted
from collaborative_autoencoders.models.network import Network
from collaborative_autoencoders.models.registry import model_class

from .fit import Epoch, Fit, fit
from .options import FittingOptions, RunningOptions, TrainingOptions
from .progress import progress_bar
from .running import running_on
from .validation import validation_of


class Outcome(NamedTuple):
    """A fitted model and how it came to be."""

    fitted: Fitted
    history: list[Epoch]
    """Of the fit with a validation; empty for a formula."""
    best_epoch: int | None


def fit_model(
    options: TrainingOptions,
    running: RunningOptions,
    train: Interactions,
    validation: Interactions,
    catalogue: Catalogue,
) -> Outcome:
    """Fit the model that the options describe.

    Same options, data, device, versions and threads: same weights, bit for bit.
    """
    view = model_class(options.model.name).learns_from
    if getattr(train, view).nnz == 0:
        raise ValueError(f"the train part holds no {view}: lower split.test_fraction or core.k")
    with running_on(running) as device:
        if options.fitting is None:
            return fit_formula(options, train, catalogue)
        return fit_network(options, options.fitting, device, train, validation, catalogue)


def fit_formula(options: TrainingOptions, train: Interactions, catalogue: Catalogue) -> Outcome:
    """Fit a model that needs no epochs."""
    model = model_class(options.model.name)(options.model, catalogue)
    model.fit(getattr(train, model.learns_from))
    return Outcome(Fitted(model), [], None)


def fit_network(
    options: TrainingOptions,
    fitting: FittingOptions,
    device: torch.device,
    train: Interactions,
    validation: Interactions,
    catalogue: Catalogue,
) -> Outcome:
    """Fit until the validation stops getting better; then, if asked to, anew on both parts."""

    def learn(part: Interactions, title: str, epochs: int, **more: Any) -> tuple[Network, Fit]:
        network: Network = model_class(options.model.name)(options.model, catalogue).to(device)
        generator = torch.Generator(device).manual_seed(fitting.seed)
        part_UI = getattr(part, network.learns_from)
        with progress_bar(title, epochs) as on_epoch:
            done = fit(
                network, part_UI, fitting, generator, epochs=epochs, on_epoch=on_epoch, **more
            )
        return network, done

    name, metric = options.model.name, fitting.validation_metric
    judge = None if metric is None else validation_of(metric, train, validation)
    network, (history, best) = learn(train, name, fitting.epochs, validate=judge)
    if fitting.refit and best is not None:
        network, _ = learn(together(train, validation), f"{name}, refit", best)
    return Outcome(Fitted(network, refitted=fitting.refit), history, best)
