"""The house's own ratio screen, beside what the halal funds do. It decides nothing; it shows where the two disagree.

Ratios only: what a company does for its living is left to the funds' scholars, and so is impure income.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.parameters import SignalParameters
from learnfinance_dagster.schemas.signals import HalalScreen
from learnfinance_dagster.signals.filings import NOT_PUBLIC, publications, timeline

COLUMNS = [column for column in HalalScreen.to_schema().columns if column != "week"]
NO_LEVELS = "prices are split-adjusted: their levels know later splits, so no market value is known"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A ratio at or above its limit fails."""

    denominator: str
    """What the ratios are taken of, in words."""
    debt: float
    cash: float
    receivables: float
    receivables_with_cash: bool
    """The last limit is for receivables and cash together."""


# FTSE Russell's page of its Global Equity Shariah Index Series, screened by Yasaar (HLAL follows it): debt, and cash
# and interest-bearing items, each less than 33.333 % of total assets; receivables and cash less than 50 %.
# https://www.ftserussell.com/products/indices/global-shariah
TOTAL_ASSETS = Thresholds("total assets", debt=0.33333, cash=0.33333, receivables=0.50, receivables_with_cash=True)
# AAOIFI Shari'ah Standard 21, as screeners quote it: interest-bearing debt and interest-taking deposits not above 30 %
# of market capitalisation each (https://help.investsky.com/en/articles/7983263-shariah-compliance-screens-methodology).
# It has no limit for receivables: that one is of the S&P Shariah Indices, 49 %
# (https://shariahsecurities.com/shariah-screening-norms). Both average the market value over years; we take today's.
MARKET_VALUE = Thresholds("market value", debt=0.30, cash=0.30, receivables=0.49, receivables_with_cash=False)
BASES: Mapping[str, Thresholds] = {"total_assets": TOTAL_ASSETS, "market_value": MARKET_VALUE}


@dataclass(frozen=True, slots=True)
class _Amount:
    """A number of a filing, or why there is none."""

    value: float = np.nan
    why: str = ""

    def over(self, denominator: float) -> float:
        """As a share of it; NaN when either is not known."""
        return self.value / denominator


def halal_screen(
    filings: pd.DataFrame,
    today: date,
    prices: pd.Series | None,
    parameters: SignalParameters,
) -> pd.DataFrame:
    """Screen the newest public filing of each name.

    Args:
        filings: one week's rows of `schemas.signals.Filings`, empty ones too: every name in it is judged.
        today: New York date of the decision.
        prices: symbol → last close known, on the share basis of its newest filing (`market_value.prices_at_filing`);
            None where the source's levels know the future. Read for market values only.
        parameters: `halal_basis` says what the ratios are taken of.

    Returns:
        Columns of `schemas.signals.HalalScreen` without `week`, sorted by symbol. Fail: a known ratio is at or above
        its limit; unknown: none is, but one is not known. Ratios are not rounded: the verdict follows from them.

    Raises:
        DataError: as `filings.publications`.
    """
    newest = _newest(filings, today)
    rows = [_judged(row, prices, parameters.halal_basis) for row in newest]
    table = pd.DataFrame(rows, columns=COLUMNS)
    numbers = ["denominator", "debt_ratio", "cash_ratio", "receivables_ratio"]
    texts = ["symbol", "verdict", "basis", "reason"]
    return table.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(texts, "str"))


def _newest(filings: pd.DataFrame, today: date) -> list[dict]:
    """One record per name, by symbol: its newest filing before `today`, or only `symbol` and `missing`."""
    rows = publications(filings, before=today)
    line = timeline(rows)
    symbols = pd.Series(sorted(filings["symbol"].unique()), dtype="str")
    at = line.before(symbols, pd.Series([today] * len(symbols), dtype=object))
    newest = line.quarters[at, 0]
    records = rows.to_dict("records")
    why = dict(zip(filings["symbol"], filings["missing"], strict=True)) if "missing" in filings else {}
    return [
        records[k] if k >= 0 else {"symbol": symbol, "missing": why.get(symbol) or NOT_PUBLIC}
        for symbol, k in zip(symbols, newest, strict=True)
    ]


def _judged(row: dict, prices: pd.Series | None, basis: str) -> dict:
    """One row of the screen."""
    limits = BASES[basis]
    out = {"symbol": row["symbol"], "basis": basis, "fiscal_date_ending": None, "available_on": None}
    if "missing" in row:
        return out | {"verdict": "unknown", "reason": row["missing"]}
    out |= {name: row[name] for name in ("fiscal_date_ending", "available_on")}
    whole = _amount(row, "total_assets", above=0) if basis == "total_assets" else _market_value(row, prices)
    out["denominator"] = whole.value
    if whole.why:
        return out | {"verdict": "unknown", "reason": whole.why}
    parts = {
        "debt": _amount(row, "total_debt"),
        "cash": _amount(row, "cash_and_equivalents"),
        "receivables": _amount(row, "net_receivables"),
    }
    ratios = {name: amount.over(whole.value) for name, amount in parts.items()}
    failing = list(_failing(ratios, limits))
    unknown = [amount.why for amount in parts.values() if amount.why]
    verdict = "fail" if failing else "unknown" if unknown else "pass"
    out |= {f"{name}_ratio": ratio for name, ratio in ratios.items()}
    return out | {"verdict": verdict, "reason": "; ".join([*failing, *unknown])}


def _failing(ratios: dict[str, float], limits: Thresholds) -> Iterator[str]:
    """What is at or above its limit, in words. NaN is above nothing."""
    receivables, name = ratios["receivables"], "receivables"
    if limits.receivables_with_cash:  # what is not known can only add to it
        receivables, name = float(np.nansum([receivables, ratios["cash"]])), "receivables and cash"
    for what, ratio, limit in (
        ("debt", ratios["debt"], limits.debt),
        ("cash", ratios["cash"], limits.cash),
        (name, receivables, limits.receivables),
    ):
        if ratio >= limit:
            yield f"{what} {100 * ratio:.1f} % of {limits.denominator}, limit {100 * limit:.1f} %"


def _amount(row: dict, item: str, above: float | None = None) -> _Amount:
    """An item that cannot be negative, or, with `above`, must be more than that."""
    value, of = row[item], f"{item} of {row['fiscal_date_ending']}"
    if np.isnan(value):
        return _Amount(why=f"{of} is missing")
    if value < 0:
        return _Amount(why=f"{of} is negative")
    if above is not None and value <= above:
        return _Amount(why=f"{of} is zero")
    return _Amount(value)


def _market_value(row: dict, prices: pd.Series | None) -> _Amount:
    """Shares times price, both on the basis of the filing's day."""
    if prices is None:
        return _Amount(why=NO_LEVELS)
    shares = _amount(row, "shares_outstanding", above=0)
    price = float(prices.get(row["symbol"], np.nan))
    if shares.why:
        return shares
    return _Amount(shares.value * price) if price > 0 else _Amount(why="no price on the filing's share basis")
