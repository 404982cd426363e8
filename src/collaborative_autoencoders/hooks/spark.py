"""The Spark session of a run whose environment has a spark.yml."""

from importlib.util import find_spec

from kedro.config import MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from collaborative_autoencoders.options import Options

BLOCKS = {"params:evaluation", "params:inference", "params:running", "params:tuning"}
"""The blocks of options that may ask for workers of Spark."""

PACKAGE_IS_NEEDED = (
    "needs Apache Spark: `pip install --constraint requirements.lock --editable '.[spark]'`, and "
    "Java 17 or 21."
)


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
                f"The environment {context.env!r} has a spark.yml and {PACKAGE_IS_NEEDED}"
            )
        from collaborative_autoencoders.cluster.session import start_session

        start_session(properties)
        self._has_session = True

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Raise an error if nodes are to use a session, and there is none.

        It is ModuleNotFoundError without pyspark, RuntimeError otherwise.
        """
        for name in sorted(BLOCKS & pipeline.inputs()):
            wanted = what_needs_spark(catalog.load(name))
            if wanted and find_spec("pyspark") is None:
                key = name.removeprefix("params:")
                raise ModuleNotFoundError(f"{key}.{wanted} {PACKAGE_IS_NEEDED}")
            if wanted:
                from collaborative_autoencoders.cluster.session import session_of_run

                session_of_run()

    @hook_impl
    def before_node_run(self) -> None:
        """Free the tables that nodes before this one have kept on the disks of the workers."""
        if self._has_session:
            from collaborative_autoencoders.cluster.session import free_tables

            free_tables()


def what_needs_spark(options: Options) -> str | None:
    """Return the option of a block that workers of Spark are for; None if it has none."""
    if getattr(options, "engine", "one_machine") == "spark":
        return "engine: spark"
    counts = {key: getattr(options, key, 1) for key in ("ranks", "workers")}
    return next((f"{key}: {count}" for key, count in counts.items() if count > 1), None)
