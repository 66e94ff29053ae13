"""Bringing a database to this code's schema, by Alembic revisions that travel inside the package."""

from threading import Lock

from sqlalchemy import Connection, Engine, inspect, select, table
from sqlalchemy import column as named

from learnfinance_dagster.errors import ConfigurationError
from resources.ledger.claims import claims_of
from resources.ledger.database import WRITES
from resources.ledger.failures import translated

HEAD = "0003"
"""The newest revision in `migrations/versions`."""

_alembic = Lock()  # its environment is a global of the process


def upgrade(engine: Engine) -> None:
    """Create or migrate the tables; safe when several processes open a fresh database at once.

    Raises:
        ConfigurationError: newer code has written there, or the tables are somebody else's.
        TransientError: the database does not answer now.
    """
    with claims_of(engine).opening(), translated("open"):
        if engine.dialect.name == "sqlite":
            _write_ahead(engine)
        with engine.begin() as connection:
            found = revision_of(connection)
        if found != HEAD:
            with engine.execution_options(**{WRITES: True}).begin() as connection:
                _migrate(connection, found)


def revision_of(connection: Connection) -> str | None:
    """The revision that the database is at; None for a fresh one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(named("version_num")).select_from(table("alembic_version")))


def _write_ahead(engine: Engine) -> None:
    """Let readers read while somebody writes; the mode stays with the file and cannot change in a transaction."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()
    finally:
        connection.close()


def _migrate(connection: Connection, found: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "resources.ledger:migrations")
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        msg = f"the ledger's tables are of revision {found}, which this code does not know: update the code"
        raise ConfigurationError(msg)
    config.attributes["connection"] = connection
    with _alembic:
        command.upgrade(config, HEAD)
