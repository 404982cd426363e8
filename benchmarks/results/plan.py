"""What is run and what it is compared with, as plan.yml says it."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import Field, field_validator

from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.options import Options

PLAN = Path(__file__).parent / "plan.yml"
TUNING_SEED = 42
"""The split on whose validation part everything was chosen; not among the ones that are judged."""


class Target(Options):
    """What a row has to reach."""

    measure: str
    at_most: float | None = None
    at_least: float | None = None
    beside: str | None = None
    """The row whose figure is taken off first, on the same split."""
    interval_above_zero: bool = False
    """Whether the whole interval has to be above 0."""


class Row(Options):
    """One model under one protocol."""

    name: str
    """As it stands in the table."""
    model: str
    changes: dict[str, Any] = Field(default_factory=dict)
    """What differs from the environment's parameters of this model."""
    published: dict[str, str] = Field(default_factory=dict)
    """A published figure per measure, under this protocol."""
    targets: list[Target] = Field(default_factory=list)

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str) -> str:
        if model not in MODELS:
            raise ValueError(f"{model} is none of {', '.join(MODELS)}")
        return model


class Protocol(Options):
    """An environment, and what is judged in it."""

    title: str
    pipeline: str
    measures: list[str]
    source: str
    """Where the published figures stand."""
    models: list[Row]
    """Rows of the whole pipeline, as the environment has them."""
    variants: list[Row]
    """Rows of runs of their own, each of one model with changes."""
    notes: list[str] = Field(default_factory=list)
    """What a reader has to know, without a figure of ours."""
    validation_metric: str
    ablation: list[Row] = Field(default_factory=list)
    """Judged by it on the validation part of the tuning seed alone, the first as committed."""


class Job(NamedTuple):
    """One `kedro run` of the benchmark: a row of its own, or the whole pipeline for row None."""

    protocol: str
    pipeline: str
    split_seed: int
    names: dict[str, str]
    """The name of the row that each model of the run makes."""
    row: Row | None = None
    validation_metric: str | None = None
    """Of a row that is fitted on train alone and judged on validation alone."""

    @property
    def name(self) -> str:
        """Also the folder of its files: `seed/split-1`, and below it one per row of its own."""
        folder = f"{self.protocol}/split-{self.split_seed}"
        return f"{folder}/{slug(self.row.name)}" if self.row else folder


def slug(name: str) -> str:
    """The name in lower case, all but letters and digits as one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def read_plan(path: Path = PLAN) -> dict[str, Protocol]:
    """Every protocol by its environment's name. Raises ValidationError for a wrong plan."""
    blocks = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: Protocol.model_validate(block) for name, block in blocks.items()}


def jobs_of(plan: dict[str, Protocol], split_seeds: list[int]) -> list[Job]:
    """Every run of the plan: first what the page cannot do without, then rows of their own."""
    whole = [
        Job(name, block.pipeline, split_seed, {row.model: row.name for row in block.models})
        for name, block in plan.items()
        for split_seed in split_seeds
    ]
    variants = [
        Job(name, block.pipeline, split_seed, {row.model: row.name}, row)
        for split_seed in split_seeds
        for name, block in plan.items()
        for row in block.variants
    ]
    ablation = [
        Job(name, block.pipeline, TUNING_SEED, {row.model: row.name}, row, block.validation_metric)
        for name, block in plan.items()
        for row in block.ablation
    ]
    return [*whole, *ablation, *variants]
