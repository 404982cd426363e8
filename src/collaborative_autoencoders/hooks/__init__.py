"""Kedro hooks: check the configuration, track the run in MLflow, print tables at the end."""

from .configuration import ConfigurationHook
from .errors import ErrorsHook
from .leaderboard import LeaderboardHook
from .own_data import OwnDataHook
from .progress import ProgressHook
from .tracking import ModelRunsHook
from .tuning import TuningHook
from .unseen_users import UnseenUsersHook

__all__ = [
    "ConfigurationHook",
    "ErrorsHook",
    "LeaderboardHook",
    "ModelRunsHook",
    "OwnDataHook",
    "ProgressHook",
    "TuningHook",
    "UnseenUsersHook",
]
