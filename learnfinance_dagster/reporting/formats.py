"""How numbers, dates and foreign words look in a report. A missing number is `n/a`, never `None`."""

import math
import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from learnfinance_dagster.calendar import KOLKATA, NEW_YORK
from learnfinance_dagster.values import Mode

NOT_AVAILABLE = "n/a"
SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
HAIR = 1e-9
"""Weights below this are rounding."""
LARGE, ENORMOUS = 100, 100_000
"""From these on a number loses its decimals, or all digits but one, where the column is narrow."""
LONGEST_LINE, LONGEST_NAME, LONGEST_TICKER = 300, 24, 9
"""Characters of a foreign sentence and of a foreign symbol in a letter; the last where a phone has no room."""
MODES = {Mode.LIVE: "live", Mode.DRY_RUN: "dry run"}


def percent(fraction: float | None, digits: int = 2) -> str:
    """`0.0042` → `0.42 %`."""
    return _percent(fraction, digits, plus="")


def signed_percent(fraction: float | None, digits: int = 2) -> str:
    """`0.0042` → `+0.42 %`; what rounds to zero has no sign."""
    return _percent(fraction, digits, plus="+")


def points(fraction: float | None) -> str:
    """`0.042` → `4.2`: a weight in a column that is headed percent; a dash where nothing is held."""
    if fraction is None:
        return NOT_AVAILABLE
    return _percent(fraction, 1, plus="").removesuffix(f"{SPACE}%") if abs(fraction) > HAIR else "–"


def margin(fraction: float | None) -> str:
    """`0.253` → `25.3`: in a column that is headed percent."""
    return _brief(None if fraction is None else fraction * 100, 1)


def ratio(value: float | None) -> str:
    """`1.4142` → `1.41`, `213.4` → `213`."""
    return _brief(value, 2)


def score(value: float | None) -> str:
    """`0.42` → `+0.42`; what rounds to zero has no sign."""
    return _brief(value, 2, plus="+")


def usd(amount: Decimal | float | None, digits: int = 0) -> str:
    """`Decimal("100042.4")` → `$100,042`."""
    if amount is None or not math.isfinite(amount):
        return NOT_AVAILABLE
    value = _rounded(amount, digits)
    return f"{MINUS if value < 0 else ''}${abs(value):,.{digits}f}"


def price(amount: Decimal | None) -> str:
    """`Decimal("182.5")` → `182.50`: USD a share, the sign left to the column's heading."""
    return NOT_AVAILABLE if amount is None else f"{_rounded(amount, 2):,.2f}".replace("-", MINUS)


def quantity(shares: Decimal) -> str:
    """`Decimal("12.000")` → `12`."""
    return f"{shares.normalize():,f}".replace("-", MINUS)


def day(when: date) -> str:
    """`29 Dec 2025`, whatever the locale."""
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def short_day(when: date) -> str:
    """`29 Dec`."""
    return f"{when.day} {_MONTHS[when.month - 1]}"


def month(when: date) -> str:
    """`Dec 2025`."""
    return f"{_MONTHS[when.month - 1]} {when.year}"


def weekday(when: date) -> str:
    """`Mon 29 Dec 2025`."""
    return f"{_DAYS[when.weekday()]} {day(when)}"


def decision_time(as_of: datetime) -> str:
    """The moment of decision in both cities."""
    india, new_york = as_of.astimezone(KOLKATA), as_of.astimezone(NEW_YORK)
    return f"{weekday(india.date())}, {india:%H:%M} in India (IST), {new_york:%H:%M} in New York"


def count(number: int, noun: str) -> str:
    """`1 order`, `2 orders`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def plain(text: str) -> str:
    """Foreign words on one line, without control characters: safe for a terminal and for a mail header."""
    return "".join(char if char.isprintable() else " " for char in text.replace(SPACE, " ")).strip()


def quoted(text: str, length: int) -> str:
    """A foreign sentence in quotation marks, at most `length` characters of it; empty where it says nothing.

    Addresses are left out: mail programs would make links of them.
    """
    words = " ".join(_ADDRESS.sub("[address]", plain(text)).split())
    return f"“{shortened(words, length)}”" if words else ""


def shortened(text: str, length: int) -> str:
    """At most `length` characters, with an ellipsis where something is missing."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _percent(fraction: float | None, digits: int, plus: str) -> str:
    if fraction is None or not math.isfinite(fraction):
        return NOT_AVAILABLE
    return f"{_signed(_rounded(fraction * 100, digits), digits, plus)}{SPACE}%"


def _brief(value: float | None, digits: int, plus: str = "") -> str:
    """A number that fits a narrow column: large ones lose their decimals, enormous ones their digits."""
    if value is None or not math.isfinite(value):
        return NOT_AVAILABLE
    if abs(value) >= ENORMOUS:
        return f"{value:.0e}".replace("-", MINUS).replace("+", "")
    digits = digits if abs(value) < LARGE else 0
    return _signed(_rounded(value, digits), digits, plus)


def _signed(value: Decimal, digits: int, plus: str) -> str:
    sign = MINUS if value < 0 else plus if value > 0 else ""
    return f"{sign}{abs(value):,.{digits}f}"


def _rounded(amount: Decimal | float, digits: int) -> Decimal:
    exact = amount if isinstance(amount, Decimal) else Decimal(repr(float(amount)))
    return exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


_ADDRESS = re.compile(r"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.)\S*", re.IGNORECASE)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
