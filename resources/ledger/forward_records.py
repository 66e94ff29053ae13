"""The forward record in the ledger's database. Rows are added; no statement here changes or deletes one."""

from dataclasses import asdict

from sqlalchemy import Connection, Select, select

from learnfinance_dagster.errors import RefusedError, TransientError
from learnfinance_dagster.ledger_rules import is_next
from learnfinance_dagster.ports import ForwardEntry
from resources.ledger.database import engine_at
from resources.ledger.schema import upgrade
from resources.ledger.tables import forward_records as table
from resources.ledger.transactions import reading, writing


class SqlForwardRecords:
    """`ports.ForwardRecords` on SQLite or Postgres; opening it creates or migrates the tables."""

    def __init__(self, url: str) -> None:
        """Open the database at a SQLAlchemy URL.

        Raises:
            ConfigurationError: the URL is of no use, or newer code has written there.
            TransientError: the database does not answer now.
        """
        self.engine = engine_at(url)
        upgrade(self.engine)

    def append(self, entry: ForwardEntry) -> None:
        """Add the next entry. The same entry again changes nothing, also when two processes append it at once.

        Raises:
            RefusedError: that week and sequence is recorded with other content, or the entry is not the next one.
        """
        try:
            with writing(self.engine, "append to the forward record") as connection:
                if _is_next(connection, entry):
                    connection.execute(table.insert(), asdict(entry))
        except (RefusedError, TransientError):
            # On a server two may look before either writes; then what the faster one wrote is there now.
            with reading(self.engine, "forward record") as connection:
                if _is_next(connection, entry):
                    raise

    def entries(self) -> tuple[ForwardEntry, ...]:
        """The whole chain, by number, exactly as it is stored."""
        with reading(self.engine, "forward record") as connection:
            _read_anything(connection)
            rows = connection.execute(select(table).order_by(table.c.number))
            return tuple(ForwardEntry(**row) for row in rows.mappings())


def _read_anything(connection: Connection) -> None:
    """SQLite lets anybody write bytes that are no text: such a row must be found and named, not stop the reader."""
    raw = connection.connection.driver_connection
    if connection.dialect.name == "sqlite" and raw is not None:
        raw.text_factory = lambda content: content.decode(errors="replace")


def _is_next(connection: Connection, entry: ForwardEntry) -> bool:
    own = select(table).where(table.c.week == entry.week, table.c.sequence == entry.sequence)
    newest = select(table).order_by(table.c.number.desc()).limit(1)
    return is_next(entry, _first(connection, own), _first(connection, newest))


def _first(connection: Connection, wanted: Select) -> ForwardEntry | None:
    row = connection.execute(wanted).mappings().first()
    return ForwardEntry(**row) if row else None
