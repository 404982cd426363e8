"""Versions of a model that differ only in the seed of their fit, as their MLflow runs say."""

from typing import NamedTuple

from . import model_versions

SEED, ENSEMBLE = "fitting.seed", "fitting.ensemble"

NO_PART_OF_A_FIT = (SEED, "evaluation.", "registration.", "running.")
"""Parameters, or their first parts, that do not change what is fitted, except for the seed."""


class Fit(NamedTuple):
    """How a version was fitted."""

    configuration: dict[str, str]
    """Every parameter of data and fit by name, without the seed."""
    seeds: range
    """Seeds of the members; one if the model is not an ensemble."""


def fit_of(name: str, number: int) -> Fit | None:
    """Return how a version was fitted; None if MLflow has no run with a seed for it."""
    parameters = model_versions.parameters_of(name, number)
    if SEED not in parameters:
        return None
    first, members = int(parameters[SEED]), int(parameters.get(ENSEMBLE, 1))
    configuration = {
        key: value for key, value in parameters.items() if not key.startswith(NO_PART_OF_A_FIT)
    }
    return Fit(configuration, range(first, first + members))


def fits_like(name: str, number: int, wanted: int) -> list[int]:
    """Return versions with the configuration of this one and other seeds, this one first.

    At most `wanted` versions, the latest ones; no two of them share a seed.
    """
    own = fit_of(name, number)
    if own is None:
        return [number]
    found, seeds = [number], set(own.seeds)
    for other in reversed(model_versions.versions(name)):
        fit = fit_of(name, other) if len(found) < wanted else None
        if fit and fit.configuration == own.configuration and seeds.isdisjoint(fit.seeds):
            found.append(other)
            seeds |= set(fit.seeds)
    return found


def differ_only_in_seed(name: str, first: int, second: int) -> bool:
    """Return whether two versions are fits of one configuration."""
    one, other = fit_of(name, first), fit_of(name, second)
    return one is not None and other is not None and one.configuration == other.configuration
