"""Tickers and their later names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Alias:
    """A company's ticker that was replaced by another."""

    old: str
    new: str
    since: date
    """First day under the new ticker. Before it, `new` may have been somebody else: META was a fund."""


ALIASES = (Alias("FB", "META", date(2022, 6, 9)), Alias("PCLN", "BKNG", date(2018, 2, 27)))
"""Renamings that sources disagree about. To extend it, add a line."""
LATER_NAMES: Mapping[str, str] = {alias.old: alias.new for alias in ALIASES}


def normalise(symbol: str) -> str:
    """Upper case, trimmed, aliases resolved; unknown symbols pass unchanged."""
    plain = symbol.strip().upper()
    return LATER_NAMES.get(plain, plain)


def with_aliases(symbols: Iterable[str]) -> tuple[str, ...]:
    """Every ticker by which a source may know these names: META gives META and FB."""
    asked = [normalise(symbol) for symbol in symbols]
    earlier = [alias.old for name in asked for alias in ALIASES if alias.new == name]
    return tuple(dict.fromkeys([*asked, *earlier]))


def name_at(ticker: str, day: date) -> str | None:
    """The name that a ticker meant on a day; None where it meant another company than it means today."""
    plain = ticker.strip().upper()
    if any(alias.new == plain and day < alias.since for alias in ALIASES):
        return None
    return LATER_NAMES.get(plain, plain)


def is_index(symbol: str) -> bool:
    """Whether it names an index, such as ^GSPC: it has bars, and nobody can hold it."""
    return symbol.startswith("^")
