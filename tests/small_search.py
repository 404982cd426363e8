"""Searches of a small model on the checkerboard, for the tests of tuning."""

from typing import Any

from checkerboard import checkerboard
from model_options import RUNNING, parameters_of

from collaborative_autoencoders.learning.options import TrainingOptions
from collaborative_autoencoders.tuning.options import Search, TuningOptions
from collaborative_autoencoders.tuning.space import read_space

WORLD = checkerboard()
RANGE = {"model": {"hidden_size": [4, 8], "corruption": {"low": 0.1, "high": 0.9}}}
GRID = {"model": {"hidden_size": [2, 4, 8], "corruption": [0.1, 0.5]}}
POINTS_OF_GRID = {(hidden, corruption) for hidden in (2, 4, 8) for corruption in (0.1, 0.5)}
EPOCHS = {"epochs": 4}
BLOCKS = parameters_of("test")
TUNING = {
    "space": "small",
    "sampler": "random",
    "formula_metrics": {"ranking": "ndcg_at_5", "rating": "rmse"},
    "pruner": "none",
    "pruner_startup_trials": 0,
    "pruner_warmup_epochs": 0,
    "n_trials": 4,
    "time_budget_seconds": None,
    "seed": 0,
    "study": None,
    "workers": 1,
}


def tuning_options(**changes: Any) -> TuningOptions:
    """The options of a short random search with changes."""
    return TuningOptions.model_validate(TUNING | {"storage": "sqlite:///optuna.db"} | changes)


def small_search(
    storage: str, block: dict[str, Any] = RANGE, model: str = "cdae", **tuning: Any
) -> Search:
    """A search of this space with four trials; those of a network have four epochs."""
    own = dict(BLOCKS[model])
    if "fitting" in own:
        own["fitting"] |= EPOCHS
    return Search(
        options=TrainingOptions.of(model).model_validate(own),
        space=read_space(model, block),
        tuning=tuning_options(storage=storage, **tuning),
        running=RUNNING,
        train=WORLD.train,
        validation=WORLD.validation,
        facts=WORLD.catalogue._asdict(),
    )
