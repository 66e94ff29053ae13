"""The ledger on SQLAlchemy Core. Every operation is one connection and one transaction."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import date

from sqlalchemy import func, select

from learnfinance_dagster.ledger_rules import (
    Outcome,
    check_intent,
    check_next,
    check_outcome,
    check_same,
    check_step,
    check_unused,
    unknown_order,
)
from learnfinance_dagster.ports import Attempt
from learnfinance_dagster.values import EquityMark, Fill, OrderPlan, OrderRecord, OrderStatus, Portfolio, Position, Week
from resources.ledger import attempts, outcomes
from resources.ledger.claims import claims_of
from resources.ledger.database import engine_at
from resources.ledger.schema import upgrade
from resources.ledger.tables import attempts as attempts_table
from resources.ledger.tables import orders as orders_table
from resources.ledger.transactions import reading, writing


class SqlLedger:
    """`ports.Ledger` on SQLite or Postgres; opening it creates or migrates the tables."""

    def __init__(self, url: str) -> None:
        """Open the database at a SQLAlchemy URL.

        Raises:
            ConfigurationError: the URL is of no use, or newer code has written there.
            TransientError: the database does not answer now.
        """
        self.engine = engine_at(url)
        upgrade(self.engine)
        self._claims = claims_of(self.engine)

    def claim(self, account: str, run_id: str) -> AbstractContextManager[None]:
        """Exclusive right to trade that account and week; released when the holder ends, even by a crash.

        Raises:
            RefusedError: somebody else holds it now.
        """
        return self._claims.claim(account, run_id)

    def latest_traded(self, account: str) -> date | None:
        """The newest Monday with a recorded attempt."""
        newest = select(func.max(attempts_table.c.monday)).where(attempts_table.c.account == account)
        with reading(self.engine, "latest traded week") as connection:
            return connection.scalar(newest)

    def latest_attempt(self, account: str, run_id: str) -> Attempt | None:
        """The newest attempt of that week, with its orders' status in plan order."""
        with reading(self.engine, "latest attempt") as connection:
            return attempts.latest(connection, account, run_id)

    def plans(self) -> tuple[OrderPlan, ...]:
        """The plan of every recorded attempt, by week, account and attempt."""
        with reading(self.engine, "plans") as connection:
            return attempts.plans(connection)

    def record_intent(self, portfolio: Portfolio, plan: OrderPlan) -> None:
        """Write the attempt and all its orders, as intended, in one transaction.

        Raises:
            DataError: the plan is not live, contradicts itself or its portfolio, or uses an order id again.
            RefusedError: the attempt is recorded with other content, or its turn has not come.
        """
        check_intent(portfolio, plan)
        with writing(self.engine, "record intent") as connection:
            known = attempts.numbered(connection, plan.account, plan.run_id, plan.attempt)
            if known:
                check_same(plan, same=(known.portfolio, known.plan) == (portfolio, plan))
                return
            check_next(plan, attempts.latest(connection, plan.account, plan.run_id))
            check_unused(plan, attempts.used_ids(connection, plan))
            attempts.insert(connection, portfolio, plan)

    def record_order(self, account: str, record: OrderRecord) -> None:
        """Update one order's status, reason and broker id; the order itself stays as it was intended.

        Raises:
            DataError: the order is unknown, or would go back in its life.
        """
        name = record.order.client_order_id
        its_row = (orders_table.c.account == account, orders_table.c.client_order_id == name)
        changes = {"status": record.status.value, "reason": record.reason, "broker_order_id": record.broker_order_id}
        with writing(self.engine, "record order") as connection:
            before = connection.scalar(select(orders_table.c.status).where(*its_row))
            if before is None:
                raise unknown_order(account, name)
            check_step(account, OrderStatus(before), record)
            connection.execute(orders_table.update().where(*its_row).values(changes))

    def record_outcome(
        self, account: str, week: Week, fills: Iterable[Fill], positions: Iterable[Position], mark: EquityMark
    ) -> None:
        """Write a week's fills, positions and mark in one transaction, in place of what was written before.

        Raises:
            DataError: they contradict each other or the recorded orders.
        """
        outcome = Outcome(tuple(fills), tuple(positions), mark)
        with writing(self.engine, "record outcome") as connection:
            check_outcome(account, week, outcome, attempts.order_ids(connection, account, week.run_id))
            outcomes.replace(connection, account, week.run_id, outcome)

    def fills(self, account: str, run_id: str) -> tuple[Fill, ...]:
        """Recorded executions of that week."""
        with reading(self.engine, "fills") as connection:
            return outcomes.fills(connection, account, run_id)

    def positions(self, account: str, run_id: str) -> tuple[Position, ...]:
        """Positions recorded with that week's equity mark."""
        with reading(self.engine, "positions") as connection:
            return outcomes.positions(connection, account, run_id)

    def held_before(self, monday: date) -> frozenset[str]:
        """Symbols that any account held after its newest recorded week before `monday`."""
        with reading(self.engine, "holdings") as connection:
            return outcomes.held_before(connection, monday)

    def marks(self, account: str, until: date) -> tuple[EquityMark, ...]:
        """Equity marks up to and including the week of `until`, oldest first."""
        with reading(self.engine, "equity marks") as connection:
            return outcomes.marks(connection, account, until)
