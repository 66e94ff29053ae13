"""Small made-up bars."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.calendar import sessions_between

DAYS = sessions_between(date(2018, 6, 1), date(2019, 12, 31))


@pytest.fixture(scope="session")
def days():
    """Sessions with every kind of holiday week."""
    return DAYS


@pytest.fixture(scope="session")
def make_bars():
    """Bars of one name on `days`: a random walk. Events are told by position; positions in `without` have no bar."""

    def make(symbol="A", days=DAYS, *, seed=0, splits=None, dividends=None, paid_out=None, without=()):
        rng = np.random.default_rng([seed, *symbol.encode()])
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, len(days))))
        frame = pd.DataFrame(
            {
                "date": list(days),
                "symbol": pd.array([symbol] * len(days), dtype="str"),
                "open": close * np.exp(rng.normal(0, 0.005, len(days))),
                "high": close * 1.02,
                "low": close * 0.98,
                "close": close,
                "volume": rng.integers(1_000, 9_000, len(days)).astype("float64"),
                "split_ratio": 1.0,
                "dividend": 0.0,
                "delisting": 0.0,
            }
        )
        for column, events in (("split_ratio", splits), ("dividend", dividends), ("delisting", paid_out)):
            for position, value in (events or {}).items():
                frame.loc[position, column] = value
        return frame.drop(index=list(without)).reset_index(drop=True)

    return make
