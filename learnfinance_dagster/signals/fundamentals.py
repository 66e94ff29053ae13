"""Ratios of the newest filing that was public. One definition, for history and for today.

Nothing is made up: a ratio that cannot be formed is null, and `reason` says why. A true zero stays zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from learnfinance_dagster.schemas.signals import Fundamentals
from learnfinance_dagster.signals.filings import ITEMS, NOT_PUBLIC, QUARTERS, days_of, publications, timeline

DAYS_A_QUARTER = 365.25 / 4
"""The unit of `fundamental_age`."""
CONSECUTIVE_DAYS = (70, 126)
"""Ten to eighteen weeks between neighbouring quarter ends. Most are 13 weeks apart; some retailers and bottlers have
three quarters of 12 weeks and one of 16 or 17. A missing quarter leaves at least 24."""
DIGITS = 4
COLUMNS = list(Fundamentals.to_schema().columns)


@dataclass(frozen=True, slots=True)
class Ratio:
    """One amount over another, both summed over the newest quarters."""

    name: str
    over: str
    under: str
    quarters: int = 1
    signed: bool = True
    """The upper amount may be negative; where it may not, a negative one is an error of the source."""


REVENUE, EQUITY, CURRENT = "total_revenue", "total_shareholder_equity", "total_current_liabilities"
RATIOS = (
    Ratio("gross_margin_quarter", "gross_profit", REVENUE),
    Ratio("operating_margin_quarter", "operating_income", REVENUE),
    Ratio("net_margin_quarter", "net_income", REVENUE),
    Ratio("gross_margin_ttm", "gross_profit", REVENUE, QUARTERS),
    Ratio("operating_margin_ttm", "operating_income", REVENUE, QUARTERS),
    Ratio("net_margin_ttm", "net_income", REVENUE, QUARTERS),
    Ratio("current_ratio", "total_current_assets", CURRENT, signed=False),
    Ratio("debt_to_equity", "total_debt", EQUITY, signed=False),
)
WORDS = {REVENUE: "revenue is", EQUITY: "equity is", CURRENT: "current liabilities are"}


def fundamentals(filings: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Ratios known at each point, for any number of weeks at once.

    Args:
        filings: columns of `schemas.market.Fundamentals`, or rows of any number of weeks of `schemas.signals.Filings`.
            Of stored evidence each week reads its own rows: a source may have learned of an old filing later.
        points: week, symbol, today (New York date of the decision; what became public on that day is not known yet).

    Returns:
        One row per point, in the order of `points`: columns of `schemas.signals.Fundamentals`. Ratios have 4 digits.

    Raises:
        DataError: as `filings.publications`; or a point has no day.
    """
    newest = max(points["today"].dropna(), default=date(1970, 1, 1))
    why = _why_missing(filings, points)
    asked = points["symbol"]
    if "week" in filings:
        filings = filings.assign(symbol=filings["week"] + " " + filings["symbol"])
        asked = points["week"] + " " + points["symbol"]
    rows = publications(filings[filings["symbol"].isin(asked.unique())], before=newest)
    line = timeline(rows)
    at = np.where(why.isna(), line.before(asked, points["today"]), -1)
    events, of_point = np.unique(at, return_inverse=True)
    found = _of_events(rows, line.quarters[events]).iloc[of_point].reset_index(drop=True)
    found[["week", "symbol"]] = points[["week", "symbol"]].reset_index(drop=True).astype("str")
    age = (days_of(points["today"]) - found.pop("_day")) / DAYS_A_QUARTER
    found["fundamental_age"] = age.round(DIGITS)
    found["reason"] = found["reason"].where(at >= 0, why.fillna(NOT_PUBLIC))
    return found[COLUMNS]


def _why_missing(filings: pd.DataFrame, points: pd.DataFrame) -> pd.Series:
    """Per point, what stored evidence of its own week says about a name without filings; null otherwise."""
    if not {"week", "missing"} <= set(filings.columns):
        return pd.Series(None, index=range(len(points)), dtype="str")
    empty = filings[filings["missing"] != ""].drop_duplicates(["week", "symbol"])
    found = points[["week", "symbol"]].merge(empty[["week", "symbol", "missing"]], how="left", on=["week", "symbol"])
    return found["missing"].astype("str")


def _of_events(rows: pd.DataFrame, quarters: np.ndarray) -> pd.DataFrame:
    """Per line of `Timeline.quarters`: the newest filing, its ratios, and why those that are null are null."""
    ends, public = (_and_none(rows[column]) for column in ("fiscal_date_ending", "available_on"))
    newest = quarters[:, 0]
    amounts = {item: np.append(rows[item].to_numpy(float), np.nan)[quarters] for item in ITEMS}
    table = pd.DataFrame({"fiscal_date_ending": ends[newest], "available_on": public[newest]}, dtype=object)
    table["_day"] = np.append(days_of(rows["available_on"]).astype(float), np.nan)[newest]
    table["source"] = pd.array(np.append(rows["source"].to_numpy(object), "")[newest], dtype="str")
    spread = -np.diff(np.append(days_of(rows["fiscal_date_ending"]).astype(float), np.nan)[quarters], axis=1)
    is_year = np.all((spread >= CONSECUTIVE_DAYS[0]) & (spread <= CONSECUTIVE_DAYS[1]), axis=1)
    clauses: list[list[str]] = [[] for _ in newest]
    for ratio in RATIOS:
        top, bottom = (amounts[item][:, : ratio.quarters].sum(axis=1) for item in (ratio.over, ratio.under))
        usable = (bottom > 0) & (is_year | (ratio.quarters == 1)) & (ratio.signed | (top >= 0))
        # Adding nothing turns -0.0 into 0.0.
        table[ratio.name] = np.round(np.divide(top, bottom, where=usable, out=np.full(len(top), np.nan)), DIGITS) + 0.0
        for event in np.flatnonzero(table[ratio.name].isna()):
            of = {item: amounts[item][event] for item in (ratio.over, ratio.under)}
            why = _reasons(ratio, of, ends[quarters[event]], is_year=bool(is_year[event]))
            clauses[event].append(f"{ratio.name}: {next(why)}")
    table["reason"] = pd.array(["; ".join(each) for each in clauses], dtype="str")
    return table


def _and_none(dates: pd.Series) -> np.ndarray:
    """The dates, and None at the end, where -1 points."""
    return np.array([*dates, None], dtype=object)


def _reasons(ratio: Ratio, amounts: dict[str, np.ndarray], ends: np.ndarray, *, is_year: bool) -> Iterator[str]:
    """Why a ratio is null, in the order of looking."""
    ends = ends[: ratio.quarters]
    known: list[date] = [end for end in ends if end is not None]
    if len(known) < ratio.quarters:
        yield f"{len(known)} of {ratio.quarters} quarters were public"
    if ratio.quarters > 1 and not is_year:
        yield f"quarters ended on {', '.join(map(str, known))}: not four in a row"
    for n, end in enumerate(known):
        for item, values in amounts.items():
            if np.isnan(values[n]):
                yield f"{item} of {end} is missing"
    if not ratio.signed and amounts[ratio.over][0] < 0:
        yield f"{ratio.over} of {ends[0]} is negative"
    yield f"{WORDS[ratio.under]} {'negative' if amounts[ratio.under][: ratio.quarters].sum() < 0 else 'zero'}"
