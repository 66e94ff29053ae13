"""Attempts and their orders in the database: rows to values and back, inside somebody else's transaction."""

from typing import Any

from sqlalchemy import Connection, Row, select

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.ledger_rules import monday_of_run
from learnfinance_dagster.ports import Attempt
from learnfinance_dagster.values import OrderPlan, OrderRecord, OrderStatus, Portfolio
from resources.ledger.tables import attempts, orders


def latest(connection: Connection, account: str, run_id: str) -> Attempt | None:
    """The newest attempt of a week, if there is one."""
    newest = (
        select(attempts)
        .where(attempts.c.account == account, attempts.c.run_id == run_id)
        .order_by(attempts.c.attempt.desc())
        .limit(1)
    )
    row = connection.execute(newest).first()
    return _attempt(connection, row) if row else None


def numbered(connection: Connection, account: str, run_id: str, number: int) -> Attempt | None:
    """One attempt of a week, if it was recorded."""
    wanted = (attempts.c.account == account, attempts.c.run_id == run_id, attempts.c.attempt == number)
    row = connection.execute(select(attempts).where(*wanted)).first()
    return _attempt(connection, row) if row else None


def plans(connection: Connection) -> tuple[OrderPlan, ...]:
    """The plan of every attempt."""
    found = connection.scalars(
        select(attempts.c.plan).order_by(attempts.c.monday, attempts.c.account, attempts.c.attempt)
    )
    return tuple(from_json(OrderPlan, text) for text in found)


def order_ids(connection: Connection, account: str, run_id: str) -> set[str]:
    """Client order ids of every attempt of a week."""
    wanted = (orders.c.account == account, orders.c.run_id == run_id)
    return set(connection.scalars(select(orders.c.client_order_id).where(*wanted)))


def used_ids(connection: Connection, plan: OrderPlan) -> set[str]:
    """Those ids of the plan's orders that the account has in the ledger already."""
    ids = [order.client_order_id for order in plan.orders]
    wanted = (orders.c.account == plan.account, orders.c.client_order_id.in_(ids))
    return set(connection.scalars(select(orders.c.client_order_id).where(*wanted)))


def insert(connection: Connection, portfolio: Portfolio, plan: OrderPlan) -> None:
    """Write an attempt and its orders, all of them intended."""
    key = {"account": plan.account, "run_id": plan.run_id, "attempt": plan.attempt}
    documents = {"monday": monday_of_run(plan.run_id), "portfolio": to_json(portfolio), "plan": to_json(plan)}
    connection.execute(attempts.insert(), key | documents)
    rows = [
        key
        | {
            "place": place,
            "client_order_id": order.client_order_id,
            "symbol": order.symbol,
            "side": order.side.value,
            "qty": order.qty,
            "limit_price": order.limit_price,
            "status": OrderStatus.INTENDED.value,
            "reason": "",
            "broker_order_id": "",
        }
        for place, order in enumerate(plan.orders)
    ]
    if rows:
        connection.execute(orders.insert(), rows)


def _attempt(connection: Connection, row: Row[Any]) -> Attempt:
    wanted = (
        orders.c.account == row.account,
        orders.c.run_id == row.run_id,
        orders.c.attempt == row.attempt,
    )
    states = connection.execute(
        select(orders.c.status, orders.c.reason, orders.c.broker_order_id).where(*wanted).order_by(orders.c.place)
    )
    plan = from_json(OrderPlan, row.plan)
    records = tuple(
        OrderRecord(order, OrderStatus(status), reason, broker_order_id)
        for order, (status, reason, broker_order_id) in zip(plan.orders, states, strict=True)
    )
    return Attempt(row.attempt, from_json(Portfolio, row.portfolio), plan, records)
