"""Bars that come as CSV, for those who bring their own: `Date,Symbol,Open,High,Low,Close,Adj Close,Volume`."""

import csv
import re
from collections import Counter
from pathlib import Path
from typing import NoReturn

import pandas as pd
import pyarrow as pa

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.market import MARKET_FILES
from resources.market_directory.checks import check_keys, check_shape, check_values
from resources.market_directory.rules import check_prices, check_sessions
from resources.market_directory.sheet import Sheet

_COLUMNS = {
    "Date": "date",
    "Symbol": "symbol",
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
}
_OPTIONAL = "Adj Close"


def read_bars_csv(path: Path | str) -> pd.DataFrame:
    """Read bars from a CSV; the result may be written as (part of) `bars.parquet`.

    Returns:
        date, symbol, open, high, low, close, adj_close (if there), volume; sorted by symbol, date.

    Raises:
        DataError: the file cannot be read, its header is not that of one table of bars, or a row is wrong.
            Row 0 is the first line below the header.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *lines = [line for line in csv.reader(file) if line] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        msg = f"{path.name} cannot be read as CSV: {error}"
        raise DataError(msg) from error
    _check_header(path.name, header)
    for row, line in enumerate(lines):
        if len(line) != len(header):
            msg = f"{path.name}, row {row}: {len(line)} fields under {len(header)} columns"
            raise DataError(msg)
    texts = pd.DataFrame(lines, columns=pd.Index(header), dtype="str")
    frame = pd.DataFrame(
        {name: _parsed(path.name, texts, column) for column, name in _COLUMNS.items() if column in texts}
    )
    sheet = check_shape(Sheet(path.name, pa.Table.from_pandas(frame), MARKET_FILES["bars"]))
    check_values(sheet)
    check_prices(sheet)
    check_keys(sheet, ordered=False)
    check_sessions(sheet, "date")
    return frame.sort_values(["symbol", "date"], ignore_index=True)


def _check_header(file: str, header: list[str]) -> None:
    # pandas writes a doubled name as "Open.1"
    counts = Counter(re.sub(r"\.\d+$", "", name) for name in header)
    doubled = [name for name, count in counts.items() if count > 1]
    if doubled:
        msg = (
            f"{file}: columns {', '.join(doubled)} appear more than once: several tickers stand side by side; "
            "write one row per ticker and day"
        )
        raise DataError(msg)
    for name in _COLUMNS:
        if name not in header and name != _OPTIONAL:
            msg = f"{file}: column {name} is missing; found {', '.join(header)}"
            raise DataError(msg)
    for name in header:
        if name not in _COLUMNS:
            msg = f"{file}: unknown column {name}; the columns are {', '.join(_COLUMNS)}"
            raise DataError(msg)


def _parsed(file: str, texts: pd.DataFrame, column: str) -> pd.Series:
    values = texts[column]
    if column == "Symbol":
        return values
    if column == "Date":
        parsed = pd.to_datetime(values, format="%Y-%m-%d", errors="coerce")
        if parsed.isna().any():
            _refuse(file, texts, column, int(parsed.isna().argmax()), "is no date like 2020-01-02")
        return parsed.dt.date
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.isna().any():
        _refuse(file, texts, column, int(numbers.isna().argmax()), "is no number")
    if column != "Volume":
        return numbers.astype("float64")
    if (numbers % 1 != 0).any():
        _refuse(file, texts, column, int((numbers % 1 != 0).argmax()), "is no whole number of shares")
    return numbers.astype("int64")


def _refuse(file: str, texts: pd.DataFrame, column: str, row: int, problem: str) -> NoReturn:
    key = f"{texts['Symbol'].iloc[row]} {texts['Date'].iloc[row]}"
    msg = f"{file}, column {column}, row {row} ({key}): {texts[column].iloc[row]!r} {problem}"
    raise DataError(msg)
