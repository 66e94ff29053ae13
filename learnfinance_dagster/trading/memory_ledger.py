"""A ledger that lives as long as its process: for replays of many years, and for tests."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from threading import Lock

from learnfinance_dagster.ledger_rules import (
    Outcome,
    check_intent,
    check_next,
    check_outcome,
    check_same,
    check_step,
    check_unused,
    claim_refused,
    monday_of_run,
    run_of,
    unknown_order,
)
from learnfinance_dagster.ports import Attempt
from learnfinance_dagster.values import (
    EquityMark,
    Fill,
    OrderPlan,
    OrderRecord,
    OrderStatus,
    Portfolio,
    Position,
    Week,
)


@dataclass(slots=True)
class _Attempt:
    """A recorded attempt whose orders still move."""

    portfolio: Portfolio
    plan: OrderPlan
    orders: list[OrderRecord]

    def shown(self) -> Attempt:
        return Attempt(self.plan.attempt, self.portfolio, self.plan, tuple(self.orders))


def _monday(mark: EquityMark) -> date:
    return mark.monday


class _Account:
    """What is remembered of one account."""

    def __init__(self) -> None:
        self.attempts: dict[str, list[_Attempt]] = {}
        """By run id, in order."""
        self.orders: dict[str, tuple[list[OrderRecord], int]] = {}
        """client_order_id → its attempt's orders, and its place among them."""
        self.outcomes: dict[str, Outcome] = {}
        """By run id."""
        self.marks: list[EquityMark] = []
        """Of every outcome, oldest first: a replay asks for them every week."""

    def latest(self, run_id: str) -> Attempt | None:
        attempts = self.attempts.get(run_id)
        return attempts[-1].shown() if attempts else None

    def order_ids(self, run_id: str) -> set[str]:
        return {order.client_order_id for a in self.attempts.get(run_id, ()) for order in a.plan.orders}


class MemoryLedger:
    """`ports.Ledger` without a database. Claims exclude the other threads of this process."""

    def __init__(self) -> None:
        """Start empty."""
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)
        self._claimed: set[tuple[str, str]] = set()
        self._guard = Lock()

    @contextmanager
    def claim(self, account: str, run_id: str) -> Generator[None]:
        """Exclusive right to trade that account and week.

        Raises:
            RefusedError: it is claimed already.
        """
        key = account, run_id
        with self._guard:
            if key in self._claimed:
                raise claim_refused(account, run_id)
            self._claimed.add(key)
        try:
            yield
        finally:
            with self._guard:
                self._claimed.discard(key)

    def latest_traded(self, account: str) -> date | None:
        """The newest Monday with a recorded attempt."""
        newest = max(self._accounts[account].attempts, default=None)  # ids end in ISO dates: they sort as their dates
        return monday_of_run(newest) if newest else None

    def latest_attempt(self, account: str, run_id: str) -> Attempt | None:
        """The newest attempt of that week, with its orders' status."""
        return self._accounts[account].latest(run_id)

    def plans(self) -> tuple[OrderPlan, ...]:
        """The plan of every recorded attempt, by week, account and attempt."""
        books = list(self._accounts.values())
        found = [attempt.plan for book in books for attempts in book.attempts.values() for attempt in attempts]
        return tuple(sorted(found, key=lambda plan: (plan.run_id, plan.account, plan.attempt)))

    def record_intent(self, portfolio: Portfolio, plan: OrderPlan) -> None:
        """Remember the attempt and all its orders, as intended.

        Raises:
            DataError: the plan is not live, contradicts itself or its portfolio, or uses an order id again.
            RefusedError: the attempt is recorded with other content, or its turn has not come.
        """
        check_intent(portfolio, plan)
        book = self._accounts[plan.account]
        known = next((a for a in book.attempts.get(plan.run_id, ()) if a.plan.attempt == plan.attempt), None)
        if known:
            check_same(plan, same=(known.portfolio, known.plan) == (portfolio, plan))
            return
        check_next(plan, book.latest(plan.run_id))
        check_unused(plan, book.orders)
        orders = [OrderRecord(order, OrderStatus.INTENDED) for order in plan.orders]
        book.attempts.setdefault(plan.run_id, []).append(_Attempt(portfolio, plan, orders))
        book.orders.update((order.client_order_id, (orders, place)) for place, order in enumerate(plan.orders))

    def record_order(self, account: str, record: OrderRecord) -> None:
        """Update one order's status, reason and broker id; the order itself stays as it was intended.

        Raises:
            DataError: the order is unknown, or would go back in its life.
        """
        book = self._accounts[account]
        if record.order.client_order_id not in book.orders:
            raise unknown_order(account, record.order.client_order_id)
        orders, place = book.orders[record.order.client_order_id]
        check_step(account, orders[place].status, record)
        orders[place] = OrderRecord(orders[place].order, record.status, record.reason, record.broker_order_id)

    def record_outcome(
        self, account: str, week: Week, fills: Iterable[Fill], positions: Iterable[Position], mark: EquityMark
    ) -> None:
        """Remember a week's fills, positions and equity mark in place of what was known of them.

        Raises:
            DataError: they contradict each other or the recorded orders.
        """
        book = self._accounts[account]
        outcome = Outcome(tuple(fills), tuple(positions), mark)
        check_outcome(account, week, outcome, book.order_ids(week.run_id))
        at = bisect_left(book.marks, week.monday, key=_monday)
        book.marks[at : at + (week.run_id in book.outcomes)] = [mark]
        book.outcomes[week.run_id] = outcome

    def fills(self, account: str, run_id: str) -> tuple[Fill, ...]:
        """Recorded executions of that week."""
        outcome = self._accounts[account].outcomes.get(run_id)
        return outcome.fills if outcome else ()

    def positions(self, account: str, run_id: str) -> tuple[Position, ...]:
        """Positions recorded with that week's equity mark."""
        outcome = self._accounts[account].outcomes.get(run_id)
        return outcome.positions if outcome else ()

    def held_before(self, monday: date) -> frozenset[str]:
        """Symbols that any account held after its newest recorded week before `monday`."""
        held: set[str] = set()
        for book in list(self._accounts.values()):
            earlier = bisect_left(book.marks, monday, key=_monday)
            if earlier:
                newest = book.outcomes[run_of(book.marks[earlier - 1].monday)]
                held.update(position.symbol for position in newest.positions if position.qty > 0)
        return frozenset(held)

    def marks(self, account: str, until: date) -> tuple[EquityMark, ...]:
        """Equity marks up to and including the week of `until`, oldest first."""
        marks = self._accounts[account].marks
        return tuple(marks[: bisect_right(marks, until, key=_monday)])
