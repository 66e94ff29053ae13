"""A small invented market and the desks that trade it. Everything is looked at only as far as it was known."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import last_closed_session, sessions_between, week_of
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.ports import Ledger
from learnfinance_dagster.trading.desk import Desk
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.memory_ledger import MemoryLedger
from learnfinance_dagster.trading.simulated_broker import AccountStore, MemoryAccountStore, SimulatedBroker
from learnfinance_dagster.trading.simulation import SimulatedAccount
from learnfinance_dagster.values import TargetWeights, Week

COLUMNS = ["symbol", "date", "open", "high", "low", "close", "volume", "split_ratio", "dividend", "delisting"]
CASH = Decimal(100_000)
COSTS = CostModel(5.0)
FREE = CostModel(0.0)


def bar(symbol, session, price=None, *, o=None, h=None, l=None, c=None, split=1.0, dividend=0.0, delisting=0.0):  # noqa: E741
    """One row; `price` stands for each of open and close that is not given, high and low span them."""
    o, c = (price if o is None else o), (price if c is None else c)
    h, l = (max(o, c) if h is None else h), (min(o, c) if l is None else l)  # noqa: E741
    return (symbol, session, o, h, l, c, 1_000_000, split, dividend, delisting)


def frame(rows: Iterable[tuple]) -> pd.DataFrame:
    """Rows as `Market.bars` answers them."""
    return pd.DataFrame(list(rows), columns=COLUMNS).sort_values(["symbol", "date"], ignore_index=True)


def flat(prices: dict[str, float], first: date, last: date) -> list[tuple]:
    """Names that never move."""
    return [bar(name, day, float(price)) for name, price in prices.items() for day in sessions_between(first, last)]


def walk(names: Collection[str], first: date, last: date, seed: int) -> pd.DataFrame:
    """Names that wander: opens, ranges and closes all differ."""
    rng = np.random.default_rng(seed)
    sessions = sessions_between(first, last)
    parts = []
    for name in sorted(names):
        steps = rng.normal(0, [0.008, 0.015], (len(sessions), 2)).cumsum(0).sum(1)
        close = rng.uniform(20, 300) * np.exp(steps - steps[0])
        opening = np.r_[close[0], close[:-1]] * np.exp(rng.normal(0, 0.012, len(sessions)))
        spread = np.exp(np.abs(rng.normal(0, 0.008, (2, len(sessions)))))
        high, low = np.maximum(opening, close) * spread[0], np.minimum(opening, close) / spread[1]
        part = pd.DataFrame({"symbol": name, "date": sessions, "open": opening, "high": high, "low": low})
        parts.append(part.assign(close=close, volume=1_000_000, split_ratio=1.0, dividend=0.0, delisting=0.0))
    return pd.concat(parts, ignore_index=True)


def days_of(bars: pd.DataFrame, until: date, names: Collection[str] | None = None) -> MarketDays:
    """The bars up to a session."""
    kept = bars["date"] <= until
    return MarketDays(bars[kept if names is None else kept & bars["symbol"].isin(set(names))])


def broker_on(bars: pd.DataFrame, store: AccountStore, costs: CostModel = COSTS) -> SimulatedBroker:
    """A simulated broker that sees of `bars` only what it may."""

    def source(first: date, known_at: datetime, symbols: Collection[str]) -> MarketDays:
        known = bars[(bars["date"] >= first) & bars["symbol"].isin(set(symbols))]
        return days_of(known, last_closed_session(known_at))

    return SimulatedBroker(store, source, costs)


def memory_store(cash: Decimal = CASH) -> MemoryAccountStore:
    """A fresh account."""
    return MemoryAccountStore(SimulatedAccount(cash))


def desk_on(
    bars: pd.DataFrame,
    store: AccountStore | None = None,
    ledger: Ledger | None = None,
    costs: CostModel = COSTS,
    **parameters,
) -> Desk:
    """The desk `hrp`, at first with `CASH`."""
    broker = broker_on(bars, store or memory_store(), costs)
    return Desk("hrp", broker, ledger or MemoryLedger(), costs, OrderParameters(**parameters), CASH)


def target(week: Week | date, **weights: float) -> TargetWeights:
    """What an allocator wants that week."""
    week = week if isinstance(week, Week) else week_of(week)
    return TargetWeights("hrp", week.key, weights, weights, {})


def monday(
    desk: Desk, bars: pd.DataFrame, week: Week, wanted: TargetWeights, refusal: str = "", *, reveal: bool = True
):
    """The four steps as the assets take them: each looks no further than it may. Returns all four values."""
    known = days_of(bars, week.last_session)
    portfolio = desk.portfolio(week, known, refusal)
    plan = desk.plan(week, portfolio, wanted, known, refusal)
    submission = desk.submit(week, portfolio, plan, refusal)
    until = week.first_close if reveal and week.first_close else week.as_of
    fate = desk.settle(week, plan, days_of(bars, last_closed_session(until)), until)
    return portfolio, plan, submission, fate
