"""The identity of an order: who asks twice for the same thing, asks with the same words."""

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.values import Side

MAX_LENGTH = 48
"""Alpaca's limit on client_order_id."""


def client_order_id(run_id: str, attempt: int, symbol: str, side: Side) -> str:
    """E.g. `paper:2025-12-29:attempt-1:AAPL:BUY`.

    Raises:
        DataError: longer than brokers accept.
    """
    identity = f"{run_id}:attempt-{attempt}:{symbol}:{side.value.upper()}"
    if len(identity) > MAX_LENGTH:
        msg = f"order id {identity!r} has {len(identity)} characters, brokers accept {MAX_LENGTH}"
        raise DataError(msg)
    return identity
