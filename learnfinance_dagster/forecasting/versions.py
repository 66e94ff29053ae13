"""Names of versions: whatever decides what a training gives is hashed into them."""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from learnfinance_dagster.calendar import monday_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.panel import Panel

PACKAGE = Path(__file__).parents[1]
SHORT = 12
"""Hex digits of a fingerprint in a version's name."""
SNAPSHOT = "snapshot-"
_YEAR_END = re.compile(r"[12][0-9]{3}-12-31")


def fingerprint(parts: Mapping[str, Any]) -> str:
    """sha256 of named values, 64 hex digits.

    Args:
        parts: JSON and dates, nested at will. The order of keys does not matter, nor whether a list is a tuple; 1 and
            1.0 differ.

    Raises:
        DataError: a value is something else or not finite, or a key is no text.
    """
    _check_keys(parts)
    try:
        told = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)
    except (TypeError, ValueError) as error:
        msg = f"not to be hashed: {error}"
        raise DataError(msg) from error
    return hashlib.sha256(told.encode()).hexdigest()


def _plain(value: object) -> str | dict[Any, Any]:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"{type(value).__name__} is neither JSON nor a date"
    raise TypeError(msg)


def _check_keys(value: object) -> None:
    """JSON would turn the keys 1 and "1" into one."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not isinstance(key, str):
                msg = f"not to be hashed: the key {key!r} is no text"
                raise DataError(msg)
            _check_keys(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _check_keys(each)


def data_hash(panel: Panel) -> str:
    """sha256 of all that a training can see of the market, 64 hex digits: no number of it can change unseen."""
    total = hashlib.sha256(json.dumps([panel.symbols, panel.channels]).encode())
    for block in (panel.sessions, panel.values, panel.traded, panel.over):
        total.update(f"{block.dtype.str}{block.shape}".encode())
        total.update(np.ascontiguousarray(block).tobytes())
    return total.hexdigest()


SERVING = {"forecasts", "in_use", "plots", "walk_forward"}
"""Modules of the stage that no trained version depends on."""


@cache
def code_hash(package: Path = PACKAGE) -> str:
    """sha256 of the code that decides what a training gives, 64 hex digits; read once in a process.

    Args:
        package: folder with `forecasting/`, `returns.py` and `calendar.py`. Of their syntax trees comments, layout and
            docstrings do not count, and everything else does; modules that only serve what was trained do not.
    """
    total = hashlib.sha256()
    stage = [path for path in sorted((package / "forecasting").glob("*.py")) if path.stem not in SERVING]
    for path in (*stage, package / "returns.py", package / "calendar.py"):
        tree = _Wordless().visit(ast.parse(path.read_bytes()))
        total.update(f"{path.relative_to(package).as_posix()}\n{ast.dump(tree)}\n".encode())
    return total.hexdigest()


class _Wordless(ast.NodeTransformer):
    """Drops statements that are nothing but a text: docstrings, of fields and constants too."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node


def version_name(monday: date, fingerprint: str) -> str:
    """`v2025-12-28-0123456789ab`: the day before the Monday that it serves first, and what it was made of.

    Raises:
        DataError: the day is no Monday, or the fingerprint is none.
    """
    if monday != monday_of(monday) or not re.fullmatch(r"[0-9a-f]{12,64}", fingerprint):
        msg = f"no version can be named after {monday} ({monday:%A}) and {fingerprint!r}: a Monday and hex digits"
        raise DataError(msg)
    return f"v{monday - timedelta(days=1)}-{fingerprint[:SHORT]}"


def snapshot_name(year_end: date) -> str:
    """`snapshot-2019-12-31`: learned from nothing after that day.

    Raises:
        DataError: the day does not end a year.
    """
    if not _YEAR_END.fullmatch(year_end.isoformat()):
        msg = f"snapshots are made of whole years: {year_end} is not the last day of one"
        raise DataError(msg)
    return f"{SNAPSHOT}{year_end}"


def newest_before(snapshots: Iterable[str], day: date) -> str | None:
    """The newest snapshot that ended strictly before `day`; None when there is none.

    Args:
        snapshots: names of versions; those of no snapshot are passed over.
        day: of a decision. On 31 December that day's bar is not known yet, so it takes the year before.
    """
    ends = {name.removeprefix(SNAPSHOT): name for name in snapshots if name.startswith(SNAPSHOT)}
    usable = [end for end in ends if _YEAR_END.fullmatch(end) and date.fromisoformat(end) < day]
    return ends[max(usable)] if usable else None


def year_end_before(day: date) -> date:
    """The last 31 December strictly before `day`."""
    return date(day.year - 1, 12, 31)
