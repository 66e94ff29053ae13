"""A forward record in memory, and the plans that tests put into one."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from threading import Lock

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.evaluation.forward_record import next_entry
from learnfinance_dagster.ledger_rules import is_next
from learnfinance_dagster.ports import ForwardEntry
from learnfinance_dagster.values import Mode, NotSent, Order, OrderPlan, Side

MONDAY = date(2025, 11, 3)


class MemoryForwardRecords:
    """A `ports.ForwardRecords`. It passes the contract tests, and forgets everything at the end."""

    def __init__(self, entries: tuple[ForwardEntry, ...] = ()) -> None:
        self._entries = list(entries)
        self._guard = Lock()

    def append(self, entry: ForwardEntry) -> None:
        with self._guard:
            known = next((e for e in self._entries if (e.week, e.sequence) == (entry.week, entry.sequence)), None)
            if is_next(entry, known, self._entries[-1] if self._entries else None):
                self._entries.append(entry)

    def entries(self) -> tuple[ForwardEntry, ...]:
        return tuple(self._entries)


def a_week(number: int = 0):
    """The Monday that many weeks after the first."""
    return week_of(MONDAY + timedelta(weeks=number))


def a_plan(account: str = "hrp", number: int = 0, attempt: int = 1, *, mode: Mode = Mode.LIVE, qty: str = "7.10"):
    """One buy, and a sale that was left."""
    run_id = a_week(number).run_id
    order = Order(
        client_order_id=f"{run_id}:attempt-{attempt}:AAPL:BUY",
        symbol="AAPL",
        side=Side.BUY,
        qty=Decimal(qty),
        limit_price=Decimal("123.40"),
        last_price=Decimal(121),
        current_weight=0.0,
        target_weight=1 / 3,
    )
    left = NotSent("NVDA", Side.SELL, Decimal("3.1"), "größer als nötig: €")
    return OrderPlan(account, run_id, attempt, mode, "", Decimal("1E+5"), Decimal(100_000), (order,), (left,))


def made_at(number: int = 0) -> datetime:
    """A minute after the decision."""
    return a_week(number).as_of + timedelta(minutes=1)


def a_chain(weeks: int, accounts: tuple[str, ...] = ("hrp", "ppo_lstm")) -> tuple[ForwardEntry, ...]:
    """That many weeks, one entry each, all made in time."""
    found: list[ForwardEntry] = []
    for number in range(weeks):
        plans = {account: a_plan(account, number) for account in accounts}
        newest = found[-1] if found else None
        found.append(next_entry(a_week(number), plans, made_at(number), 1, newest))
    return tuple(found)
