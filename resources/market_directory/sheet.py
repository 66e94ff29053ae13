"""One table on its way in: where it came from, and how its places are named in an error."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.market import MarketFile

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that is being checked. Row numbers count from 0, as the file stores them."""

    file: str
    table: pa.Table
    spec: MarketFile

    def numbers(self, column: str) -> npt.NDArray[np.float64]:
        """A numeric column; null becomes NaN."""
        return np.asarray(self.table.column(column).to_numpy(), dtype=np.float64)

    def days(self, column: str) -> npt.NDArray[np.datetime64]:
        """A date column as `datetime64[D]`; null becomes NaT."""
        return self.table.column(column).to_numpy().astype("datetime64[D]")

    def texts(self, column: str) -> "pd.Series[str]":
        """A text column."""
        return self.table.column(column).to_pandas()

    def ranks(self, column: str) -> npt.NDArray[np.int64]:
        """Integers that compare as the column's values do."""
        if pa.types.is_large_string(self.table.schema.field(column).type) or pa.types.is_string(
            self.table.schema.field(column).type
        ):
            return pd.factorize(self.texts(column), sort=True)[0].astype(np.int64)
        return self.table.column(column).to_numpy().astype(np.int64)

    def place(self, column: str, row: int) -> str:
        """File, column and row, with the row's key, e.g. `bars.parquet, column close, row 7 (AAPL 2020-01-02)`."""
        key = " ".join(str(self.table.column(name)[row].as_py()) for name in self.spec.key)
        return f"{self.file}, column {column}, row {row} ({key})"

    def refuse(self, column: str, row: int, problem: str) -> NoReturn:
        """Raise the `DataError` for one row."""
        msg = f"{self.place(column, row)}: {problem}"
        raise DataError(msg)

    def refuse_where(self, bad: Mask, column: str, problem: Callable[[int], str]) -> None:
        """Raise for the first row where `bad`; `problem` tells what is wrong with a row."""
        if bad.any():
            row = int(bad.argmax())
            self.refuse(column, row, problem(row))


def read_sheet(path: Path, spec: MarketFile) -> Sheet:
    """Read one Parquet file.

    Raises:
        DataError: the file is missing, cannot be read, or is not Parquet.
    """
    try:
        with pq.ParquetFile(path) as file:
            return Sheet(path.name, file.read(), spec)
    except FileNotFoundError as error:
        msg = f"{path.name} is missing from {path.parent}"
        raise DataError(msg) from error
    except pa.ArrowInvalid as error:
        msg = f"{path.name} is not a Parquet file: {error}"
        raise DataError(msg) from error
    except (OSError, pa.ArrowException) as error:
        msg = f"{path.name} cannot be read: {error}"
        raise DataError(msg) from error
