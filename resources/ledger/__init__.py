"""Ledger, trial register and forward record in one SQL database: SQLite beside the artifacts, or Postgres by URL."""

from learnfinance_dagster.ports import ForwardRecords, Ledger, TrialRegister


def open_ledger(url: str) -> Ledger:
    """The ledger at a SQLAlchemy URL, created or migrated to this code's schema.

    Args:
        url: `sqlite:////data/ledger.sqlite` or `postgresql+psycopg2://…`.

    Raises:
        ConfigurationError: the URL is of no use, or newer code has written there.
        TransientError: the database does not answer now.
    """
    from resources.ledger.sql import SqlLedger

    return SqlLedger(url)


def open_trials(url: str) -> TrialRegister:
    """The trial register in the ledger at that URL; see `open_ledger`."""
    from resources.ledger.trials import SqlTrialRegister

    return SqlTrialRegister(url)


def open_records(url: str) -> ForwardRecords:
    """The forward record in the ledger at that URL; see `open_ledger`."""
    from resources.ledger.forward_records import SqlForwardRecords

    return SqlForwardRecords(url)
