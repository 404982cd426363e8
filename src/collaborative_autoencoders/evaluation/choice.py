"""Which models of a run are registered: the best ones, and those that the options name."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import field_validator

from collaborative_autoencoders.models.registry import MODELS, run_of
from collaborative_autoencoders.options import Options, closest_hint
from collaborative_autoencoders.state.content import digest_of

ALL, BEST = "all", "best"
OFF = "registration.enabled is false"
NOT_CHOSEN = "not the best model of lists or of ratings, and not named"
"""The beginning of the reason for a model that was compared and not chosen."""


class RegistrationOptions(Options):
    """Which models are registered."""

    enabled: bool
    """Log and register models."""

    models: str
    """Which models, joined by `+`: `best` (the best of lists by the primary metric, and the best of
    ratings), `all`, and names. A model that is fitted without the others, so that there is no
    comparison, is registered in any case."""

    @field_validator("models")
    @classmethod
    def _are_known(cls, models: str) -> str:
        known = {ALL, BEST, *MODELS}
        for name in names_in(models):
            if name not in known:
                raise ValueError(
                    f"unknown model {name!r}{closest_hint(name, known)}: join by + any of "
                    f"{', '.join([ALL, BEST, *MODELS])}"
                )
        return models


class Compared(NamedTuple):
    """The comparison of the models of a run."""

    best: list[str]
    """Names of the best models."""
    figures: list[str]
    """A digest of the figures of each model that was compared."""

    @classmethod
    def of(cls, best: list[str], figures: Mapping[str, Mapping[str, float]]) -> "Compared":
        """Return the comparison of models with these figures."""
        return cls(best, [digest_of(found) for found in figures.values()])


def names_in(models: str) -> list[str]:
    """Return the names that are joined by `+`."""
    return [name.strip() for name in models.split("+")]


def reason_against(
    name: str, metrics: Mapping[str, float], compared: Mapping[str, Any], options: Mapping[str, Any]
) -> str | None:
    """Return why a model is not registered; None if it is.

    A model whose figures are not among those compared was fitted or evaluated without the others
    since then: it is registered, because a run that was asked for it alone has no other.
    """
    if not options["enabled"]:
        return OFF
    wanted, best = names_in(options["models"]), compared.get("best", [])
    if {ALL, name} & {*wanted} or (BEST in wanted and name in best):
        return None
    if digest_of(dict(metrics)) not in compared.get("figures", []):
        return None
    wanted_too = "+".join([*wanted, name])
    return (
        f"{NOT_CHOSEN} in registration.models ({options['models']}). To register it: "
        f"`{run_of(name)} --only-missing-outputs --params registration.models={wanted_too}`, with "
        "the --pipelines, --env and other params of the run that fitted it"
    )
