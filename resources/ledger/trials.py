"""The trial register in the ledger's database. Rows are added; no statement here changes or deletes one."""

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Row, select

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import RefusedError, TransientError
from learnfinance_dagster.ports import Trial, TrialKind
from resources.ledger.database import engine_at
from resources.ledger.schema import upgrade
from resources.ledger.tables import trials as table
from resources.ledger.transactions import reading, writing


class SqlTrialRegister:
    """`ports.TrialRegister` on SQLite or Postgres; opening it creates or migrates the tables."""

    def __init__(self, url: str) -> None:
        """Open the database at a SQLAlchemy URL.

        Raises:
            ConfigurationError: the URL is of no use, or newer code has written there.
            TransientError: the database does not answer now.
        """
        self.engine = engine_at(url)
        upgrade(self.engine)

    def record(self, trial: Trial) -> None:
        """Add a trial. The same trial again changes nothing, also when two processes record it at once.

        Raises:
            RefusedError: a trial of that model and version is recorded with other content.
            DataError: a result is not finite.
        """
        row = _row(trial)
        try:
            with writing(self.engine, "record trial") as connection:
                known = _find(connection, trial.model, trial.version)
                if known is None:
                    connection.execute(table.insert(), row)
                    return
        except (RefusedError, TransientError):
            # On a server two may look before either writes; then what the faster one wrote is there now.
            known = self.find(trial.model, trial.version)
            if known is None:
                raise
        _check_same(known, trial)

    def find(self, model: str, version: str) -> Trial | None:
        """The trial that made a version."""
        with reading(self.engine, "trial") as connection:
            return _find(connection, model, version)

    def trials(self, model: str | None = None) -> tuple[Trial, ...]:
        """Every trial, of one model or of all, in the order in which they were recorded."""
        wanted = select(table) if model is None else select(table).where(table.c.model == model)
        with reading(self.engine, "trials") as connection:
            return tuple(_trial(row) for row in connection.execute(wanted.order_by(table.c.id)))


def _find(connection: Connection, model: str, version: str) -> Trial | None:
    wanted = select(table).where(table.c.model == model, table.c.version == version)
    row = connection.execute(wanted).first()
    return _trial(row) if row else None


def _row(trial: Trial) -> dict[str, Any]:
    documents = {"kind": trial.kind.value, "seeds": to_json(trial.seeds), "result": to_json(trial.result)}
    return asdict(trial) | documents


def _trial(row: Row[Any]) -> Trial:
    columns = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    del columns["id"]
    seeds, result = from_json(tuple[int, ...], row.seeds), from_json(dict[str, float], row.result)
    return Trial(**columns | {"kind": TrialKind(row.kind), "seeds": seeds, "result": result})


def _check_same(known: Trial, trial: Trial) -> None:
    differing = [each.name for each in fields(Trial) if getattr(known, each.name) != getattr(trial, each.name)]
    if differing:
        msg = f"the trial {trial.model} {trial.version} is recorded already, with other content: {', '.join(differing)}"
        raise RefusedError(msg)
