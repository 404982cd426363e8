"""The versions of a model in the MLflow registry, with the aliases champion and challenger.

`challenger` is the version registered last. `champion` is the version that is served: the first
one becomes it when it is registered, any other by a promotion or a rollback. The tags
`promotion` and `promotion_reason` hold the last decision about a version and the reason for it. The
tag `no_significant_gain_over_N` holds the comparison by which version N was not shown to be worse.
"""

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from collaborative_autoencoders.columns import CONTENT
from collaborative_autoencoders.evaluation.versions import CHALLENGER, CHAMPION, Comparison
from collaborative_autoencoders.models.registry import MODELS, run_of

from .own_code import ANSWERING_CODE, answering_code
from .recommender import Recommender
from .stored import OtherFormat

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.pyfunc import PyFuncModel

logger = logging.getLogger(__name__)

STARTED_FROM = "started_from"
"""Tag with the version whose weights a fit has started from."""

DECISION, REASON = "promotion", "promotion_reason"
PROMOTED, REFUSED, ROLLED_BACK = "promoted", "refused", "rolled back"
FIRST = "no champion and no earlier version: this version becomes champion"
MOST_CHARACTERS = 5000
"""The longest description that a registry in PostgreSQL or MySQL accepts; SQLite does not count."""

NOT_IN_THE_REGISTRY = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""MLflow's codes for a model, a version or an alias that the registry does not have."""


def client() -> "MlflowClient":
    """Return a client. MLflow takes seconds to import, and making a pipeline does not need it."""
    from mlflow import MlflowClient

    return MlflowClient()


def with_champion() -> list[str]:
    """Return the models of this project that have a champion."""
    return [name for name, aliases in _registered().items() if CHAMPION in aliases]


def without_champion() -> list[str]:
    """Return the models of this project that have versions and no champion."""
    found = _registered().items()
    return [name for name, aliases in found if CHAMPION not in aliases and versions(name)]


def _registered() -> dict[str, dict[str, str]]:
    """Return the aliases of each registered model of this project."""
    from mlflow import search_registered_models  # all pages; a client returns the first

    found = search_registered_models()
    return {each.name: each.aliases for each in found if each.name in MODELS}


def how_to_register(name: str) -> str:
    """Return the sentence with the command that registers a model of the last run."""
    return (
        f"This registers it, after a finished run: {run_of(name)} --only-missing-outputs "
        f"--params registration.models={name} (with --pipelines, --env and --params of that run)"
    )


def no_champion(name: str) -> str:
    """Return the message for a model without a champion, with the command that makes one.

    It proposes the newest version that was promoted, or else the newest that was not decided on.
    """
    decisions = {
        int(version.version): version.tags.get(DECISION) for version in _all_versions(name)
    }
    if not decisions:
        return (
            f"{name} has no champion in the registry. Its first version becomes champion. "
            f"{how_to_register(name)}"
        )
    worth = {PROMOTED: 2, None: 1}
    best = max(decisions, key=lambda number: (worth.get(decisions[number], 0), number))
    has, which = ("version", "it") if len(decisions) == 1 else ("versions", "one of them")
    return (
        f"{name} has {has} {', '.join(map(str, sorted(decisions)))} and no champion: make {which} "
        f"champion with `{_roll_back(name, best)}` (and the --env of your data)"
    )


def version_of(name: str, alias: str) -> "ModelVersion | None":
    """Return the version that has the alias, or None if no version has it."""
    from mlflow.exceptions import MlflowException

    try:
        return client().get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code not in NOT_IN_THE_REGISTRY:
            raise  # a server that does not answer may well have such a version
        return None


def number_of(name: str, alias: str) -> int | None:
    """Return the number of the version that has the alias, or None if no version has it."""
    found = version_of(name, alias)
    return None if found is None else int(found.version)


def versions(name: str) -> list[int]:
    """Return the numbers of all versions, ascending; an empty list if there is no such model."""
    return sorted(contents(name))


def contents(name: str) -> dict[int, str | None]:
    """Return the tag `content` of every version by its number; None where there is none."""
    return {int(version.version): version.tags.get(CONTENT) for version in _all_versions(name)}


def _all_versions(name: str) -> "Sequence[ModelVersion]":
    """Return all versions of a model, with their tags; none if there is no such model."""
    found: Sequence[ModelVersion] = client().search_model_versions(f"name='{name}'")
    return found


def version_with(name: str, content: str) -> int | None:
    """Return the newest version whose tag `content` has this value, if its files exist."""
    import mlflow
    from mlflow.exceptions import MlflowException

    found = client().search_model_versions(f"name='{name}' and tags.{CONTENT}='{content}'")
    for version in sorted(found, key=lambda each: -int(each.version)):
        with suppress(MlflowException, OSError):
            if mlflow.artifacts.list_artifacts(f"models:/{name}/{version.version}"):
                return int(version.version)
    return None


def describe_version(name: str, version: int, text: str, about: str) -> None:
    """Describe the version, and the model in one line. Descriptions that exist already stay.

    The text is cut where a registry would refuse it, as with very long titles.
    """
    if not client().get_model_version(name, str(version)).description:
        client().update_model_version(name, str(version), text[:MOST_CHARACTERS])
    if not client().get_registered_model(name).description:
        client().update_registered_model(name, about)


def add_challenger(name: str, version: int) -> str:
    """Give the version the alias `challenger`, and `champion` too if it is the first.

    Returns `champion` if the version is champion now, else `challenger`. Warns if the model has no
    champion and this version is not the first: a person has to choose which one is served.
    """
    first = is_first(name, version)
    client().set_registered_model_alias(name, CHALLENGER, str(version))
    champion = number_of(name, CHAMPION)
    if champion is not None:
        return CHAMPION if champion == version else CHALLENGER
    if first:
        make_champion(name, version, FIRST)
        return CHAMPION
    logger.warning("%s", no_champion(name))
    return CHALLENGER


def is_first(name: str, version: int) -> bool:
    """Return whether no version of the model is older, and none has been decided on.

    If the alias of a champion was removed, its version still has the decision; if it was deleted,
    its challenger still has the alias. Version 1 is the first, even if another one, which was
    registered at the same time, is challenger already.
    """
    found = _all_versions(name)
    decided = any(DECISION in each.tags for each in found)
    had_champion = version > 1 and version_of(name, CHALLENGER) is not None
    return not decided and not had_champion and version == min(int(each.version) for each in found)


def make_champion(name: str, version: int, reason: str) -> None:
    """Make the version champion and write the reason into its tags."""
    client().set_registered_model_alias(name, CHAMPION, str(version))
    tag_decision(name, version, PROMOTED, reason)


def tag_decision(name: str, version: int, decision: str, reason: str) -> None:
    """Write a decision and its reason into the version's tags, cut to MLflow's 5,000 characters."""
    mlflow_client = client()
    mlflow_client.set_model_version_tag(name, str(version), DECISION, decision)
    mlflow_client.set_model_version_tag(name, str(version), REASON, reason[:MOST_CHARACTERS])


class NoGain(NamedTuple):
    """A comparison that showed no significant gain, and the reason for the refusal."""

    reason: str
    comparison: Comparison


def remember_no_gain(name: str, version: int, champion: int, found: NoGain) -> None:
    """Write into the version's tags that it has no significant gain over this champion."""
    text = json.dumps({"reason": found.reason[:2000], "comparison": found.comparison._asdict()})
    client().set_model_version_tag(name, str(version), _no_gain_over(champion), text)


def remembered_no_gain(version: "ModelVersion", champion: int) -> NoGain | None:
    """Return the comparison by which the version was refused against this champion, or None."""
    text = version.tags.get(_no_gain_over(champion))
    if text is None:
        return None
    found = json.loads(text)
    return NoGain(found["reason"], Comparison(**found["comparison"]))


def _no_gain_over(champion: int) -> str:
    return f"no_significant_gain_over_{champion}"


def made_by(name: str, version: int) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parameters that the run of a version has logged, and the tags of both.

    Both are empty if it has no run, or if the store does not have it. A tag of the version stands
    for that of the run.
    """
    from mlflow.exceptions import MlflowException

    try:
        registered = client().get_model_version(name, str(version))
        if not registered.run_id:
            return {}, {}
        run = client().get_run(registered.run_id).data
        return dict(run.params), run.tags | registered.tags
    except MlflowException as error:
        if error.error_code not in NOT_IN_THE_REGISTRY:
            raise  # a server that does not answer may well have the run
        return {}, {}


def load(name: str, version: int) -> Recommender:
    """Return the recommender of a version, as it is when it is served.

    Raises ValueError if its files are missing, or have a format that this code does not read, or if
    it is another model.
    """
    recommender: Recommender = load_pyfunc(name, version).unwrap_python_model().recommender
    return recommender


def load_pyfunc(name: str, version: int) -> "PyFuncModel":
    """Return the pyfunc of a version, as it is served. Raises ValueError as `load` does."""
    import mlflow
    from mlflow.exceptions import MlflowException

    with TemporaryDirectory() as folder:
        try:
            # MLflow unquotes the % in a local path once too often, so it reads a copy then
            copy = folder if "%25" in files_of(name, version) else None
            loaded = mlflow.pyfunc.load_model(f"models:/{name}/{version}", dst_path=copy)
        except OtherFormat as error:
            raise ValueError(of_other_format(name, version, error)) from None
        except (MlflowException, OSError) as error:
            raise ValueError(cannot_load(name, version, error)) from None
    fitted = loaded.unwrap_python_model().recommender.fitted
    if fitted.name != name:
        raise ValueError(
            f"version {version} of {name} holds the model {fitted.name}: register "
            f"{name} again with `kedro run`"
        )
    return loaded


def files_of(name: str, version: int) -> str:
    """Return the address of a version's files."""
    return str(client().get_model_version_download_uri(name, str(version)))


def cannot_load(name: str, version: int, error: Exception) -> str:
    """Return the message for a version whose files cannot be read, with the ways on."""
    others = [number for number in versions(name) if number != version]
    register = "" if others else "register a new version (kedro run), and "
    number = others[-1] if others else version + 1
    return (
        f"{name} version {version} cannot be loaded from {files_of(name, version)}: {error}. "
        f"Restore its files, or {register}make another version champion, with the --env of your "
        f"data: {_roll_back(name, number)}"
    )


def of_other_format(name: str, version: int, error: OtherFormat) -> str:
    """Return the message for a version that an older or newer project registered, with the fix."""
    numbers = {int(each.version): each.tags.get(ANSWERING_CODE) for each in _all_versions(name)}
    ours = [number for number, code in numbers.items() if code == answering_code()]
    register = "" if ours else f"{how_to_register(name)}. "
    number = max(ours, default=max(numbers) + 1)
    make = f"This makes version {number} champion, with the --env of your data"
    return f"{name} version {version} {error}. {register}{make}: {_roll_back(name, number)}"


def _roll_back(name: str, number: int) -> str:
    return f"kedro run --pipelines promotion --params promotion.roll_back.{name}={number}"


def load_champion(name: str) -> tuple[int, Recommender]:
    """Return the champion's version and its recommender, which answers by the code of this process.

    Warns if the version was registered by other code. Raises ValueError if there is no champion.
    """
    champion = version_of(name, CHAMPION)
    if champion is None:
        raise ValueError(no_champion(name))
    warn_of_other_code(champion)
    return int(champion.version), load(name, int(champion.version))


def warn_of_other_code(version: "ModelVersion") -> None:
    """Warn if a version has other code than that of this process.

    MLflow adds the code of a version to the path, where a package that is imported stays as it is.
    """
    if version.tags.get(ANSWERING_CODE, answering_code()) != answering_code():
        logger.warning(
            "%s: version %s has other code than this project, which computes its answers now; a "
            "server uses the code of the version. To have both the same, register the model again "
            "and promote it",
            *(version.name, version.version),
        )
