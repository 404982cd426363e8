"""Options of a search, search spaces, and the search itself."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ConfigDict, Field, PlainSerializer, RootModel, field_validator, model_validator

from collaborative_autoencoders.interactions import Interactions
from collaborative_autoencoders.interactions.part import fingerprint
from collaborative_autoencoders.interactions.sample import sample_of
from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions
from collaborative_autoencoders.learning.validation import METRIC_OPTION
from collaborative_autoencoders.metrics.table import UserMetric, measure_of_users
from collaborative_autoencoders.models.model import Catalogue
from collaborative_autoencoders.models.registry import MODELS, is_formula, model_class
from collaborative_autoencoders.options import MOST, Count, Options
from collaborative_autoencoders.tracking.masking import mask, mask_uri
from collaborative_autoencoders.tracking.provenance import git_state

from .space import ANY_NETWORK, Point, Space, read_space

STUDY_FORMAT = 2
"""Part of a study's name. After a change of format, a search creates a new study."""


class FormulaMetrics(Options):
    """The validation metrics of models that are fitted by a formula, by the task of the model."""

    ranking: UserMetric
    """A metric of lists, such as `ndcg_at_10`."""
    rating: UserMetric
    """`rmse`, `mae`, or a metric of lists."""

    @field_validator("ranking")
    @classmethod
    def _is_of_lists(cls, name: str) -> str:
        if measure_of_users(name).k is None:
            raise ValueError(
                f"{name} needs predicted ratings: set a list metric, such as ndcg_at_10"
            )
        return name


class TuningOptions(Options):
    """Options of a search: sampler, pruner, number of trials, and storage."""

    # pydantic's own message would repeat a storage that is not valid, with its password
    model_config = ConfigDict(hide_input_in_errors=True)

    space: str
    """Name of one of the `search_spaces`."""

    sampler: Literal["grid", "random", "tpe"]
    """grid: all combinations; random: independent draws; tpe: tree-structured Parzen estimator
    (Bergstra et al. 2011), which samples near the best trials so far. A model that is fitted by a
    formula has a grid if its space has choices only, and no more combinations than `n_trials`."""

    formula_metrics: FormulaMetrics
    """What trials of models without a `fitting` block are compared by. A network has its
    `fitting.validation_metric`."""

    pruner: Literal["median", "none"]
    """median: stop a trial whose validation is below the median of the other trials at the same
    epoch."""

    pruner_startup_trials: Annotated[int, Ge(0), Le(MOST)]
    """Trials that must be complete before any trial is pruned."""

    pruner_warmup_epochs: Annotated[int, Ge(0), Le(MOST)]
    """Epochs before which no trial is pruned."""

    n_trials: Count
    """Trials of the study in total. A restarted search runs the missing ones."""

    time_budget_seconds: Annotated[float, Gt(0)] | None
    """Seconds after which a run starts no further trial of a model; null: no limit."""

    seed: Annotated[int, Ge(0), Lt(2**32)]
    """Seed of the sampler and of the order of a grid. With random and grid the trials do not
    depend on the number of processes or on interruptions."""

    workers: Count
    """Processes that share the search: workers of Spark, each with a trial at a time
    (docs/cluster.md). 1: this process."""

    storage: Annotated[str, PlainSerializer(mask_uri, when_used="json")] = Field(repr=False)
    """`sqlite:///file`, the URL of another database that SQLAlchemy supports, or
    `journal:///file` for a network drive. A password in it is masked wherever it is written."""

    study: str | None
    """Name of the study; null: derived from the model, the options, the space, the pruner and the
    data, so that the same search resumes and a different one is a new study."""

    @field_validator("storage")
    @classmethod
    def _is_a_url(cls, storage: str) -> str:
        if "://" not in storage:
            raise ValueError(
                f"{mask(storage)!r} is not a URL: give sqlite:///file, journal:///file or the URL "
                "of a database"
            )
        return storage


class SearchSpaces(RootModel[dict[str, dict[str, Any]]]):
    """Spaces by name. A space has a block per model, shaped like the model's own block, with a
    list of choices or a range in place of a value; `any_network` is for the other networks."""

    is_logged: ClassVar[bool] = False
    """Not logged as parameters of a run: the result of the search lists its axes."""

    @model_validator(mode="after")
    def _every_axis_is_an_option(self) -> Self:
        for name, models in self.root.items():
            for model, block in (models or {}).items():
                try:
                    read_space(model, block)
                except ValueError as error:
                    raise ValueError(f"{name}.{model}: {error}") from None
        return self

    def of(self, name: str, model: str) -> Space | None:
        """Return the space for a model; None if it has no block for it.

        A network without a block has that of `any_network`, if there is one.

        Raises ValueError for an unknown name.
        """
        if name not in self.root:
            raise ValueError(f"tuning.space: {name!r} is none of {', '.join(self.root)}")
        blocks = self.root[name] or {}
        keys = (model,) if is_formula(model) else (model, ANY_NETWORK)
        found = next((key for key in keys if key in blocks), None)
        return None if found is None else read_space(found, blocks[found])


@dataclass(frozen=True)
class Search:
    """A search: a model, a space, and what all trials have in common."""

    options: TrainingOptions
    """The model's own block, for the options that the space leaves out."""
    space: Space
    tuning: TuningOptions
    running: RunningOptions
    train: Interactions
    validation: Interactions
    facts: dict[str, Any]
    """Facts about the data, logged in the run of each trial."""

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.options.name

    @cached_property
    def parts(self) -> dict[str, Interactions]:
        """The parts that trials are fitted and validated on, by name, with a sample of users."""
        sample = sample_of(self.validation, self.running.validation_users)
        return {"train": self.train, "validation": sample}

    @property
    def catalogue(self) -> Catalogue:
        """The size of what the model knows of the data."""
        return Catalogue.of(self.facts, model_class(self.model).learns_from)

    @property
    def is_of_formula(self) -> bool:
        """Whether the model is fitted by a formula, so that a trial has no epochs."""
        return self.options.fitting is None

    @property
    def metric(self) -> str:
        """The name of the validation metric that trials are compared by.

        Raises ValueError if a network has none.
        """
        if self.options.fitting is None:
            return str(getattr(self.tuning.formula_metrics, MODELS[self.model].task))
        if self.options.fitting.validation_metric is None:
            raise ValueError(
                f"{self.model}.fitting.validation_metric is null: set a metric to compare trials "
                "by, such as ndcg_at_10"
            )
        return self.options.fitting.validation_metric

    @property
    def metric_option(self) -> str:
        """The option that sets the metric."""
        if self.is_of_formula:
            return f"tuning.formula_metrics.{MODELS[self.model].task}"
        return f"{self.model}.{METRIC_OPTION}"

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value of the metric is better."""
        return measure_of_users(self.metric).metric.higher_is_better

    @property
    def sampler(self) -> str:
        """The sampler of the options, or `grid` for the small space of a formula."""
        combinations = self.space.combinations
        is_small = combinations is not None and combinations <= self.tuning.n_trials
        return "grid" if self.is_of_formula and is_small else self.tuning.sampler

    @property
    def pruner(self) -> dict[str, Any]:
        """What decides which trials of a network are stopped, by option."""
        if self.tuning.pruner == "none":
            return {"pruner": "none"}
        names = ("pruner", "pruner_startup_trials", "pruner_warmup_epochs")
        return {name: getattr(self.tuning, name) for name in names}

    @cached_property
    def block(self) -> dict[str, Any]:
        """The model's own block as JSON values; without `fitting` for a formula."""
        block = self.options.model_dump(mode="json")
        return {group: options for group, options in block.items() if options is not None}

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Return what a validation value also depends on: threads, device, products and commit."""
        from collaborative_autoencoders.learning.products import library_for
        from collaborative_autoencoders.learning.running import choose_device

        device = "cpu" if self.is_of_formula else choose_device(self.running.device).type
        computed = {}
        if device == "cpu" and not self.is_of_formula:
            computed = {"matrix_products": library_for(self.running.matrix_products)}
        on = {"threads": self.running.threads, "device": device}
        return on | computed | git_state(Path.cwd())

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Return what must be equal for trials to be comparable, as JSON values."""
        identity = {
            "format": STUDY_FORMAT,
            "options": self.block,
            "space": self.space._asdict(),
            "sampler": self.sampler,
            "seed": self.tuning.seed,
            "data": fingerprint(**self.parts),
            "scale": [self.catalogue.lowest_rating, self.catalogue.highest_rating],
        }
        if self.is_of_formula:  # of a network it is in the options
            identity["metric"] = self.metric
        else:  # what it has stopped is not run again
            identity["pruner"] = self.pruner
        as_json: dict[str, Any] = json.loads(json.dumps(identity))
        return as_json

    @property
    def study_name(self) -> str:
        """The configured name, or one derived from the identity."""
        digest = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()
        return self.tuning.study or f"{self.model}-{digest[:8]}"

    @property
    def start(self) -> Point | None:
        """The point of the model's own options; None if the space does not contain them."""
        return self.space.point_of(self.block)
