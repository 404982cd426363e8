"""Project settings, read by Kedro."""

import atexit
import gc
import os
import sys

from .memory import let_threads_share_a_heap
from .threads import let_waiting_threads_sleep

let_waiting_threads_sleep()
let_threads_share_a_heap()

# MLflow's progress bars for copying small files, one per model, break the output of a run.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

# With a tracking server, MLflow prints two lines each time that the run of a model is left.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

# Importing torch and MLflow creates a million permanent objects. Scanning them at every garbage
# collection, and at exit, took a third of a small run. This must precede the imports below.
gc.set_threshold(50_000)
atexit.register(gc.freeze)

from .config_loader import ProjectConfigLoader
from .hooks import (
    CheckpointsHook,
    ConfigurationHook,
    ErrorsHook,
    LeaderboardHook,
    MaskingHook,
    MemoryHook,
    ModelRunsHook,
    OwnDataHook,
    ProgressHook,
    ProjectSession,
    SparkHook,
    StateHook,
    TuningHook,
    UnseenUsersHook,
    WorkersHook,
)
from .reproduce.hook import ReproductionHook
from .terminal import write_any_character

# Tables, log lines and errors have dashes and titles that a terminal in ASCII, Latin-1 or a Windows
# code page lacks. All output of this project goes through these streams.
write_any_character(sys.stdout, sys.stderr)

# Kedro calls hooks in the reverse order: the configuration is checked before MLflow is set up.
HOOKS = (
    CheckpointsHook(),  # deletes checkpoints when StateHook has recorded what replaces them
    StateHook(),
    WorkersHook(),
    TuningHook(),
    UnseenUsersHook(),
    LeaderboardHook(),
    ProgressHook(),
    ModelRunsHook(),
    OwnDataHook(),
    ConfigurationHook(),
    ErrorsHook(),
    ReproductionHook(),
    MaskingHook(),
    MemoryHook(),
    SparkHook(),
)

# ModelRunsHook extends kedro-mlflow's hook. With both enabled, each run would be opened twice.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)

CONFIG_LOADER_CLASS = ProjectConfigLoader

SESSION_CLASS = ProjectSession

# An environment contains only the keys that differ from base.
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {
        "mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"],
        "spark": ["spark*", "spark*/**"],
    },
    "merge_strategy": {"parameters": "soft", "mlflow": "soft"},
}
