"""The Spark session of these tests."""

import pytest

from collaborative_autoencoders.cluster.session import start_session


@pytest.fixture(scope="session")
def spark():
    properties = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.codegen.wholeStage": "false",  # tables are small: less to compile
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
    }
    session = start_session(properties)
    yield session
    session.stop()
