"""Tables and schemas as the web UI shows them."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import dagster as dg
import pandera.pandas as pa


def column_schema(model: type[pa.DataFrameModel]) -> dg.TableSchema:
    """A pandera model as Dagster's table schema, with each column's description."""
    columns = model.to_schema().columns
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, type=_words(str(column.dtype)), description=column.description or "")
            for name, column in columns.items()
        ]
    )


def _words(dtype: str) -> str:
    """What a column holds, for people who do not read code. Objects are dates here: pandas has no type for them."""
    known = {"object": "date", "bool": "yes or no", "int64": "whole number", "float64": "number"}
    kinds = {"str": "text", "datetime": "time, UTC"}
    found = [words for start, words in kinds.items() if dtype.startswith(start)]
    return found[0] if found else known.get(dtype, dtype)


@cache
def stored_type(name: str, *kinds: type) -> dg.DagsterType:
    """The type of an asset that stores one of `kinds`; Dagster wants one object per name."""
    return dg.PythonObjectDagsterType(kinds, name)


def png(picture: bytes) -> dg.MetadataValue:
    """A picture, shown in the UI behind a click."""
    return dg.MetadataValue.md(f"![picture](data:image/png;base64,{b64encode(picture).decode()})")


def markdown(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> dg.MetadataValue:
    """A table that a person reads in the UI; the word `none` where there is nothing to tell."""
    rows = list(rows)
    if not rows:
        return dg.MetadataValue.text("none")
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))
