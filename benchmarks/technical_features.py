"""How long the technical features of one Monday take: `python benchmarks/technical_features.py [--names 160]`.

The baseline, in the same run: the same features by the usual pandas calls, one name after the other, on the same bars.
"""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from learnfinance_dagster.calendar import sessions_between, week_from_key, week_of  # noqa: E402 - the path comes first
from learnfinance_dagster.parameters import SignalParameters  # noqa: E402
from learnfinance_dagster.returns import adjusted  # noqa: E402
from learnfinance_dagster.signals.technical import technical_features  # noqa: E402

WEEK = week_from_key("2025-12-29")
FIRST = week_of(WEEK.monday - timedelta(weeks=60)).last_session + timedelta(days=1)
PARAMETERS = SignalParameters()


def invented_bars(names: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sessions = sessions_between(FIRST, WEEK.last_session)
    count = len(sessions)
    parts = []
    for n in range(names):
        close = rng.uniform(20, 300) * np.exp(rng.normal(2e-4, 0.02, count).cumsum())
        part = pd.DataFrame({"date": sessions, "symbol": f"N{n:04}", "open": close, "high": close * 1.01})
        dividend = np.where(np.arange(count) % 63 == rng.integers(63), 0.3, 0.0)
        part = part.assign(low=close * 0.99, close=close, volume=10**6, split_ratio=1.0, dividend=dividend)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def seeded(values: pd.Series, span: int, alpha: float) -> pd.Series:
    values = values.dropna()
    start = pd.Series([values.iloc[:span].mean()], index=values.index[[span - 1]])
    return pd.concat([start, values.iloc[span:]]).ewm(alpha=alpha, adjust=False).mean()


def changes(close: np.ndarray, threshold: float) -> dict[str, float]:
    trend, high, low, turns = 0, close[0], close[0], []
    for day, price in enumerate(close[1:], start=1):
        high, low = max(high, price), min(low, price)
        if trend <= 0 and price >= low * (1 + threshold):
            trend, high = 1, price
        elif trend >= 0 and price <= high * (1 - threshold):
            trend, low = -1, price
        else:
            continue
        turns.append(day)
    age = len(close) - 1 - turns[-1]
    recent = sum(day >= len(close) - 60 for day in turns)
    overshoot = (close[-1] / close[turns[-1]] - 1) / threshold
    return {"dc_trend": trend, "dc_overshoot": overshoot, "dc_age": age, "dc_count": recent}


def of_one_name(bars: pd.DataFrame) -> dict[str, float]:
    table = adjusted(bars).reset_index(drop=True)
    close = table["total_close"]
    high, low = (table[side] * close / table["close"] for side in ("high", "low"))
    change, before = close.diff(), close.shift()
    gain, loss = (seeded(each, 14, 1 / 14).iloc[-1] for each in (change.clip(lower=0), (-change).clip(lower=0)))
    ranges = pd.concat([high - low, (high - before).abs(), (low - before).abs()], axis=1).iloc[1:].max(axis=1)
    line = seeded(close, 12, 2 / 13) - seeded(close, 26, 2 / 27)
    last = close.iloc[-1]
    found = {
        "rsi_14": 100 - 100 / (1 + gain / loss),
        "macd": line.iloc[-1] / last,
        "macd_signal": seeded(line, 9, 2 / 10).iloc[-1] / last,
        "atr_14": seeded(ranges, 14, 1 / 14).iloc[-1] / last,
        "volatility_21": pd.Series(np.log(close)).diff().tail(21).std() * np.sqrt(252),
    }
    for name, sessions in (("momentum_4w", 20), ("momentum_12w", 60), ("momentum_26w", 130)):
        found[name] = last / close.iloc[-1 - sessions] - 1
    return found | changes(close.to_numpy(), PARAMETERS.dc_threshold)


def one_by_one(bars: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame([{"symbol": name, **of_one_name(own)} for name, own in bars.groupby("symbol")])


def seconds(work: Callable[[], pd.DataFrame], tries: int) -> float:
    """The quickest of some tries."""
    took = []
    for _ in range(tries):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=160)
    options = parser.parse_args()
    bars = invented_bars(options.names, seed=1)
    names = bars["symbol"].unique()
    ours, theirs = technical_features(bars, names, WEEK, PARAMETERS), one_by_one(bars)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-7, atol=1e-9)
    together = seconds(lambda: technical_features(bars, names, WEEK, PARAMETERS), tries=7)
    apart = seconds(lambda: one_by_one(bars), tries=2)
    print(f"{options.names} names x {len(bars) // len(names)} sessions, the same values to 1e-7")
    print(f"together {together:.3f} s   one name after the other {apart:.3f} s   ratio {apart / together:.0f}")


if __name__ == "__main__":
    main()
