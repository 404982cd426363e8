"""The plan of the benchmark, read from plan.yml: what is run and what it is compared with."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import Field, field_validator

from collaborative_autoencoders.models import MODELS
from collaborative_autoencoders.options import Options

PLAN = Path(__file__).parent / "plan.yml"
TUNING_SEED = 42
"""Seed of the split on whose validation part all options were chosen. Its test part is not used."""


class Target(Options):
    """A value that a row has to reach."""

    measure: str
    at_most: float | None = None
    at_least: float | None = None
    beside: str | None = None
    """Row whose figure on the same split is subtracted first."""
    interval_above_zero: bool = False
    """Whether the whole interval must be above 0."""


class Row(Options):
    """One model under one protocol."""

    name: str
    """Name in the table."""
    model: str
    changes: dict[str, Any] = Field(default_factory=dict)
    """Parameters of this model that differ from the environment."""
    published: dict[str, str] = Field(default_factory=dict)
    """Published figure of each metric, under this protocol."""
    targets: list[Target] = Field(default_factory=list)

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str) -> str:
        if model not in MODELS:
            raise ValueError(f"unknown model {model!r}: known are {', '.join(MODELS)}")
        return model


class Protocol(Options):
    """An environment and what is evaluated in it."""

    title: str
    pipeline: str
    measures: list[str]
    source: str
    """Where the figures were published."""
    models: list[Row]
    """Rows of the whole pipeline, with the options of the environment. If empty, it is not run."""
    variants: list[Row]
    """Rows with a run each: one model with changes."""
    notes: list[str] = Field(default_factory=list)
    """What a reader should know."""
    validation_metric: str
    ablation: list[Row] = Field(default_factory=list)
    """Rows that are evaluated on the validation part of the tuning seed only, by
    `validation_metric`. The first row of a model has no changes."""


class Job(NamedTuple):
    """One `kedro run` of the benchmark: one row, or the whole pipeline if `row` is None."""

    protocol: str
    pipeline: str
    split_seed: int
    names: dict[str, str]
    """Name of the row of each model in the run."""
    row: Row | None = None
    validation_metric: str | None = None
    """Metric of an ablation row, which is fitted on train and evaluated on validation only."""

    @property
    def name(self) -> str:
        """Name and folder of its files: `d2l/split-1`, and below it a folder for a single row."""
        folder = f"{self.protocol}/split-{self.split_seed}"
        return f"{folder}/{slug(self.row.name)}" if self.row else folder


def slug(name: str) -> str:
    """Return the name in lower case, with a hyphen for everything but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def read_plan(path: Path = PLAN) -> dict[str, Protocol]:
    """Return each protocol under the name of its environment.

    Raises ValidationError if the plan is not valid.
    """
    blocks = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: Protocol.model_validate(block) for name, block in blocks.items()}


def jobs_of(plan: dict[str, Protocol], split_seeds: list[int]) -> list[Job]:
    """Return every run of the plan: whole pipelines with rows, then ablations, then variants."""
    whole = [
        Job(name, block.pipeline, split_seed, {row.model: row.name for row in block.models})
        for name, block in plan.items()
        if block.models
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
