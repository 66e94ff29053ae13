"""A Monday of an account at a broker on the wall clock: what each of the jobs does with it, at the time the test says.

The account holds 400 A and 400 B at 100 USD and 20 000 USD; it wants none of A, a quarter of B, and C and D, which the
cash alone does not pay for.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

import pandas as pd
from dying import Fuse, fused
from trading_scene import FREE, bar, days_of, flat, frame, target
from wall_broker import WallBroker

from learnfinance_dagster.calendar import last_closed_session, week_of
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.ports import Attempt, Ledger
from learnfinance_dagster.trading.desk import Desk
from learnfinance_dagster.trading.last_line import LastLine
from learnfinance_dagster.trading.memory_ledger import MemoryLedger
from learnfinance_dagster.values import FillReport, OrderPlan, OrderStatus, Portfolio, Submission

WEEK, NEXT = week_of(date(2025, 3, 10)), week_of(date(2025, 3, 17))
DECISION, OPEN, CLOSE = WEEK.as_of, WEEK.first_open, WEEK.first_close
assert OPEN is not None
assert CLOSE is not None
DEADLINE = OPEN + timedelta(minutes=60)
MINUTE = timedelta(minutes=1)
WANTED = {WEEK: target(WEEK, B=0.1, C=0.3, D=0.3), NEXT: target(NEXT, C=0.3, D=0.2)}
PRICES = dict.fromkeys("ABCD", 100.0)
BARS = frame(flat(PRICES, date(2025, 2, 3), date(2025, 3, 28)))
SELLS, BUYS = ["A", "B"], ["C", "D"]


def fresh_broker(**given) -> WallBroker:
    shares = {"A": Decimal(400), "B": Decimal(400)}
    return WallBroker(**{"cash": Decimal(20_000), "positions": shares, "today": WEEK.monday} | given)


@dataclass
class Account:
    """One account, and the runs that touch it; each opens its desk afresh."""

    broker: WallBroker = field(default_factory=fresh_broker)
    ledger: Ledger = field(default_factory=MemoryLedger)
    bars: pd.DataFrame = field(default_factory=lambda: BARS)
    parameters: OrderParameters = field(default_factory=lambda: OrderParameters(max_position=1.0))
    objection: str = ""
    """The guard's, asked before each order."""
    fuse: Fuse | None = None

    def desk(self) -> Desk:
        line = LastLine("hrp", self.broker, self.ledger, self.parameters, lambda: self.objection)
        desk = Desk("hrp", line, self.ledger, FREE, self.parameters, Decimal(100_000))
        return fused(desk, self.fuse) if self.fuse else desk

    def decide(self, week=WEEK, refusal="") -> tuple[Portfolio, OrderPlan]:
        days, desk = days_of(self.bars, week.last_session), self.desk()
        portfolio = desk.portfolio(week, days, refusal)
        return portfolio, desk.plan(week, portfolio, WANTED[week], days, refusal)

    def monday(self, now: datetime = DECISION, week=WEEK, refusal="") -> Submission:
        """The job `monday`, without its last step."""
        portfolio, plan = self.decide(week, refusal)
        return self.desk().submit(week, portfolio, plan, refusal, now=now)

    def follow(self, now: datetime, week=WEEK, refusal="") -> Submission:
        """The first step of the job `follow`."""
        return self.desk().follow(week, refusal, now=now)

    def settle(self, now: datetime, week=WEEK) -> FillReport:
        """The last step of both."""
        plan = self.attempt(week).plan
        return self.desk().settle(week, plan, days_of(self.bars, last_closed_session(now)), now)

    def attempt(self, week=WEEK) -> Attempt:
        found = self.ledger.latest_attempt("hrp", week.run_id)
        assert found is not None
        return found

    def status(self, week=WEEK) -> dict[str, OrderStatus]:
        """Symbol → where its order stands in the ledger."""
        return {record.order.symbol: record.status for record in self.attempt(week).orders}

    def reasons(self, week=WEEK) -> dict[str, str]:
        return {record.order.symbol: record.reason for record in self.attempt(week).orders}

    def remembered(self):
        """All that the ledger holds of both weeks."""
        return [
            (
                self.ledger.latest_attempt("hrp", week.run_id),
                self.ledger.fills("hrp", week.run_id),
                self.ledger.positions("hrp", week.run_id),
                self.marks(),
            )
            for week in (WEEK, NEXT)
        ]

    def marks(self):
        return self.ledger.marks("hrp", date.max)


def symbols(identities) -> list[str]:
    """What orders are about, from their ids."""
    return [identity.split(":")[3] for identity in identities]


def with_rows(*rows: tuple, without: tuple[str, ...] = ()) -> pd.DataFrame:
    """The bars, with some replaced; names of `without` end before the week's first session."""
    days = {(row[0], row[1]) for row in rows}
    session = WEEK.sessions[0]
    kept = [
        row
        for row in flat(PRICES, date(2025, 2, 3), date(2025, 3, 28))
        if (row[0], row[1]) not in days and not (row[0] in without and row[1] >= session)
    ]
    return frame([*kept, *rows])


def split_bars(symbol: str, ratio: float, day: date) -> pd.DataFrame:
    """The name splits on that day, and trades at its new price from then on."""
    kept = [row for row in flat(PRICES, date(2025, 2, 3), date(2025, 3, 28)) if row[0] != symbol or row[1] < day]
    later = flat({symbol: 100.0 / ratio}, day, date(2025, 3, 28))
    return frame([*kept, bar(symbol, day, 100.0 / ratio, split=ratio), *later[1:]])
