"""Versions of a model that differ only in the seed of their fit, as their MLflow runs say."""

from collections.abc import Iterator
from typing import NamedTuple

from collaborative_autoencoders.state.code import CODE

from . import model_versions
from .model_versions import STARTED_FROM

SEED, ENSEMBLE = "fitting.seed", "fitting.ensemble"
"""Parameters of a network; of a stack's networks, they follow the network's name."""

NO_PART_OF_A_FIT = (
    *("evaluation.", "registration.", "running.", "chosen"),
    *("matrix_products", "validation_users", "started_from_"),
)
"""Parameters by their first part that do not change what is fitted. The last three are facts of a
fit, which the run that registers a version lacks if an earlier run has fitted it."""

CHOOSES = ("running.validation_users",)
"""Parameters of `running` that change it all the same: epochs and options are chosen on them."""


class Fit(NamedTuple):
    """How a version was fitted."""

    configuration: dict[str, str]
    """Every parameter of data and fit by name, without the seeds; the version of the code and, of a
    warm start, the version that it started from."""
    seeds: frozenset[tuple[str, int]]
    """Parameter and seed of every network."""


def fit_of(name: str, number: int) -> Fit | None:
    """Return how a version was fitted; None if MLflow has no run with a seed for it."""
    parameters, tags = model_versions.made_by(name, number)
    seeds = [key for key in parameters if f".{key}".endswith(f".{SEED}")]
    if not seeds:
        return None
    configuration = {
        key: value
        for key, value in parameters.items()
        if key not in seeds and (key in CHOOSES or not key.startswith(NO_PART_OF_A_FIT))
    }
    configuration |= {key: tags[key] for key in (CODE, STARTED_FROM) if key in tags}
    return Fit(configuration, frozenset(seeds_of(parameters, seeds)))


def seeds_of(parameters: dict[str, str], keys: list[str]) -> Iterator[tuple[str, int]]:
    """Yield each of these parameters with the seed of each member of its ensemble."""
    for key in keys:
        members = int(parameters.get(key.removesuffix(SEED) + ENSEMBLE, 1))
        for member in range(members):
            yield key, int(parameters[key]) + member


def fits_like(name: str, number: int, wanted: int) -> list[int]:
    """Return versions with the configuration of this one and other seeds, this one first.

    At most `wanted` versions, the latest ones; no two of them share a seed.
    """
    own = fit_of(name, number)
    if own is None:
        return [number]
    found, seeds = [number], own.seeds
    for other in reversed(model_versions.versions(name)):
        fit = fit_of(name, other) if len(found) < wanted else None
        if fit and fit.configuration == own.configuration and seeds.isdisjoint(fit.seeds):
            found.append(other)
            seeds |= fit.seeds
    return found


def differ_only_in_seed(name: str, first: int, second: int) -> bool:
    """Return whether two versions are fits of one configuration."""
    one, other = fit_of(name, first), fit_of(name, second)
    return one is not None and other is not None and one.configuration == other.configuration
