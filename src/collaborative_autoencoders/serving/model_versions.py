"""The versions of a model in the MLflow registry, with the aliases champion and challenger.

`challenger` is the version registered last. `champion` is the version that is served. The tags
`promotion` and `promotion_reason` hold the last decision about a version and the reason for it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from collaborative_autoencoders.evaluation.versions import CHALLENGER, CHAMPION

from .recommender import Recommender

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

DECISION, REASON = "promotion", "promotion_reason"
PROMOTED, REFUSED, ROLLED_BACK = "promoted", "refused", "rolled back"
FIRST = "no champion yet: the first version becomes champion"


def client() -> "MlflowClient":
    """Return a client. MLflow takes seconds to import, and making a pipeline does not need it."""
    from mlflow import MlflowClient

    return MlflowClient()


def version_of(name: str, alias: str) -> "ModelVersion | None":
    """Return the version that has the alias, or None if no version has it."""
    from mlflow.exceptions import MlflowException

    try:
        return client().get_model_version_by_alias(name, alias)
    except MlflowException:
        return None


def versions(name: str) -> list[int]:
    """Return the numbers of all versions, ascending; an empty list if there is no such model."""
    found: Sequence[ModelVersion] = client().search_model_versions(f"name='{name}'")
    return sorted(int(version.version) for version in found)


def add_challenger(name: str, version: int) -> str:
    """Give the version the alias `challenger`, and `champion` if the model has none.

    Returns `champion` if the version became champion, else `challenger`.
    """
    client().set_registered_model_alias(name, CHALLENGER, str(version))
    if version_of(name, CHAMPION) is not None:
        return CHALLENGER
    make_champion(name, version, FIRST)
    return CHAMPION


def make_champion(name: str, version: int, reason: str) -> None:
    """Make the version champion and write the reason into its tags."""
    client().set_registered_model_alias(name, CHAMPION, str(version))
    tag_decision(name, version, PROMOTED, reason)


def tag_decision(name: str, version: int, decision: str, reason: str) -> None:
    """Write a decision and its reason into the version's tags, cut to MLflow's 5,000 characters."""
    mlflow_client = client()
    mlflow_client.set_model_version_tag(name, str(version), DECISION, decision)
    mlflow_client.set_model_version_tag(name, str(version), REASON, reason[:5000])


def load(name: str, version: int) -> Recommender:
    """Return the recommender of a version, as it is when it is served.

    Raises ValueError if it was saved in a format that this code does not read.
    """
    import mlflow

    loaded = mlflow.pyfunc.load_model(f"models:/{name}/{version}")
    recommender: Recommender = loaded.unwrap_python_model().recommender
    return recommender


def load_champion(name: str) -> tuple[int, Recommender]:
    """Return the champion's version and its recommender. Raises ValueError if there is none."""
    champion = version_of(name, CHAMPION)
    if champion is None:
        raise ValueError(
            f"{name} has no champion in the registry: register it with `kedro run` "
            "(registration.enabled: true); its first version becomes champion"
        )
    return int(champion.version), load(name, int(champion.version))
