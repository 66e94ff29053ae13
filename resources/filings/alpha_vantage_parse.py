"""What Alpha Vantage answers: which of its answers are errors, and which numbers a report holds.

Every error comes with HTTP 200. Amounts are strings, and `None` is a string too.
"""

import math
import re
from datetime import date, timedelta
from typing import Any

from learnfinance_dagster.errors import ConfigurationError, DataError, RefusedError, TransientError
from resources.filings.answer import day_of

FUNCTIONS = ("INCOME_STATEMENT", "BALANCE_SHEET", "EARNINGS")
"""In the order of asking: the first shows whether there is a new quarter at all."""
REPORTS = {"INCOME_STATEMENT": "quarterlyReports", "BALANCE_SHEET": "quarterlyReports", "EARNINGS": "quarterlyEarnings"}
ASSUMED_DELAY = timedelta(days=90)
"""From a quarter's end to its publication where EARNINGS has no date: the SEC allows 40 to 60 days for the quarter and
up to 90 for the year, so nothing is used too early."""
SAME_QUARTER = timedelta(days=10)
"""EARNINGS writes month ends also for companies whose quarters end on another day of that week or the next."""
LATEST_DELAY = timedelta(days=400)
"""A report date further from its quarter is a typing error."""
TOO_FAST = re.compile(r"per second|sparingly|burst pattern|per minute|call frequency", re.IGNORECASE)
USED_UP = re.compile(r"per day|daily", re.IGNORECASE)
BAD_KEY = re.compile(r"api ?key.*(invalid|missing|demo)|(invalid|missing|demo).*api ?key", re.IGNORECASE)
WORDS = 160
"""Characters of the vendor's words that a reason repeats."""

INCOME_ITEMS = {
    "total_revenue": "totalRevenue",
    "gross_profit": "grossProfit",
    "operating_income": "operatingIncome",
    "net_income": "netIncome",
}
BALANCE_ITEMS = {
    "total_assets": "totalAssets",
    "total_current_assets": "totalCurrentAssets",
    "net_receivables": "currentNetReceivables",
    "total_current_liabilities": "totalCurrentLiabilities",
    "total_liabilities": "totalLiabilities",
    "total_shareholder_equity": "totalShareholderEquity",
    "shares_outstanding": "commonStockSharesOutstanding",
}

Reports = dict[date, dict[str, Any]]
"""End of the fiscal quarter → the report as it came."""


class TooFastError(TransientError):
    """The vendor wants to be asked more slowly."""


class UsedUpError(RefusedError):
    """No more calls today."""


def ticker(name: str) -> str:
    """The vendor writes share classes with a dash: BRK-B."""
    return name.replace(".", "-")


def reports(payload: Any, symbol: str, function: str, key: str) -> Reports:
    """The quarterly reports of an answer.

    Args:
        payload: the answer.
        symbol: whom it should be about.
        function: what was asked.
        key: the API key: the vendor repeats it in its errors, we never do.

    Raises:
        TooFastError: ask more slowly.
        UsedUpError: today's calls are used up.
        ConfigurationError: the key is not accepted.
        RefusedError: the vendor has nothing about the symbol.
        DataError: the answer is something else.
    """
    if not isinstance(payload, dict):
        msg = f"{function} of {symbol} is a {type(payload).__name__}, not an object"
        raise DataError(msg)
    _check_no_error(payload, symbol, function, key)
    items = payload.get(REPORTS[function])
    if payload.get("symbol") != ticker(symbol) or not isinstance(items, list):
        msg = f"{function} of {symbol}: the answer is not about {symbol}, or has no {REPORTS[function]}"
        raise DataError(msg)
    if not items and function != "EARNINGS":
        msg = f"Alpha Vantage has no quarterly reports in {function} of {symbol}"
        raise RefusedError(msg)
    found: Reports = {}
    for item in items:
        place = f"{function} of {symbol}"
        end = day_of(item.get("fiscalDateEnding") if isinstance(item, dict) else None, f"{place}: fiscalDateEnding")
        if found.setdefault(end, item) != item:
            msg = f"{place}: two different reports for {end}"
            raise DataError(msg)
    return found


def _check_no_error(payload: dict[str, Any], symbol: str, function: str, key: str) -> None:
    if not payload:
        msg = f"Alpha Vantage does not know {symbol}: {function} is empty"
        raise RefusedError(msg)
    complaint = next((payload[word] for word in ("Information", "Note", "Error Message") if word in payload), None)
    if complaint is None:
        return
    text = str(complaint).replace(key, "***") if key else str(complaint)
    said = f"Alpha Vantage answers {function} of {symbol} with: {text[:WORDS]}"
    if "Error Message" not in payload and TOO_FAST.search(text):
        raise TooFastError(said)
    if "Error Message" not in payload and USED_UP.search(text):
        raise UsedUpError(said)
    if BAD_KEY.search(text):
        msg = f"{said} (check ALPHA_VANTAGE_API_KEY)"
        raise ConfigurationError(msg)
    raise RefusedError(said)


def quarter_items(income: dict[str, Any], balance: dict[str, Any], place: str) -> dict[str, float]:
    """The items of `schemas.market.Fundamentals` in a quarter's two reports; NaN where the source has none.

    Revenue is as the vendor gives it; for some companies it is less by the interest paid (AAPL, MSFT: 1 %).

    Raises:
        DataError: a number is none; the message names `place` and the field.
    """
    items = {item: amount(income, field, place) for item, field in INCOME_ITEMS.items()}
    items |= {item: amount(balance, field, place) for item, field in BALANCE_ITEMS.items()}
    return items | {"cash_and_equivalents": _cash(balance, place), "total_debt": _debt(balance, place)}


def in_dollars(*parts: dict[str, Any]) -> bool:
    """Whether none of a quarter's reports is in another currency."""
    return all(part.get("reportedCurrency", "USD") in ("USD", "None", None) for part in parts)


def amount(report: dict[str, Any], field: str, place: str) -> float:
    """A number; NaN where the vendor writes that it has none. A true 0 stays 0.

    Raises:
        DataError: it is neither.
    """
    value = report.get(field)
    if value is None or (isinstance(value, str) and value.strip() in ("", "None", "-")):
        return math.nan
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        msg = f"{place}: {field} is {value!r}, no number"
        raise DataError(msg)
    return number


def published(end: date, *earnings: Reports) -> date:
    """The day a quarter became public: what the first EARNINGS that dates it says, or a safe delay."""
    known = (_reported(end, each) for each in earnings)
    return next((day for day in known if day), end + ASSUMED_DELAY)


def _reported(end: date, earnings: Reports) -> date | None:
    """The report date of the nearest quarter."""
    for each in sorted(earnings, key=lambda other: (abs(other - end), other)):
        text = earnings[each].get("reportedDate")
        try:
            day = date.fromisoformat(text) if isinstance(text, str) else end
        except ValueError:
            day = end
        if abs(each - end) <= SAME_QUARTER and end < day <= end + LATEST_DELAY:
            return day
    return None


def _cash(balance: dict[str, Any], place: str) -> float:
    """Cash, equivalents and short-term securities: what halal screens hold against a company.

    The parts come first: the vendor's own sum leaves the securities out now and then.
    """
    fields = ("cashAndCashEquivalentsAtCarryingValue", "shortTermInvestments", "cashAndShortTermInvestments")
    cash, securities, both = (amount(balance, field, place) for field in fields)
    if not math.isnan(cash + securities):
        return cash + securities
    return cash if math.isnan(both) else both


def _debt(balance: dict[str, Any], place: str) -> float:
    """Interest-bearing debt: the two lines of the balance sheet, or else the vendor's total.

    The total counts long-term debt twice in some annual reports (AAPL 2021: 242 bn, where the filing has 125 bn), and
    forgets the part that is due in others: one smaller than that part is no total, and the debt is unknown.
    """
    fields = ("currentDebt", "longTermDebtNoncurrent", "shortLongTermDebtTotal")
    due, later, total = (amount(balance, field, place) for field in fields)
    if not math.isnan(due + later):
        return due + later
    return math.nan if total < due else total
