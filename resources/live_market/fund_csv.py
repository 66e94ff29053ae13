"""A fund's holdings as CSV: tolerant about what columns are called, strict about what stands in them."""

import csv
import io
import re
from datetime import date, datetime

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.universe.halal import exclusion
from resources.live_market.fetched import FundHoldings

TICKER = ("stockticker", "ticker", "symbol", "holdingticker", "tickersymbol", "identifier")
WEIGHT = ("weightings", "weighting", "weight", "weightpercent", "percentofnetassets", "ofnetassets", "portfolioweight")
DAY = ("date", "asof", "asofdate", "effectivedate", "holdingsdate")
FUND = ("account", "fund", "fundticker", "etf")
DAY_FORMATS = ("%m/%d/%Y", "%Y-%m-%d", "%m/%d/%y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y")
HEADER_WITHIN = 15
"""Lines among which the header is looked for: a title may stand above it."""
WHOLE = (90.0, 110.0)
"""Percent that a whole file adds up to; a file that was cut off does not."""
BLOOMBERG = re.compile(r"([A-Z./-]+) (US|UN|UW|UQ|UR)( EQUITY)?")


def fund_holdings(fund: str, content: bytes, today: date) -> FundHoldings:
    """Read a file.

    Args:
        fund: rows of other funds are left out, where a column names the fund.
        content: the file.
        today: in New York; the day of a file that names none is the day before.

    Raises:
        DataError: no header with a ticker and a weight, a line of another length, a weight that is no number, several
            days, a day that is still to come, or weights that do not add up to a whole fund.
    """
    lines = _lines(fund, content)
    start, columns = _header(fund, lines)
    weights: dict[str, float] = {}
    left_out: dict[str, str] = {}
    days, total = set(), 0.0
    for number, line in enumerate(lines[start + 1 :], start=start + 2):
        if len(line) != len(lines[start]):
            msg = f"{fund}'s file, line {number}: {len(line)} fields under {len(lines[start])} columns"
            raise DataError(msg)
        if "fund" in columns and line[columns["fund"]].strip().upper() != fund:
            continue
        ticker = ticker_of(line[columns["ticker"]])
        if not ticker and not line[columns["weight"]].strip():
            continue  # a blank line of a sheet
        weight = _percent(fund, number, line[columns["weight"]])
        total += weight
        if "day" in columns:
            days.add(_day(fund, number, line[columns["day"]]))
        why = exclusion(ticker, frozenset(), frozenset()) if ticker else "no ticker"
        if why or weight <= 0:
            left_out[f"{ticker or f'line {number}'}"] = why or "no weight"
        else:
            weights[ticker] = weights.get(ticker, 0.0) + weight
    scale = _scale(fund, total)
    return FundHoldings(
        fund, _only(fund, days, today), {name: each * scale for name, each in weights.items()}, left_out
    )


def ticker_of(text: str) -> str:
    """A ticker as the house writes it: BRK.B, whether the file says BRK/B, BRK-B or `BRK/B US Equity`."""
    plain = text.strip().upper()
    if found := BLOOMBERG.fullmatch(plain):
        plain = found[1]
    return re.sub(r"(?<=[A-Z])[/-](?=[A-Z]$)", ".", plain)


def _lines(fund: str, content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
        return [line for line in csv.reader(io.StringIO(text), strict=True) if any(field.strip() for field in line)]
    except (UnicodeError, csv.Error) as error:
        msg = f"{fund}'s file cannot be read as CSV ({type(error).__name__})"
        raise DataError(msg) from None


def _header(fund: str, lines: list[list[str]]) -> tuple[int, dict[str, int]]:
    """Where the header stands, and the columns in it."""
    for row, line in enumerate(lines[:HEADER_WITHIN]):
        plain = [re.sub(r"[^a-z]", "", field.lower()) for field in line]
        wanted = {"ticker": TICKER, "weight": WEIGHT, "day": DAY, "fund": FUND}
        found = {
            name: plain.index(known)
            for name, names in wanted.items()
            for known in [next((each for each in names if each in plain), None)]
            if known is not None
        }
        if {"ticker", "weight"} <= found.keys():
            return row, found
    msg = f"{fund}'s file has no header with a ticker and a weight in its first {HEADER_WITHIN} lines"
    raise DataError(msg)


def _percent(fund: str, number: int, text: str) -> float:
    plain = text.strip().removesuffix("%").replace(",", "").strip()
    try:
        value = float(plain)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1000:  # noqa: PLR2004  also false for what is no number
        msg = f"{fund}'s file, line {number}: the weight {text!r} is no percentage"
        raise DataError(msg)
    return value


def _day(fund: str, number: int, text: str) -> date:
    for form in DAY_FORMATS:
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    msg = f"{fund}'s file, line {number}: {text!r} is no date"
    raise DataError(msg)


def _only(fund: str, days: set[date], today: date) -> date:
    if not days:
        return date.fromordinal(today.toordinal() - 1)
    if len(days) > 1 or max(days) > today:
        found = ", ".join(str(day) for day in sorted(days)[:3])
        msg = f"{fund}'s file is of {found}: one day, and none to come, was expected"
        raise DataError(msg)
    return days.pop()


def _scale(fund: str, total: float) -> float:
    """What makes percent of the file's weights: some write 0.05 for 5 %."""
    for scale in (1.0, 100.0):
        if WHOLE[0] <= total * scale <= WHOLE[1]:
            return scale
    msg = f"{fund}'s weights add up to {total:.2f}, not to a whole fund: the file is cut off, or is another table"
    raise DataError(msg)
