"""Frames of a market directory, as `docs/market-directory.md` documents them.

`date` columns hold `datetime.date`; times are UTC.
"""

from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa
from pandera.api.pandas.model_config import BaseConfig
from pandera.typing import Series

PRICES = ("open", "high", "low", "close")


class MarketFrame(pa.DataFrameModel):
    """Base of the frames of a market directory."""

    class Config(BaseConfig):
        """Extra columns are refused: a misspelt optional column must not pass unnoticed."""

        strict = True
        coerce = False


class Bars(MarketFrame):
    """`bars.parquet`: one row per symbol and session."""

    date: Series[object] = pa.Field(description="session, New York date")
    symbol: Series[str] = pa.Field(description="ticker")
    open: Series[float] = pa.Field(gt=0, description="USD")
    high: Series[float] = pa.Field(gt=0, description="USD")
    low: Series[float] = pa.Field(gt=0, description="USD")
    close: Series[float] = pa.Field(gt=0, description="USD")
    adj_close: Series[float] | None = pa.Field(
        gt=0, description="close adjusted for dividends too; needed where there is no actions.parquet"
    )
    volume: Series[int] = pa.Field(ge=0, description="shares")
    known_at: Series[pd.DatetimeTZDtype] | None = pa.Field(
        nullable=True,
        dtype_kwargs={"unit": "us", "tz": "UTC"},
        description="when it became known here, where that was later than the ordinary rule; null: the ordinary rule",
    )


class Actions(MarketFrame):
    """`actions.parquet` (optional): corporate actions of as-traded bars."""

    symbol: Series[str] = pa.Field(description="ticker")
    ex_date: Series[object] = pa.Field(description="first session that trades without it")
    kind: Series[str] = pa.Field(isin=["split", "dividend", "delisting"])
    value: Series[float] = pa.Field(
        gt=0, description="split: new shares per old; dividend: USD a share; delisting: USD paid a share"
    )
    known_at: Series[pd.DatetimeTZDtype] | None = pa.Field(
        nullable=True,
        dtype_kwargs={"unit": "us", "tz": "UTC"},
        description="when it became known here, where that was later than the ordinary rule; null: the ordinary rule",
    )


class Holdings(MarketFrame):
    """`holdings.parquet`: what the halal funds held."""

    fund: Series[str] = pa.Field(description="fund ticker")
    date: Series[object] = pa.Field(description="date of the holdings; known from the next day on")
    symbol: Series[str] = pa.Field(description="holding, as the fund writes it; foreign listings included")
    weight_pct: Series[float] = pa.Field(ge=0, le=100, description="percent of the fund")
    known_at: Series[pd.DatetimeTZDtype] | None = pa.Field(
        nullable=True,
        dtype_kwargs={"unit": "us", "tz": "UTC"},
        description="when it became known here, where that was later than the ordinary rule; null: the ordinary rule",
    )


class Membership(MarketFrame):
    """`membership.parquet`: index members by date."""

    index: Series[str] = pa.Field(description="index name")
    symbol: Series[str] = pa.Field(description="member")
    start_date: Series[object] = pa.Field(description="first day in the index")
    end_date: Series[object] = pa.Field(nullable=True, description="first day out of it; null: still in")


class News(MarketFrame):
    """`news.parquet`: headlines."""

    published_at: Series[pd.DatetimeTZDtype] = pa.Field(
        dtype_kwargs={"unit": "us", "tz": "UTC"}, description="UTC; 23:59 New York where only the date is known"
    )
    symbol: Series[str] = pa.Field(description="name that the headline is about")
    headline: Series[str]
    summary: Series[str] = pa.Field(description="may be empty")
    source: Series[str]


class NewsSpans(MarketFrame):
    """`news_coverage.parquet`: for which days the headlines are complete."""

    symbol: Series[str] = pa.Field(description="ticker; * is every name")
    first_day: Series[object] = pa.Field(description="first news day that is complete")
    last_day: Series[object] = pa.Field(description="last news day that is complete")


class Fundamentals(MarketFrame):
    """`fundamentals.parquet`: quarterly statements with the day they became public; USD, NaN = not in the source."""

    symbol: Series[str]
    fiscal_date_ending: Series[object] = pa.Field(description="end of the fiscal quarter")
    available_on: Series[object] = pa.Field(description="day it became public: the only date that decisions may use")
    total_revenue: Series[float] = pa.Field(nullable=True)
    gross_profit: Series[float] = pa.Field(nullable=True)
    operating_income: Series[float] = pa.Field(nullable=True)
    net_income: Series[float] = pa.Field(nullable=True)
    total_assets: Series[float] = pa.Field(nullable=True)
    total_current_assets: Series[float] = pa.Field(nullable=True)
    cash_and_equivalents: Series[float] = pa.Field(nullable=True)
    net_receivables: Series[float] = pa.Field(nullable=True)
    total_current_liabilities: Series[float] = pa.Field(nullable=True)
    total_liabilities: Series[float] = pa.Field(nullable=True)
    total_debt: Series[float] = pa.Field(nullable=True)
    total_shareholder_equity: Series[float] = pa.Field(nullable=True)
    shares_outstanding: Series[float] = pa.Field(nullable=True)
    source: Series[str]


class Notes(MarketFrame):
    """`notes.parquet` (optional): what a reader of a decision must know about its data, and since when."""

    known_at: Series[pd.DatetimeTZDtype] = pa.Field(dtype_kwargs={"unit": "us", "tz": "UTC"})
    topic: Series[str] = pa.Field(description="`caveat`, or what it is about, e.g. holdings")
    text: Series[str]


@dataclass(frozen=True, slots=True)
class MarketFile:
    """How one file of a market directory must look."""

    schema: type[MarketFrame]
    key: tuple[str, ...]
    """Columns that name a row."""
    unique: bool = True
    ordered: bool = False
    """Rows must be sorted by `key`."""


MARKET_FILES: dict[str, MarketFile] = {
    "bars": MarketFile(Bars, ("symbol", "date"), ordered=True),
    "actions": MarketFile(Actions, ("symbol", "ex_date", "kind")),
    "holdings": MarketFile(Holdings, ("fund", "date", "symbol")),
    "membership": MarketFile(Membership, ("index", "symbol", "start_date")),
    "news": MarketFile(News, ("published_at", "symbol"), unique=False),
    "news_coverage": MarketFile(NewsSpans, ("symbol", "first_day")),
    "fundamentals": MarketFile(Fundamentals, ("symbol", "fiscal_date_ending", "available_on")),
    "notes": MarketFile(Notes, ("known_at", "topic"), unique=False),
}
"""File stem → its shape. Only `bars` is required."""
