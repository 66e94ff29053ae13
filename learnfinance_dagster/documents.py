"""Values as JSON text and back, exactly: the form in which the ledger and the artifact store keep them.

Equal values give equal text: keys are sorted. Decimals are strings, floats their shortest exact form; a number that is
not finite is refused when it is written, not months later when it is read.
"""

import json
import math
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from learnfinance_dagster.errors import DataError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def to_json(value: Any) -> str:
    """JSON text of a dataclass, or of tuples and string-keyed dicts of them; ends with a newline.

    Dicts come back sorted by key, so nothing may depend on their order.

    Raises:
        DataError: a field holds something that could not be read back; the message names it.
    """
    plain = _plain(value, type(value).__name__)
    return json.dumps(plain, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(type_: type[T], text: str) -> T:
    """The value of that type which `to_json` wrote; nothing is guessed, converted or left out.

    Raises:
        DataError: the text is no JSON or does not fit the type; the message names every field that does not.
    """
    from pydantic import ValidationError

    try:
        return cast("T", _adapter(type_).validate_json(text, strict=True, extra="forbid"))
    except ValidationError as error:
        name = getattr(type_, "__name__", str(type_))
        faults = "; ".join(f"{'.'.join((name, *map(str, fault['loc'])))}: {fault['msg']}" for fault in error.errors())
        raise DataError(faults) from error


@cache
def _adapter(type_: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(type_)


def _plain(value: Any, where: str) -> Any:
    """The value in JSON's own types; `where` is its path from the root, for the message."""
    if isinstance(value, Enum):
        return _plain(value.value, where)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (float, Decimal)):
        return _number(value, where)
    if isinstance(value, date):  # datetimes too
        return value.isoformat()
    return _container(value, where)


def _number(value: float | Decimal, where: str) -> float | str:
    if not math.isfinite(value):
        msg = f"{where}: {value} is not a finite number"
        raise DataError(msg)
    return str(value) if isinstance(value, Decimal) else float(value)


def _container(value: Any, where: str) -> dict[str, Any] | list[Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name), f"{where}.{f.name}") for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [_plain(item, f"{where}.{place}") for place, item in enumerate(value)]
    if isinstance(value, dict):
        return {_key(key, where): _plain(item, f"{where}.{key}") for key, item in value.items()}
    msg = f"{where}: a {type(value).__name__} cannot be stored"
    raise DataError(msg)


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        msg = f"{where}: the key {key!r} is no string"
        raise DataError(msg)
    return key
