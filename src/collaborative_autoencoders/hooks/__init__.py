"""What happens around a run: its configuration is checked, MLflow follows it, a table ends it."""

from .configuration import ConfigurationHook
from .leaderboard import LeaderboardHook
from .tracking import ModelRunsHook

__all__ = ["ConfigurationHook", "LeaderboardHook", "ModelRunsHook"]
