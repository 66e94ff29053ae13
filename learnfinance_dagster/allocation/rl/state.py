"""What a policy sees of one Monday, in names: stored with experience, and turned into numbers by the observer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.values import Portfolio

LAYOUT = "2026-12"
"""Version of the observation: stored with every policy and with every experience. Changing what a policy sees
changes this word, and older policies are refused."""
FEATURES = (
    "news_sentiment",
    "insufficient_news",
    "news_unknown",
    "gross_margin",
    "operating_margin",
    "net_margin",
    "current_ratio",
    "debt_to_equity",
    "fundamental_age",
)
"""Columns of `schemas.signals.StateFeatures`, in the order in which policies read them."""


@dataclass(frozen=True, slots=True)
class PolicyState:
    """One Monday as a policy saw it: the names, and per name what is stored beside it. None is not known."""

    symbols: tuple[str, ...]
    """Screened names, best rank first. The order is the state's own: nothing is looked up by position elsewhere."""
    features: dict[str, tuple[float | None, ...]]
    """Symbol → values of `FEATURES`."""
    forecast: dict[str, float | None]
    """Symbol → the one forecaster's weekly return."""
    weights: dict[str, float]
    """Symbol → share of NAV at the decision, names outside `symbols` included; the rest is cash."""
    layout: str = LAYOUT


def state_of(
    symbols: Sequence[str], features: pd.DataFrame, forecast: pd.DataFrame, weights: Mapping[str, float]
) -> PolicyState:
    """The state of one week.

    Args:
        symbols: screened names, best rank first.
        features: rows of `schemas.signals.StateFeatures` of that week; a name without a row has no known feature.
        forecast: rows of `schemas.forecasts.Forecast` of that week.
        weights: symbol → share of NAV (`weights_of`).

    Raises:
        DataError: a name is there twice.
    """
    rows = _by_symbol(features, "state features")
    answers = _by_symbol(forecast, "forecasts")
    return PolicyState(
        symbols=tuple(symbols),
        features={each: tuple(_known(rows, each, name) for name in FEATURES) for each in symbols},
        forecast={each: _known(answers, each, "weekly_return") for each in symbols},
        weights={symbol: float(weight) for symbol, weight in sorted(weights.items())},
    )


def weights_of(portfolio: Portfolio) -> dict[str, float]:
    """Symbol → share of NAV; empty for an account that is worth nothing, which is treated as all cash."""
    if portfolio.nav <= 0:
        return {}
    return {position.symbol: float(position.market_value / portfolio.nav) for position in portfolio.positions}


def _by_symbol(rows: pd.DataFrame, title: str) -> pd.DataFrame:
    if rows["symbol"].duplicated().any():
        msg = f"{title}: {rows.loc[rows['symbol'].duplicated(), 'symbol'].iloc[0]} is there twice"
        raise DataError(msg)
    return rows.set_index("symbol")


def _known(rows: pd.DataFrame, symbol: str, column: str) -> float | None:
    if symbol not in rows.index:
        return None
    value = float(rows[column].loc[symbol])
    return None if np.isnan(value) else value
