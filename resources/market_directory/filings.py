"""The statements of a market directory, asked as `ports.FilingsSource`."""

from collections.abc import Collection
from datetime import datetime

import numpy as np
import pandas as pd

from learnfinance_dagster.ports import FilingsAnswer
from learnfinance_dagster.schemas.market import Fundamentals
from learnfinance_dagster.signals.filings import NOT_PUBLIC
from learnfinance_dagster.symbols import normalise
from resources.market_directory.days import days_of, new_york_day
from resources.market_directory.groups import rows_by_name

_DTYPES = {
    name: "str" if str(column.dtype).startswith("str") else str(column.dtype)
    for name, column in Fundamentals.to_schema().columns.items()
}
NO_FILINGS = "this market has no filings"


class DirectoryFilings:
    """`ports.FilingsSource` over a frame in memory; rows that were not public yet may hold anything.

    Names are normalised, those of the file as those that are asked.
    """

    def __init__(self, name: str, filings: pd.DataFrame | None) -> None:
        """Sort the frame of `fundamentals.parquet`; None where there is none."""
        self._name = name
        self._is_there = filings is not None
        frame = pd.DataFrame(columns=pd.Index(_DTYPES)) if filings is None else filings[list(_DTYPES)]
        public = days_of(frame["available_on"])
        order, self._rows = rows_by_name(frame["symbol"], public, days_of(frame["fiscal_date_ending"]))
        names = np.repeat(list(self._rows), [rows.stop - rows.start for rows in self._rows.values()])
        self._filings = frame.take(order).assign(symbol=names).astype(_DTYPES)
        self._public = public[order]

    @property
    def name(self) -> str:
        """The market's name."""
        return self._name

    def filings(self, symbols: Collection[str], known_at: datetime) -> FilingsAnswer:
        """Statements whose `available_on` lies before `known_at`'s New York day, as `ports.FilingsSource` says."""
        today = new_york_day(known_at)
        missing: dict[str, str] = {}
        found = [np.empty(0, dtype=np.int64)]
        for symbol in sorted({normalise(symbol) for symbol in symbols}):
            rows = self._rows.get(symbol, slice(0, 0))
            public = rows.start + np.flatnonzero(self._public[rows] < today)
            found.append(public)
            if not len(public):
                missing[symbol] = NOT_PUBLIC if self._is_there else NO_FILINGS
        return FilingsAnswer(self._filings.take(np.concatenate(found)).reset_index(drop=True), missing)
