"""What the schemas of `learnfinance_dagster.schemas.market` demand, checked with the place of the first fault.

Pandera would list every failure of a frame; whoever brings half a million rows is helped more by the first, in words.
"""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from learnfinance_dagster.errors import DataError
from resources.market_directory.sheet import Sheet

_HINTS = {
    "date": 'pd.to_datetime(frame["{0}"]).dt.date',
    "text": 'frame["{0}"].astype("str")',
    "double": 'frame["{0}"].astype("float64")',
    "int64": 'frame["{0}"].astype("int64")',
    "timestamp": 'pd.to_datetime(frame["{0}"], utc=True).astype("datetime64[us, UTC]")',
}
_WORDS = {
    "greater_than": "must be above {min_value}",
    "greater_than_or_equal_to": "must be at least {min_value}",
    "less_than_or_equal_to": "must be at most {max_value}",
    "isin": "must be one of {allowed_values}",
}


def check_shape(sheet: Sheet) -> Sheet:
    """Check names, dtypes and nulls; return the sheet with its columns in the schema's order.

    Raises:
        DataError: a column is missing, unknown, doubled, of another dtype, or has a null where none may be.
    """
    columns = sheet.spec.schema.to_schema().columns
    _check_names(sheet, columns)
    table = sheet.table.select([name for name in columns if name in sheet.table.column_names])
    for name in table.column_names:
        table = _typed(sheet.file, table, name, columns[name])
    shaped = Sheet(sheet.file, table, sheet.spec)
    for name in table.column_names:
        if not columns[name].nullable and table.column(name).null_count:
            row = table.column(name).is_null().index(pa.scalar(value=True)).as_py()
            shaped.refuse(name, row, "is null; every row needs a value")
    return shaped


def check_values(sheet: Sheet) -> None:
    """Check that numbers are numbers, within the schema's ranges, and that names are names.

    Raises:
        DataError: NaN where none may be, infinity, a value out of range, a blank name.
    """
    columns = {name: sheet.spec.schema.to_schema().columns[name] for name in sheet.table.column_names}
    for name, column in columns.items():
        if pa.types.is_floating(sheet.table.schema.field(name).type):
            values = sheet.numbers(name)
            bad = np.isinf(values) if column.nullable else ~np.isfinite(values)
            sheet.refuse_where(bad, name, lambda row, values=values: f"is {values[row]}, not a finite number")
    for name, column in columns.items():
        for check in column.checks:
            _check_range(sheet, name, check)
    for name in sheet.spec.key:
        if _kind(sheet.table.schema.field(name).type) == "text":
            texts = sheet.texts(name)
            bad = ((texts == "") | (texts != texts.str.strip())).to_numpy(dtype=bool)
            sheet.refuse_where(
                bad, name, lambda row, texts=texts: f"is {texts[row]!r}: blank, or blanks around the name"
            )


def check_keys(sheet: Sheet, *, ordered: bool | None = None) -> None:
    """Check that rows are named once and, where the format or `ordered` says so, sorted by their key.

    Raises:
        DataError: a key appears twice, or a row stands before one that it follows.
    """
    key = sheet.spec.key
    ranks = [sheet.ranks(name) for name in key]
    if sheet.spec.unique:
        bad = pd.DataFrame(dict(enumerate(ranks))).duplicated().to_numpy()
        sheet.refuse_where(bad, key[-1], lambda _: f"a second row for the same {', '.join(key)}")
    if sheet.spec.ordered if ordered is None else ordered:
        falls = np.zeros(max(0, len(sheet.table) - 1), dtype=bool)
        for rank in reversed(ranks):
            step = np.diff(rank)
            falls = (step < 0) | ((step == 0) & falls)
        hint = f"frame.sort_values({list(key)})"
        sheet.refuse_where(
            np.concatenate([np.zeros(1, dtype=bool), falls]),
            key[-1],
            lambda row: f"is out of order after {sheet.place(key[-1], row - 1)}; sort with {hint}",
        )


def _check_names(sheet: Sheet, columns: dict[str, Any]) -> None:
    found = sheet.table.column_names
    known, shown = ", ".join(columns), ", ".join(found)
    for name, column in columns.items():
        if column.required and name not in found:
            msg = f"{sheet.file}: column {name} is missing; found {shown}"
            raise DataError(msg)
    for name, count in Counter(found).items():
        if name not in columns:
            hint = " (save with index=False)" if name.startswith("__index_level_") else ""
            msg = f"{sheet.file}: unknown column {name}{hint}; the columns are {known}"
            raise DataError(msg)
        if count > 1:
            msg = f"{sheet.file}: column {name} appears {count} times"
            raise DataError(msg)


def _typed(file: str, table: pa.Table, name: str, column: Any) -> pa.Table:
    expected = _expected(str(column.dtype))
    found = table.schema.field(name).type
    if pa.types.is_null(found) and (column.nullable or not len(table)):
        # pandas cannot tell the dtype of a column without a single value
        target = {"date": pa.date32(), "text": pa.large_string(), "double": pa.float64(), "int64": pa.int64()}.get(
            expected, pa.timestamp("us", tz="UTC")
        )
        return table.set_column(table.schema.get_field_index(name), name, table.column(name).cast(target))
    if _kind(found) != expected:
        wanted = {"date": "date32", "text": "string", "timestamp": "timestamp[us, tz=UTC]"}.get(expected, expected)
        msg = (
            f"{file}: column {name} has dtype {found} and must be {wanted}; "
            f'convert with frame["{name}"] = {_HINTS[expected].format(name)}'
        )
        raise DataError(msg)
    return table


def _expected(dtype: str) -> str:
    """The arrow kind of a schema's dtype; the only objects in the schemas are dates."""
    if dtype.startswith("str"):
        return "text"
    return {"object": "date", "float64": "double", "int64": "int64"}.get(dtype, "timestamp")


def _kind(dtype: pa.DataType) -> str:
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        return "text"
    exact = {
        pa.date32(): "date",
        pa.float64(): "double",
        pa.int64(): "int64",
        pa.timestamp("us", tz="UTC"): "timestamp",
    }
    return exact.get(dtype, str(dtype))


def _check_range(sheet: Sheet, name: str, check: Any) -> None:
    values = sheet.table.column(name).to_pandas()
    words = _WORDS.get(check.name, str(check.error)).format(**check.statistics)
    bad = ~check(values).check_output.to_numpy(dtype=bool)
    sheet.refuse_where(
        bad & values.notna().to_numpy(), name, lambda row: f"{sheet.table.column(name)[row].as_py()!r} {words}"
    )
