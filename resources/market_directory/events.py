"""Splits, dividends and delistings, as columns beside the bars."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from resources.market_directory.days import ORDINARY, Days, Micros, arrivals_of, days_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NOISE = 1e-5
"""Steps of adj_close/close up to this size are rounding. Measured on 581 034 bars of 159 names of a real file: the
noise ends at 3.6e-6, and the smallest dividend is 4.7e-5 of the price (NVDA, 2024-03-05)."""


@dataclass(frozen=True, slots=True)
class Events:
    """What happened to the holder of a share at the open of each bar's session; and payouts on days without a bar."""

    split_ratio: Floats
    dividend: Floats
    delisting: Floats
    payout_symbol: Ints
    """Codes of symbols that were paid out on a day without a bar."""
    payout_day: Days
    payout_value: Floats
    payout_arrival: Micros
    arrivals: dict[str, Micros]
    """Column → when its value became known, for each bar (`days.arrivals_of`)."""


def adjustment_steps(symbol: Ints, close: Floats, adj_close: Floats) -> Floats:
    """The share of the previous close that was paid out: 1 - f[t-1]/f[t] with f = adj_close/close.

    Only the row and the one before it are read, so no later row can change a step.

    Args:
        symbol: codes; rows of one symbol stand together, in the order of time.
        close: USD.
        adj_close: USD, adjusted for dividends.

    Returns:
        One step a row; 0 on the first row of a symbol.
    """
    steps = np.zeros(len(close))
    follows = symbol[1:] == symbol[:-1]
    with np.errstate(all="ignore"):  # a poisoned future is no news
        factor = adj_close / close
        steps[1:] = np.where(follows, 1 - factor[:-1] / factor[1:], 0.0)
    return steps


def implied_dividends(symbol: Ints, close: Floats, adj_close: Floats) -> Floats:
    """Dividends in USD a share that `adj_close` implies; rounding noise is none."""
    steps = adjustment_steps(symbol, close, adj_close)
    dividends = np.zeros(len(close))
    paid = np.flatnonzero(steps > NOISE)
    dividends[paid] = close[paid - 1] * steps[paid]
    return dividends


def align(symbol: Ints, day: Days, names: pd.Index, actions: pd.DataFrame | None) -> Events:
    """Put actions beside the bars.

    Args:
        symbol: codes into `names`; bars are sorted by symbol, day.
        day: session of each bar.
        names: symbols, in the order of their codes.
        actions: frame of `actions.parquet`, or None.
    """
    split, dividend, delisting = np.ones(len(symbol)), np.zeros(len(symbol)), np.zeros(len(symbol))
    columns = {"split": split, "dividend": dividend, "delisting": delisting}
    arrivals = {kind: np.full(len(symbol), ORDINARY, dtype=np.int64) for kind in columns}
    if actions is None:
        actions = pd.DataFrame({"symbol": [], "ex_date": [], "kind": [], "value": []})
    code = names.get_indexer(pd.Index(actions["symbol"])).astype(np.int64)
    ex_day = days_of(actions["ex_date"])
    value = actions["value"].to_numpy(dtype=np.float64)
    kind = actions["kind"].to_numpy(dtype=object)
    row = _rows_of(symbol, day, code, ex_day)
    arrival = arrivals_of(actions)
    for name, column in columns.items():
        hits = (kind == name) & (row >= 0)
        column[row[hits]] = value[hits]
        arrivals[name][row[hits]] = arrival[hits]
    paid = (kind == "delisting") & (row < 0) & (code >= 0)
    arrivals["split_ratio"] = arrivals.pop("split")
    return Events(split, dividend, delisting, code[paid], ex_day[paid], value[paid], arrival[paid], arrivals)


def _rows_of(symbol: Ints, day: Days, code: Ints, ex_day: Days) -> Ints:
    """The bar of each (code, ex_day); -1 where there is none."""
    bars, wanted = _keys(symbol, day), _keys(code, ex_day)
    if not len(bars):
        return np.full(len(wanted), -1, dtype=np.int64)
    found = np.searchsorted(bars, wanted)
    found[found == len(bars)] = 0
    return np.where((bars[found] == wanted) & (code >= 0), found, -1)


def _keys(symbol: Ints, day: Days) -> Ints:
    return symbol * 2**32 + day.astype(np.int64)
