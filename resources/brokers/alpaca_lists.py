"""Alpaca's lists, all pages of them.

Orders have no page tokens: a page ends in a moment, and the next one begins there. Several orders may share that
moment, so those at the end of a full page are asked for again.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from learnfinance_dagster.errors import DataError
from resources.brokers.alpaca_orders import AlpacaOrder, Execution, execution_of, list_of, order_of

Ask = Callable[[str, Mapping[str, Any]], Any]
"""(path, parameters) → the answer as it came."""
ORDERS_A_PAGE = 500
FILLS_A_PAGE = 100


def orders(ask: Ask, status: str, after: datetime | None = None, page: int = ORDERS_A_PAGE) -> tuple[AlpacaOrder, ...]:
    """Orders of a status (`open` or `all`) that were submitted after a moment, oldest first.

    Raises:
        DataError: the pages lead nowhere.
    """
    found: dict[str, AlpacaOrder] = {}
    since = None if after is None else _stamp(after)
    while True:
        parameters = {"status": status, "direction": "asc", "limit": page} | ({"after": since} if since else {})
        batch = [order_of(raw) for raw in list_of(ask("/orders", parameters), "orders")]
        known = len(found)
        # An order's moment may move on while it is read: the newest word counts, and it keeps its place.
        found |= {order.record.broker_order_id: order for order in batch}
        if len(batch) < page:
            return tuple(found.values())
        moments = [order.submitted_at for order in batch]
        earlier = [moment for moment in moments if moment != moments[-1]]
        if not earlier or len(found) == known:
            msg = f"Alpaca: a page of {page} orders does not lead to the next one"
            raise DataError(msg)
        since = earlier[-1]


def executions(ask: Ask, after: datetime, page: int = FILLS_A_PAGE) -> tuple[Execution, ...]:
    """Every FILL since shortly before a moment, oldest first.

    Raises:
        DataError: the pages lead nowhere.
    """
    found: dict[str, Execution] = {}
    since = _stamp(after - timedelta(minutes=1))
    token: dict[str, str] = {}
    while True:
        parameters = {"after": since, "direction": "asc", "page_size": page} | token
        batch = [execution_of(raw) for raw in list_of(ask("/account/activities/FILL", parameters), "executions")]
        known = len(found)
        found |= {execution.id: execution for execution in batch}
        if len(batch) < page:
            return tuple(found.values())
        if len(found) == known:
            msg = f"Alpaca: a page of {page} executions does not lead to the next one"
            raise DataError(msg)
        token = {"page_token": batch[-1].id}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
