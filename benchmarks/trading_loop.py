"""How fast the trading core lives through years of Mondays: `python benchmarks/trading_loop.py [--profile]`.

Two allocators with random targets trade 15 invented names every Monday through `Desk.trade`, ledger and account in
memory. The baseline, in the same run: the same desks on SQLite and account files, for fewer Mondays.
"""

import argparse
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from learnfinance_dagster.calendar import mondays_between, sessions_between, week_of  # noqa: E402 - the path comes first
from learnfinance_dagster.costs import CostModel  # noqa: E402
from learnfinance_dagster.parameters import OrderParameters  # noqa: E402
from learnfinance_dagster.ports import Ledger  # noqa: E402
from learnfinance_dagster.trading.desk import Desk  # noqa: E402
from learnfinance_dagster.trading.market_days import MarketDays  # noqa: E402
from learnfinance_dagster.trading.memory_ledger import MemoryLedger  # noqa: E402
from learnfinance_dagster.trading.simulated_broker import (  # noqa: E402
    AccountStore,
    MemoryAccountStore,
    SimulatedBroker,
)
from learnfinance_dagster.trading.simulation import SimulatedAccount  # noqa: E402
from learnfinance_dagster.values import TargetWeights  # noqa: E402
from resources.brokers.simulated import FileAccountStore  # noqa: E402
from resources.ledger import open_ledger  # noqa: E402

FIRST, LAST = date(2016, 1, 4), date(2025, 12, 31)
NAMES = [f"NAME{n:02}" for n in range(15)]
ALLOCATORS = ("steady", "restless")
CASH, COSTS = Decimal(100_000), CostModel()


@dataclass(frozen=True, slots=True)
class Tally:
    """What a replay did."""

    mondays: int
    orders: int
    fills: int
    seconds: float
    nav: Decimal

    @property
    def pace(self) -> float:
        """Mondays a second, each with all allocators."""
        return self.mondays / self.seconds

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.mondays:>4} Mondays x {len(ALLOCATORS)}  {self.seconds:7.2f} s  {self.pace:8.1f} Mondays/s"
            f"  {self.orders:>6} orders  {self.fills:>6} fills  final NAV {self.nav:,.2f}"
        )


def invented_bars(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sessions = sessions_between(FIRST, LAST)
    count = len(sessions)
    parts = []
    for name in NAMES:
        close = rng.uniform(20, 300) * np.exp(rng.normal(2e-4, 0.015, count).cumsum())
        opening = np.r_[close[0], close[:-1]] * np.exp(rng.normal(0, 0.006, count))
        part = pd.DataFrame({"date": sessions, "symbol": name, "open": opening})
        part["high"] = np.maximum(opening, close) * np.exp(np.abs(rng.normal(0, 0.005, count)))
        part["low"] = np.minimum(opening, close) * np.exp(-np.abs(rng.normal(0, 0.005, count)))
        dividend = np.where(np.arange(count) % 63 == rng.integers(63), 0.3, 0.0)
        parts.append(part.assign(close=close, volume=10**6, split_ratio=1.0, dividend=dividend, delisting=0.0))
    return pd.concat(parts, ignore_index=True)


def random_targets(mondays: Sequence[date], seed: int) -> dict[tuple[str, date], TargetWeights]:
    """One allocator blends last week's wishes with new ones, the other forgets them."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, memory in zip(ALLOCATORS, (0.7, 0.0), strict=True):
        wanted = np.zeros(len(NAMES))
        for monday in mondays:
            raw = rng.dirichlet(np.full(len(NAMES), 0.8))
            wanted = memory * wanted + (1 - memory) * np.minimum(raw, 0.2)
            weights = {symbol: float(0.98 * w) for symbol, w in zip(NAMES, wanted, strict=True) if w > 0.005}
            found[name, monday] = TargetWeights(name, monday.isoformat(), weights, weights, {})
    return found


def replay(
    days: MarketDays,
    mondays: Sequence[date],
    targets: dict[tuple[str, date], TargetWeights],
    ledger: Ledger,
    store_of: Callable[[str], AccountStore],
) -> Tally:
    def source(_first: date, _known_at: datetime, _symbols: Collection[str]) -> MarketDays:
        return days

    desks = {
        name: Desk(name, SimulatedBroker(store_of(name), source, COSTS), ledger, COSTS, OrderParameters(), CASH)
        for name in ALLOCATORS
    }
    orders = fills = 0
    nav = Decimal(0)
    start = time.perf_counter()
    for monday in mondays:
        for name, desk in desks.items():
            report = desk.trade(week_of(monday), targets[name, monday], days)
            orders += len(report.orders)
            fills += len(report.fills)
            nav = report.mark.nav if report.mark else nav
    return Tally(len(mondays), orders, fills, time.perf_counter() - start, nav)


def in_memory(days: MarketDays, mondays: Sequence[date], targets: dict[tuple[str, date], TargetWeights]) -> Tally:
    return replay(days, mondays, targets, MemoryLedger(), lambda _: MemoryAccountStore(SimulatedAccount(CASH)))


def on_disk(days: MarketDays, mondays: Sequence[date], targets: dict[tuple[str, date], TargetWeights]) -> Tally:
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
        return replay(
            days, mondays, targets, ledger, lambda name: FileAccountStore(Path(folder) / f"{name}.json", CASH)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mondays", type=int, default=500)
    parser.add_argument("--baseline", type=int, default=20, help="Mondays on SQLite and files")
    parser.add_argument("--profile", action="store_true", help="where the time goes, instead of the baseline")
    options = parser.parse_args()

    mondays = mondays_between(FIRST, LAST)[2 : 2 + options.mondays]
    start = time.perf_counter()
    days, targets = MarketDays(invented_bars(seed=1)), random_targets(mondays, seed=2)
    print(f"market and targets made in {time.perf_counter() - start:.2f} s")
    if options.profile:
        profiler = cProfile.Profile()
        profiler.runcall(in_memory, days, mondays, targets)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
        return

    memory = in_memory(days, mondays, targets)
    print(f"memory   {memory}")
    few = mondays[: options.baseline]
    disk, same = on_disk(days, few, targets), in_memory(days, few, targets)
    print(f"on disk  {disk}")
    assert disk.nav == same.nav, "the two must live the same life"
    print(f"memory is {same.pace / disk.pace:.0f} times as fast over the same {len(few)} Mondays")


if __name__ == "__main__":
    main()
