"""Keeps a forked process away from the database connections of its parent.

SQLite forbids their use, and a connection to a server would mix the answers of both processes.
ParallelRunner forks after MLflow has opened its database. Importing this module is enough.

Source: SQLAlchemy, "Using Connection Pools with Multiprocessing or os.fork()".
"""

import os
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import Pool

OWNER = "process"


@event.listens_for(Pool, "connect")
def note_owner(_: Any, record: Any) -> None:
    """Note which process has opened a connection."""
    record.info[OWNER] = os.getpid()


@event.listens_for(Pool, "checkout")
def refuse_inherited(_: Any, record: Any, proxy: Any) -> None:
    """Let the pool open a new connection in place of an inherited one."""
    if record.info.get(OWNER, os.getpid()) != os.getpid():
        record.dbapi_connection = proxy.dbapi_connection = None
        raise DisconnectionError("opened by the parent of this process")
