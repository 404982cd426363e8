"""Kedro hooks: check the configuration, track the run in MLflow, print tables at the end."""

from .checkpoints import CheckpointsHook
from .configuration import ConfigurationHook
from .errors import ErrorsHook
from .leaderboard import LeaderboardHook
from .masking import MaskingHook
from .memory import MemoryHook
from .own_data import OwnDataHook
from .progress import ProgressHook
from .session import ProjectSession
from .spark import SparkHook
from .state import StateHook
from .tracking import ModelRunsHook
from .tuning import TuningHook
from .unseen_users import UnseenUsersHook
from .workers import WorkersHook

__all__ = [
    "CheckpointsHook",
    "ConfigurationHook",
    "ErrorsHook",
    "LeaderboardHook",
    "MaskingHook",
    "MemoryHook",
    "ModelRunsHook",
    "OwnDataHook",
    "ProgressHook",
    "ProjectSession",
    "SparkHook",
    "StateHook",
    "TuningHook",
    "UnseenUsersHook",
    "WorkersHook",
]
