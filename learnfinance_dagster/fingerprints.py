"""Names of trained versions: whatever decides what a training gives is hashed into them."""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from learnfinance_dagster.calendar import monday_of
from learnfinance_dagster.errors import DataError

SHORT = 12
"""Hex digits of a fingerprint in a version's name."""


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


def code_hash(files: Iterable[Path], package: Path) -> str:
    """sha256 of the code that decides what a training gives, 64 hex digits.

    Args:
        files: modules below `package`. Of their syntax trees comments, layout and docstrings do not count, and
            everything else does.
        package: what their names are relative to.
    """
    total = hashlib.sha256()
    for path in files:
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
