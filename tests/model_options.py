"""The options of conf/test, as the tests of models and learning use them."""

from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from collaborative_autoencoders.config_loader import ProjectConfigLoader
from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions
from collaborative_autoencoders.tracking.provenance import own_environments

CONF = Path(__file__).parents[1] / "conf"


def environments() -> list[str]:
    """The environments of the repository, without those that a user has added to conf/."""
    own: list[str] = []
    with suppress(OSError, CalledProcessError):  # a folder without git has no others
        own = own_environments(CONF.parent)
    return sorted({folder.name for folder in CONF.glob("*/")} - {"local", *own})


ENVIRONMENTS = environments()
RUNNING = RunningOptions(
    device="cpu",
    threads=1,
    matrix_products="torch",
    validation_users=None,
    ranks=1,
    engine="one_machine",
    checkpoint_seconds=None,
)


def configuration_of(env: str, runtime_params: dict[str, Any] | None = None) -> ProjectConfigLoader:
    """The configuration of an environment, with these `--params`."""
    return ProjectConfigLoader(
        str(CONF),
        env,
        runtime_params,
        base_env="base",
        default_run_env=env,
        merge_strategy={"parameters": "soft"},
    )


def parameters_of(env: str) -> dict[str, Any]:
    """All parameters of an environment."""
    return deepcopy(_parameters_of(env))


@cache
def _parameters_of(env: str) -> dict[str, Any]:
    return configuration_of(env)["parameters"]


def raw_options(name: str) -> dict[str, Any]:
    """The block of a model in conf/test, with the shared `fitting` of networks filled in."""
    return parameters_of("test")[name]


def options_of(name: str, **changes: Any) -> TrainingOptions:
    """The options of a model in conf/test with changes: `model__hidden_size=3`."""
    block = raw_options(name)
    for path, value in changes.items():
        group, key = path.split("__")
        block[group][key] = value
    return TrainingOptions.of(name).model_validate(block)
