"""Every way to fail, at every call of a Monday at Alpaca: afterwards exactly the intended orders exist, each once.

A run meets the fault, once or as long as it lasts. Then Alpaca is well again and the Monday is run once more; the same
again after the open, when the sale is done. Faults of the executions come after the session. Most of the time is
waiting, so the cases run side by side.
"""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import product

from alpaca_book import PaperAccount
from alpaca_paper import CALLS, AlpacaPaper, broker_at
from faults import FAULTS, Fault, check_table
from trading_scene import FREE, days_of, flat, frame, target

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.errors import LearnFinanceError, TransientError
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.trading.desk import Desk
from learnfinance_dagster.trading.memory_ledger import MemoryLedger
from learnfinance_dagster.values import FillReport

WEEK = week_of(date(2025, 3, 10))
SESSION = WEEK.sessions[0]
BARS = frame(flat({"A": 100.0, "B": 50.0, "C": 20.0}, date(2025, 3, 3), date(2025, 3, 14)))
WANTED = target(WEEK, B=0.2, C=0.2)
INTENDED = [f"paper:2025-03-10:attempt-1:{order}" for order in ("A:SELL", "B:BUY", "C:BUY")]
HASTY = {"timeout": (2.0, 0.5), "whole": 1.5, "attempts": 2}
"""Patience of a run that meets a silence. All others have time, so that a busy machine makes no faults of its own."""
AT_LEISURE = {"timeout": (10.0, 30.0), "whole": 60.0, "attempts": 2}
SILENCES = ("no answer", "slow drip")
CALLED = ("reading cash", "reading positions", "reading open orders", "looking up an order", "sending an order")
HEADER = ("what Alpaca does", *CALLED, "reading executions")


@dataclass
class Monday:
    """An account with shares of A that shall become shares of B and C."""

    alpaca: AlpacaPaper
    book: PaperAccount
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def desk(self, patience: dict) -> Desk:
        account = broker_at(self.alpaca, **patience)
        return Desk("hrp", account, self.ledger, FREE, OrderParameters(), Decimal(100_000))

    def trade(self, patience: dict) -> None:
        desk, days = self.desk(patience), days_of(BARS, WEEK.last_session)
        portfolio = desk.portfolio(WEEK, days, "")
        plan = desk.plan(WEEK, portfolio, WANTED, days, "")
        desk.submit(WEEK, portfolio, plan, "", now=self.alpaca.moment())

    def settle(self, patience: dict) -> FillReport:
        desk = self.desk(patience)
        plan = self.ledger.latest_attempt("hrp", WEEK.run_id).plan
        return desk.settle(WEEK, plan, days_of(BARS, SESSION), WEEK.first_close)

    def meets(self, fault: Fault, call: str, times: int | None) -> str:
        """A run that meets the fault, and another one when all is well; what the first of them came to."""
        if call != "fills":
            self.alpaca.fails(call, fault, times=times)
        del self.alpaca.seen[:]
        told = outcome(self.trade, fault)
        sent = Counter(self.orders_that_went_out())
        assert set(sent) | set(self.book.ids()) <= set(INTENDED), "none but the intended"
        assert not sent or max(sent.values()) == 1, f"sent twice in one run: {sent}"
        self.alpaca.heals()
        self.trade(AT_LEISURE)
        return told

    def orders_that_went_out(self) -> list[str]:
        return [json.loads(r.body)["client_order_id"] for r in self.alpaca.seen if r.method == "POST"]


def outcome(act: Callable[[dict], object], fault: Fault) -> str:
    """What whoever started the run is told."""
    try:
        act(HASTY if fault.name.startswith(SILENCES) else AT_LEISURE)
    except TransientError:  # a silence is one, too
        return "TransientError"
    except LearnFinanceError as error:
        return type(error).__name__
    return "done"


def case(fault: Fault, call: str, times: int | None) -> str:
    """One fault at one call; returns what the run that met it first came to."""
    with AlpacaPaper() as alpaca:
        alpaca.now = WEEK.as_of
        monday = Monday(alpaca, alpaca.open_account(cash=80_000, positions={"A": Decimal(200)}))
        told = [monday.meets(fault, call, times)]
        alpaca.now = WEEK.first_open
        monday.book.trade("A", Decimal(100), WEEK.first_open)  # the sale is done: whatever waited for it may follow
        monday.meets(fault, call, times)
        assert sorted(monday.book.ids()) == INTENDED, "all that were intended, each once"

        alpaca.session(SESSION, {"A": 100, "B": 50, "C": 20})
        if call == "fills":
            alpaca.fails(call, fault, times=times)
            told = [outcome(monday.settle, fault)]
            alpaca.heals()
        report = monday.settle(AT_LEISURE)
        assert sorted(fill.client_order_id for fill in report.fills) == INTENDED
        assert {order.client_order_id: order.filled_qty for order in monday.book.orders} == {
            fill.client_order_id: fill.qty for fill in report.fills
        }
        assert report.mark.cash == monday.book.cash
        return told[0]


def test_after_any_fault_at_any_call_exactly_the_intended_orders_exist():
    cases = list(product(FAULTS, CALLS, (1, None)))
    with ThreadPoolExecutor(max_workers=12) as pool:
        told = dict(zip(((f.name, c, t) for f, c, t in cases), pool.map(lambda each: case(*each), cases), strict=True))
    rows = []
    for fault in FAULTS:
        cells = [(told[fault.name, call, 1], told[fault.name, call, None]) for call in CALLS]
        rows.append((fault.name, *(once if once == ever else f"{once}; while it lasts {ever}" for once, ever in cells)))
    check_table("Alpaca broker", HEADER, rows)
