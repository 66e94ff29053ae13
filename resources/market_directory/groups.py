"""Rows of one name stand together, so that a question about a name is a slice.

A file may know a company by its old ticker, and the house asks by the new one, so names here are normalised. In a
market directory one symbol is one company for the whole file: the day from which a new ticker holds plays no part.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from learnfinance_dagster.symbols import normalise
from resources.market_directory.days import Days

LAST_DAY = np.datetime64("9999-12-31", "D")
"""No file names it: it stands for "never" while the earliest day is looked for."""


def rows_by_name(symbols: pd.Series, *keys: npt.NDArray) -> tuple[npt.NDArray[np.int64], dict[str, slice]]:
    """Sort rows by name and then by keys.

    Args:
        symbols: name of each row; rows without one are left out.
        keys: the least important first, as `numpy.lexsort` takes them.

    Returns:
        Row numbers in their new order (equal rows keep theirs), and where in it the rows of each normalised name stand.
    """
    code, names = _coded(symbols)
    order = np.lexsort((*keys, code))
    order = order[code[order] >= 0]
    edges = np.searchsorted(code[order], np.arange(len(names) + 1))
    starts_and_stops = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return order, {name: slice(*edge) for name, edge in zip(names, starts_and_stops, strict=True)}


def first_days(symbols: pd.Series, days: Days) -> dict[str, np.datetime64]:
    """Normalised name → its earliest day; rows without a name or a day are left out."""
    code, names = _coded(symbols)
    is_dated = (code >= 0) & ~np.isnat(days)
    first = np.full(len(names), LAST_DAY)
    np.minimum.at(first, code[is_dated], days[is_dated])
    return {name: day for name, day in zip(names, first, strict=True) if day != LAST_DAY}


def _coded(symbols: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The number of the normalised name of each row, -1 where there is none; and the names."""
    spelt, spellings = pd.factorize(symbols)
    names = [normalise(str(each)) for each in spellings]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    code = np.array([*(numbers[name] for name in names), -1], dtype=np.int64)
    return code[spelt], list(numbers)
