"""What weeks left behind, in the database: rows to values and back, inside somebody else's transaction."""

from dataclasses import asdict
from datetime import date

from sqlalchemy import Connection, func, select

from learnfinance_dagster.ledger_rules import Outcome
from learnfinance_dagster.values import EquityMark, Fill, Position, Side
from resources.ledger import tables


def replace(connection: Connection, account: str, run_id: str, outcome: Outcome) -> None:
    """Write a week's outcome in place of what was written of it before."""
    key = {"account": account, "run_id": run_id}
    for table in (tables.fills, tables.positions, tables.equity_marks):  # the mark last: the others refer to it
        connection.execute(table.delete().where(table.c.account == account, table.c.run_id == run_id))
    connection.execute(tables.equity_marks.insert(), key | asdict(outcome.mark))
    for table, values in ((tables.positions, outcome.positions), (tables.fills, outcome.fills)):
        rows = [key | {"place": place} | asdict(value) for place, value in enumerate(values)]
        if rows:
            connection.execute(table.insert(), rows)


def fills(connection: Connection, account: str, run_id: str) -> tuple[Fill, ...]:
    """A week's executions, in the order in which they were recorded."""
    of = tables.fills.c
    columns = select(of.client_order_id, of.symbol, of.side, of.qty, of.price, of.cost, of.session)
    rows = connection.execute(columns.where(of.account == account, of.run_id == run_id).order_by(of.place))
    return tuple(Fill(name, symbol, Side(side), *numbers) for name, symbol, side, *numbers in rows)


def positions(connection: Connection, account: str, run_id: str) -> tuple[Position, ...]:
    """A week's positions, in the order in which they were recorded."""
    of = tables.positions.c
    columns = select(of.symbol, of.qty, of.price, of.price_date)
    rows = connection.execute(columns.where(of.account == account, of.run_id == run_id).order_by(of.place))
    return tuple(Position(*row) for row in rows)


def held_before(connection: Connection, monday: date) -> frozenset[str]:
    """Symbols with a positive quantity in any account's newest week before `monday`."""
    mark, held = tables.equity_marks.c, tables.positions.c
    newest = (
        select(mark.account, func.max(mark.monday).label("monday"))
        .where(mark.monday < monday)
        .group_by(mark.account)
        .subquery()
    )
    rows = connection.execute(
        select(held.symbol, held.qty)
        .join(tables.equity_marks, (mark.account == held.account) & (mark.run_id == held.run_id))
        .join(newest, (newest.c.account == mark.account) & (newest.c.monday == mark.monday))
    )
    return frozenset(symbol for symbol, qty in rows if qty > 0)


def marks(connection: Connection, account: str, until: date) -> tuple[EquityMark, ...]:
    """An account's marks to the week of `until`, oldest first."""
    of = tables.equity_marks.c
    columns = select(of.account, of.monday, of.session, of.nav, of.cash)
    rows = connection.execute(columns.where(of.account == account, of.monday <= until).order_by(of.monday))
    return tuple(EquityMark(*row) for row in rows)
