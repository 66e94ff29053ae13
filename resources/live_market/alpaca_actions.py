"""Alpaca's corporate actions: splits and cash dividends by name and ex-date; the rest is told."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.symbols import normalise

SPLITS = ("forward_splits", "reverse_splits")
STOCK_DIVIDENDS, CASH_DIVIDENDS = "stock_dividends", "cash_dividends"
Key = tuple[str, date]


@dataclass(slots=True)
class Events:
    """What happens to a share before the open of its ex-date."""

    splits: dict[Key, float] = field(default_factory=dict)
    dividends: dict[Key, float] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)


def events_of(pages: Iterable[dict[str, list[Any]]], through: date = date.max) -> Events:
    """Read all pages; an action that comes twice, by its id, counts once. What is of later days is not read.

    Raises:
        DataError: a split or a dividend that cannot be read: prices without it would pass for returns.
    """
    events, seen = Events(), set()
    for page in pages:
        for kind, rows in page.items():
            for row in rows:
                try:
                    if row["id"] in seen or _day_of(row) > through.isoformat():
                        continue
                    seen.add(row["id"])
                    _add(events, kind, row)
                except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
                    msg = f"Alpaca's {kind.replace('_', ' ')} cannot be read ({type(error).__name__})"
                    raise DataError(msg) from None
    return events


def _add(events: Events, kind: str, row: dict[str, Any]) -> None:
    if kind not in (*SPLITS, STOCK_DIVIDENDS, CASH_DIVIDENDS):
        who = row.get("symbol") or row.get("old_symbol") or row.get("source_symbol") or "?"
        events.odd.append(f"{who} {_day_of(row)}: {kind.replace('_', ' ')}, not read")
        return
    key = normalise(row["symbol"]), date.fromisoformat(row["ex_date"])
    if kind == CASH_DIVIDENDS:
        value = float(row["rate"])
        events.dividends[key] = events.dividends.get(key, 0.0) + value
    else:
        value = 1 + float(row["rate"]) if kind == STOCK_DIVIDENDS else float(row["new_rate"]) / float(row["old_rate"])
        events.splits[key] = events.splits.get(key, 1.0) * value
    if value <= 0:
        raise ValueError


def _day_of(row: dict[str, Any]) -> str:
    return str(row.get("ex_date") or row.get("process_date"))
