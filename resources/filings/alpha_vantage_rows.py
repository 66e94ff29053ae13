"""From rounds of answers to publications: the first sight of a quarter, and later sights that differ."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pandas as pd

from learnfinance_dagster.errors import RefusedError
from resources.filings.alpha_vantage_parse import Reports, in_dollars, published, quarter_items, reports
from resources.filings.answer import as_frame
from resources.filings.rounds import Round


@dataclass(frozen=True, slots=True)
class _Sight:
    """A quarter as it was once seen."""

    public: date
    items: dict[str, float]

    def says(self, items: dict[str, float]) -> bool:
        """Whether it holds exactly these numbers; NaN is NaN."""
        return all(
            was == items[item] or (math.isnan(was) and math.isnan(items[item])) for item, was in self.items.items()
        )


def publications(rounds: tuple[Round, ...], symbol: str, source: str, key: str) -> pd.DataFrame:
    """Rows of `schemas.market.Fundamentals`, sorted.

    The vendor overwrites what it corrects. What it said first stays a row, dated by the report date; what it said
    later is a further row, dated by the day it was fetched, because nobody could know it here before.

    Args:
        rounds: whole rounds, oldest first, at least one.
        symbol: name.
        source: what the column `source` says.
        key: the API key, for `reports`.

    Raises:
        DataError: an answer has not the vendor's shape.
        RefusedError: no report is in dollars.
    """
    dates = [_reports(each, symbol, "EARNINGS", key) for each in rounds]
    seen: dict[date, list[_Sight]] = {}
    for each in rounds:
        for end, items in _quarters(each, symbol, key):
            sights = seen.setdefault(end, [])
            if not sights:
                sights.append(_Sight(published(end, *dates), items))
            elif not sights[-1].says(items):
                unused = each.last_day <= sights[-1].public  # corrected before its day came
                day = sights.pop().public if unused else each.last_day
                sights.append(_Sight(day, items))
    if not seen:
        msg = f"the statements of {symbol} are not in USD"
        raise RefusedError(msg)
    return as_frame(
        {"symbol": symbol, "fiscal_date_ending": end, "available_on": sight.public, **sight.items, "source": source}
        for end, sights in sorted(seen.items())
        for sight in sights
    )


def latest_quarter(answers: dict[str, object], symbol: str, key: str) -> date:
    """The newest quarter of an INCOME_STATEMENT."""
    return max(reports(answers["INCOME_STATEMENT"], symbol, "INCOME_STATEMENT", key))


def _quarters(each: Round, symbol: str, key: str) -> Iterator[tuple[date, dict[str, float]]]:
    """Ends and items of a round's quarters that are in dollars."""
    income, balance = (_reports(each, symbol, function, key) for function in ("INCOME_STATEMENT", "BALANCE_SHEET"))
    for end in sorted({*income, *balance}):
        parts = income.get(end, {}), balance.get(end, {})
        if in_dollars(*parts):
            yield end, quarter_items(*parts, place=f"{symbol} {end}")


def _reports(each: Round, symbol: str, function: str, key: str) -> Reports:
    return reports(each.answers[function], symbol, function, key)
