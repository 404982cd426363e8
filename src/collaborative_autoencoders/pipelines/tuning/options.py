"""How a search goes, and what it searches."""

from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from annotated_types import Ge, Gt, Lt
from pydantic import RootModel, field_validator, model_validator

from collaborative_autoencoders.options import Options

from .space import Space, read_space


class TuningOptions(Options):
    """How the trials are chosen, how many, and where they are kept."""

    space: str
    """Which of the `search_spaces`."""

    sampler: Literal["grid", "random", "tpe"]
    """grid: every combination; random; tpe: the tree-structured Parzen estimator (Bergstra et al.
    2011), which looks where the trials before were good."""

    pruner: Literal["median", "none"]
    """median: a trial ends when its validation is below the median of the others at that epoch."""

    pruner_startup_trials: Annotated[int, Ge(0)]
    """So many trials are not pruned, whatever they show."""

    pruner_warmup_epochs: Annotated[int, Ge(0)]
    """Nor is any trial before this epoch."""

    n_trials: Annotated[int, Gt(0)]
    """Trials of the study in all: what is missing is done, however often the search is started."""

    time_budget_seconds: Annotated[float, Gt(0)] | None
    """No trial of a network begins later than this after its search began; null: no limit."""

    seed: Annotated[int, Ge(0), Lt(2**32)]
    """Of the order of a grid and of the sampler; with random and grid the same trials come
    whatever the number of processes and of interruptions."""

    storage: str
    """Where the study is kept: `sqlite:///file`, the URL of another database that SQLAlchemy
    knows, or `journal:///file`, which suits network drives."""

    study: str | None
    """Its name; null: made of the model, the options, the space and the data, so that the same
    search goes on and another one begins anew."""

    @field_validator("storage")
    @classmethod
    def _is_a_url_without_a_password(cls, storage: str) -> str:
        if "://" not in storage:
            raise ValueError(
                f"{storage!r} is no URL: sqlite:///file, journal:///file or a database's"
            )
        if not storage.startswith(("sqlite", "journal")) and urlsplit(storage).password:
            raise ValueError(
                "a password in the URL would be logged with every run: leave it to the database's "
                "own file or variable (.pgpass, PGPASSWORD)"
            )
        return storage


class SearchSpaces(RootModel[dict[str, dict[str, Any]]]):
    """Spaces by name; in each, of every model that is searched, a block like the model's own, with
    a list of choices or a range where the value stands."""

    is_logged: ClassVar[bool] = False
    """Not as parameters of a run: the search that a run made says which axes it had."""

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
        """The space of this name for this model; None where it has none.

        Raises ValueError where no space has this name.
        """
        if name not in self.root:
            raise ValueError(f"tuning.space: {name!r} is none of {', '.join(self.root)}")
        block = (self.root[name] or {}).get(model)
        return None if block is None else read_space(model, block)
