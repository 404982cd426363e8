"""A forked process opens its own database connections."""

import os

from sqlalchemy import QueuePool, create_engine, text

from collaborative_autoencoders.tracking import connections


def test_a_forked_process_does_not_use_the_connection_of_its_parent(tmp_path):
    assert connections.OWNER
    engine = create_engine(f"sqlite:///{tmp_path.as_posix()}/store.db", poolclass=QueuePool)
    with engine.begin() as connection:
        connection.execute(text("create table pids (parent integer)"))
        ours = id(connection.connection.dbapi_connection)
    process = os.fork()
    if process == 0:
        with engine.connect() as connection:
            theirs = id(connection.connection.dbapi_connection)
            connection.execute(text("select * from pids"))
        os._exit(0 if theirs != ours else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    with engine.connect() as connection:
        assert id(connection.connection.dbapi_connection) == ours
