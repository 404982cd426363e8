"""The Spark session of a run whose environment has a spark.yml."""

from importlib.util import find_spec

from kedro.config import MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl


class SparkHook:
    """Starts the session before Spark's datasets are used, and frees what a node has kept."""

    def __init__(self) -> None:
        """Create the hook."""
        self._has_session = False

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Start the session if the environment has a spark.yml.

        Raises ModuleNotFoundError without pyspark, and RuntimeError if Java cannot be started.
        """
        try:
            properties = context.config_loader["spark"]
        except MissingConfigException:
            return
        if find_spec("pyspark") is None:
            raise ModuleNotFoundError(
                f"The environment {context.env!r} has a spark.yml and needs Apache Spark: "
                "`pip install --constraint requirements.lock --editable '.[spark]'`, and Java 17 "
                "or 21."
            )
        from collaborative_autoencoders.cluster.session import start_session

        start_session(properties)
        self._has_session = True

    @hook_impl
    def before_node_run(self) -> None:
        """Free the tables that nodes before this one have kept on the disks of the workers."""
        if self._has_session:
            from collaborative_autoencoders.cluster.session import free_tables

            free_tables()
