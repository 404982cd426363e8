"""The options of conf/test, as the tests of models and learning use them."""

from pathlib import Path
from typing import Any

from collaborative_autoencoders.config_loader import ProjectConfigLoader
from collaborative_autoencoders.learning.options import RunningOptions, TrainingOptions

CONF = Path(__file__).parents[1] / "conf"
RUNNING = RunningOptions(device="cpu", threads=1)


def parameters_of(env: str) -> dict[str, Any]:
    """All parameters of an environment."""
    loader = ProjectConfigLoader(
        str(CONF),
        env=env,
        base_env="base",
        default_run_env=env,
        merge_strategy={"parameters": "soft"},
    )
    return loader["parameters"]


def raw_options(name: str) -> dict[str, Any]:
    """The YAML block of a model in conf/test."""
    return parameters_of("test")[name]


def options_of(name: str, **changes: Any) -> TrainingOptions:
    """The options of a model in conf/test with changes: `model__hidden_size=3`."""
    block = raw_options(name)
    for path, value in changes.items():
        group, key = path.split("__")
        block[group][key] = value
    return TrainingOptions.model_validate(block)
