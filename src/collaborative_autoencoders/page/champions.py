"""The champions of the registry: what each offers, and its answers. Each is loaded when asked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pandas as pd

from collaborative_autoencoders.columns import (
    HISTORY,
    ITEM,
    RANK,
    REASONS,
    SCORE,
    SIMILAR_ITEM,
    SIMILAR_TITLE,
    SIMILARITY,
    SOURCE,
    TITLE,
    UNKNOWN_ITEMS,
    USER,
    WEIGHT,
)
from collaborative_autoencoders.evaluation.averages import HELD_OUT, SAMPLED
from collaborative_autoencoders.evaluation.versions import CHAMPION
from collaborative_autoencoders.metrics.table import METRICS
from collaborative_autoencoders.models.registry import MODELS
from collaborative_autoencoders.serving.description import figure_rows
from collaborative_autoencoders.serving.model_versions import (
    cannot_load,
    client,
    how_to_register,
    load_pyfunc,
    no_champion,
    warn_of_other_code,
    with_champion,
    without_champion,
)
from collaborative_autoencoders.serving.requests import SIMILAR_ITEMS

from .catalogue import Catalogue, id_of

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

NO_CHAMPION = (
    "No model has a champion yet: run `kedro run`, which fits the models and registers the best."
)
ON_THE_PAGE = (RANK, ITEM, TITLE, SCORE, SOURCE, UNKNOWN_ITEMS)


TASK = "task"
"""The param of a request that says what is asked."""


def no_champions() -> str:
    """Return the message for a registry without a champion, with the command that makes one."""
    names = without_champion()
    return f"{no_champion(names[0])}, then reload the page" if names else NO_CHAMPION


class NotThere(LookupError):
    """Error for a name that is no champion, or for a champion that cannot be shown."""


@dataclass(frozen=True)
class Champion:
    """A champion, as the registry describes it; nothing is loaded."""

    name: str
    version: int
    run_id: str | None
    params: frozenset[str] = frozenset()
    """The params that its signature has. One registered by older code lacks the newer ones."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Facts about the data it was fitted on; empty if it cannot be read."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    problem: str | None = None
    """Why the page cannot show it, in a sentence."""

    @property
    def figure(self) -> tuple[str, str] | None:
        """Heading and value of the first metric of lists, at the length that tables show."""
        first = next(iter(METRICS.values())).heading
        rows = figure_rows(self.metrics)
        return next((row[:2] for row in rows if row[0].startswith(first)), None)

    @property
    def sample(self) -> str:
        """The sample of users that its figures are of; empty if they are of all users."""
        if SAMPLED not in self.metrics:
            return ""
        sampled, held_out = (self.metrics[name] for name in (SAMPLED, HELD_OUT))
        return f"a sample of {sampled:,.0f} of {held_out:,.0f} users"


class Loaded(NamedTuple):
    """A champion in memory."""

    model: "PyFuncModel"
    catalogue: Catalogue


class Champions:
    """The champions of the tracking store that is set in MLflow. A loaded one is kept."""

    def __init__(self, first: str | None = None) -> None:
        """Create the list; `first` is the model that comes first and whose data are shown."""
        self.first = first
        self._loaded: dict[tuple[str, int], Loaded] = {}
        self._loading = Lock()

    def all(self) -> list[Champion]:
        """Return the champions: `first`, then the best by the first metric of lists.

        Those that were evaluated on all users come before those of a sample, and a large sample
        before a small one: figures of other users do not say which model is better.
        The catalogue of the page is that of the first one that can be read. Those that were fitted
        on other data have a `problem`, because the same id is another item there, and are last.
        """
        found = sorted(map(_described, with_champion()), key=self._place)
        shown = next((each for each in found if not each.problem), None)
        if shown is not None:
            found = [_on_same_data(each, shown) for each in found]
        return sorted(found, key=lambda each: each.problem is not None)

    def named(self, name: str) -> Champion:
        """Return the champion of this name. Raises NotThere, with the reason."""
        for each in self.all():
            if each.name == name:
                if each.problem:
                    raise NotThere(each.problem)
                return each
        raise NotThere(f"{name} has no champion in the registry: reload the page")

    def shown_first(self) -> Champion:
        """Return the champion whose catalogue the page searches. Raises NotThere without one."""
        found = self.all()
        if not found:
            raise NotThere(no_champions())
        return next((each for each in found if not each.problem), found[0])

    def catalogue(self, champion: Champion) -> Catalogue:
        """Return what a champion knows of items and users. Raises NotThere if it cannot load."""
        return self._load(champion).catalogue

    def answer(
        self, champion: Champion, user: str | None, picks: list[str], params: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Return the champion's list for a user, known or not, who also likes these items.

        It is that of its pyfunc, as a server answers: ids are texts, and params that the version
        does not have are left out. Raises MlflowException if the model refuses the request.
        """
        model, catalogue = self._load(champion)
        known = catalogue.recommender
        row = {
            USER: None if user is None else id_of(user, known.user_ids.kind),
            HISTORY: [id_of(each, known.item_ids.kind) for each in picks],
        }
        offered = {name: value for name, value in params.items() if name in champion.params}
        asked = pd.DataFrame([row], dtype=object)
        table = cast(pd.DataFrame, model.predict(asked, params=offered))
        lines = table[[*ON_THE_PAGE, *table.columns.intersection([REASONS])]].to_dict("records")
        return [_as_json(line) for line in lines]

    def similar(self, champion: Champion, item: str, n: int) -> list[dict[str, Any]]:
        """Return the items that a champion finds most similar, as lines of a list.

        Raises NotThere if the version does not offer them, and MlflowException if the model has
        none or does not know the item.
        """
        if TASK not in champion.params:
            raise NotThere(
                f"Version {champion.version} of {champion.name} does not offer similar items: "
                f"register it again. {how_to_register(champion.name)}"
            )
        model, catalogue = self._load(champion)
        asked = [{ITEM: id_of(item, catalogue.recommender.item_ids.kind)}]
        params = {TASK: SIMILAR_ITEMS, "n": n}
        found = cast(pd.DataFrame, model.predict(pd.DataFrame(asked, dtype=object), params=params))
        names = {SIMILAR_ITEM: ITEM, SIMILAR_TITLE: TITLE, SIMILARITY: SCORE}
        lines = found[[RANK, *names]].rename(columns=names).to_dict("records")
        return [_as_json(line) for line in lines]

    def _place(self, champion: Champion) -> tuple[bool, float, float, int]:
        value = float(champion.figure[1]) if champion.figure else -math.inf
        sampled = champion.metrics.get(SAMPLED, math.inf) if champion.figure else -math.inf
        return champion.name != self.first, -sampled, -value, list(MODELS).index(champion.name)

    def _load(self, champion: Champion) -> Loaded:
        key = champion.name, champion.version
        if key in self._loaded:
            return self._loaded[key]
        with self._loading:  # two requests at once load it once
            if key not in self._loaded:
                try:
                    model = load_pyfunc(*key)
                    warn_of_other_code(client().get_model_version(key[0], str(key[1])))
                except ValueError as error:
                    raise NotThere(str(error)) from None
                recommender = model.unwrap_python_model().recommender
                self._loaded[key] = Loaded(model, Catalogue(recommender))
            return self._loaded[key]


def _described(name: str) -> Champion:
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    version = client().get_model_version_by_alias(name, CHAMPION)
    number, run_id = int(version.version), version.run_id
    try:
        model = Model.load(f"models:/{name}/{number}")
    except (MlflowException, OSError) as error:
        return Champion(name, number, run_id, problem=cannot_load(name, number, error))
    schema = model.signature.params if model.signature else None
    params = frozenset(each.name for each in schema.params) if schema else frozenset()
    metadata = model.metadata or {}
    return Champion(
        name, number, run_id, params, metadata.get("data", {}), metadata.get("metrics", {})
    )


def _on_same_data(champion: Champion, shown: Champion) -> Champion:
    theirs, ours = (each.data.get("checksum") for each in (champion, shown))
    if champion.problem or theirs == ours:
        return champion
    names = [each.data.get("data_set") or "other data" for each in (champion, shown)]
    problem = (
        f"{champion.name} was fitted on {names[0]}, and this page shows {names[1]}: "
        f"`kedro try {champion.name}` shows its data"
    )
    return Champion(champion.name, champion.version, champion.run_id, problem=problem)


def _as_json(line: dict[Any, Any]) -> dict[str, Any]:
    reasons = [
        {ITEM: str(each[ITEM]), TITLE: each[TITLE], WEIGHT: each[WEIGHT]}
        for each in line.get(REASONS, ())
    ]
    return line | {ITEM: str(line[ITEM]), SCORE: float(line[SCORE]), REASONS: reasons}
