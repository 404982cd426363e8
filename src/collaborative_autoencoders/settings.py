"""Project settings, read by Kedro."""

import atexit
import gc
import os

# Threads of a matrix product that wait should sleep: spinning, on cores that others use too, a fit
# takes many times as long. Read when torch is imported, which is later.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Bars of small files copied on one disk, one for every model, tear the progress of a run apart.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

# Importing torch and MLflow makes a million objects that stay: to look through them again and
# again, and a last time at the end, took a third of a small run. So before the imports below.
gc.set_threshold(50_000)
atexit.register(gc.freeze)

from .config_loader import ProjectConfigLoader
from .hooks import (
    ConfigurationHook,
    ErrorsHook,
    LeaderboardHook,
    ModelRunsHook,
    OwnDataHook,
    ProgressHook,
    TuningHook,
    UnseenUsersHook,
)

# Kedro calls hooks in the reverse of this order: the configuration is complete before MLflow's.
HOOKS = (
    TuningHook(),
    UnseenUsersHook(),
    LeaderboardHook(),
    ProgressHook(),
    ModelRunsHook(),
    OwnDataHook(),
    ConfigurationHook(),
    ErrorsHook(),
)

# ModelRunsHook is kedro-mlflow's own hook and more; the plugin's copy would open each run twice.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)

CONFIG_LOADER_CLASS = ProjectConfigLoader

# An environment says only what differs from base, key by key.
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"]},
    "merge_strategy": {"parameters": "soft", "mlflow": "soft"},
}
