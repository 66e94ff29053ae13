"""What vendors of prices and holdings are asked, and what they answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import pandas as pd

from learnfinance_dagster.schemas.market import PRICES

BAR_COLUMNS = ("date", "symbol", *PRICES, "volume")
ACTION_COLUMNS = ("symbol", "ex_date", "kind", "value")


@dataclass(frozen=True, slots=True)
class Want:
    """A name, and the first session whose bar is asked for."""

    symbol: str
    since: date


@dataclass(frozen=True, slots=True)
class Prices:
    """An answer about some names. Each is in `bars`, or in `missing`."""

    bars: pd.DataFrame
    """`BAR_COLUMNS`, as traded, sorted by symbol, date."""
    actions: pd.DataFrame
    """`ACTION_COLUMNS`: splits and dividends as paid, of the sessions of the bars, or of earlier ones told late."""
    missing: dict[str, str] = field(default_factory=dict)
    """Name → why it has no bars."""
    odd: tuple[str, ...] = ()
    """What was wrong with rows that were left out or mended."""


class PriceSource(Protocol):
    """A vendor of daily bars."""

    @property
    def name(self) -> str:
        """What settings call it."""
        ...

    def prices(self, wants: Sequence[Want], through: date) -> Iterator[Prices]:
        """Bars from each name's `since` to the session `through`, in groups, each of which can be kept.

        Every name is accounted for in exactly one group, unless an error ends the answer.

        Raises:
            TransientError: the vendor is silent or busy; what was given so far stands.
            RefusedError: it says no to everything.
            ConfigurationError: credentials are missing or wrong.
            DataError: it answers what nobody can read.
        """
        ...


@dataclass(frozen=True, slots=True)
class FundHoldings:
    """What a fund held on a day."""

    fund: str
    day: date
    weights: dict[str, float]
    """Holding → percent of the fund; US tickers only."""
    left_out: dict[str, str]
    """Row → why it is no holding here."""
    scope: str = ""
    """What the source gives, where that is less than everything, e.g. `top 10 only`."""


class FundSource(Protocol):
    """Somebody who tells what funds hold."""

    @property
    def name(self) -> str:
        """What settings call it."""
        ...

    @property
    def label(self) -> str:
        """In the words of a report."""
        ...

    def holdings(self, fund: str, today: date) -> FundHoldings:
        """The newest holdings of a fund; `today` in New York.

        Raises:
            RefusedError: it does not know that fund.
            TransientError: it is silent or busy.
            DataError: it answers what nobody can read.
        """
        ...


def frame_of(bars: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Bars of several names, sorted."""
    if not bars:
        return pd.DataFrame({name: pd.Series(dtype=_DTYPES.get(name, "float64")) for name in BAR_COLUMNS})
    out = pd.concat(bars, ignore_index=True)[list(BAR_COLUMNS)]
    return out.sort_values(["symbol", "date"], ignore_index=True)


def actions_of(rows: Sequence[tuple[str, date, str, float]]) -> pd.DataFrame:
    """Actions, sorted."""
    frame = pd.DataFrame(sorted(rows), columns=pd.Index(ACTION_COLUMNS))
    return frame.astype({"symbol": "str", "ex_date": "object", "kind": "str", "value": "float64"})


_DTYPES = {"date": "object", "symbol": "str", "volume": "int64"}
