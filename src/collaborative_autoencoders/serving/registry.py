"""The versions of a model in MLflow's registry: which one is champion, which one challenges it.

`challenger` is the version that was registered last, `champion` the one that is served. A version
says in its tags what was decided of it and why.
"""

from collections.abc import Sequence

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from .recommender import Recommender

CHAMPION, CHALLENGER = "champion", "challenger"
DECISION, REASON = "promotion", "promotion_reason"
PROMOTED, REFUSED, ROLLED_BACK = "promoted", "refused", "rolled back"
FIRST = "no champion yet: the first version takes it"


def version_of(name: str, alias: str) -> ModelVersion | None:
    """The version that has the alias; None where no version has it."""
    try:
        return MlflowClient().get_model_version_by_alias(name, alias)
    except MlflowException:
        return None


def versions(name: str) -> list[int]:
    """The numbers of all versions, ascending; none of a name that is not registered."""
    found: Sequence[ModelVersion] = MlflowClient().search_model_versions(f"name='{name}'")
    return sorted(int(version.version) for version in found)


def enter(name: str, version: int) -> str:
    """The version challenges the champion; without a champion it is the champion. Which it is."""
    MlflowClient().set_registered_model_alias(name, CHALLENGER, str(version))
    if version_of(name, CHAMPION) is not None:
        return CHALLENGER
    crown(name, version, FIRST)
    return CHAMPION


def crown(name: str, version: int, reason: str) -> None:
    """The version becomes the champion, and says why."""
    MlflowClient().set_registered_model_alias(name, CHAMPION, str(version))
    note(name, version, PROMOTED, reason)


def note(name: str, version: int, decision: str, reason: str) -> None:
    """Write on the version what was decided of it and why; MLflow takes 5,000 characters."""
    client = MlflowClient()
    client.set_model_version_tag(name, str(version), DECISION, decision)
    client.set_model_version_tag(name, str(version), REASON, reason[:5000])


def load(name: str, version: int) -> Recommender:
    """The recommender of a version, as it answers when it is served.

    Raises ValueError where other code wrote it, in a form that this code does not read.
    """
    import mlflow

    loaded = mlflow.pyfunc.load_model(f"models:/{name}/{version}")
    recommender: Recommender = loaded.unwrap_python_model().recommender
    return recommender


def load_champion(name: str) -> tuple[int, Recommender]:
    """Today's champion and its version. Raises ValueError where there is none."""
    champion = version_of(name, CHAMPION)
    if champion is None:
        raise ValueError(
            f"{name} has no champion in the registry: `kedro run` registers every model, and the "
            "first version takes the alias (registration.enabled)"
        )
    return int(champion.version), load(name, int(champion.version))
