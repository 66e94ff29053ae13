"""Alpaca's answers as values. What is missing, of another type, or in an unknown word is an error, and never a zero.

Numbers come as text with up to nine decimals and stay exact. Share classes have a dot at Alpaca and a dash in this
house.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from learnfinance_dagster.calendar import new_york_day
from learnfinance_dagster.errors import ConfigurationError, DataError
from learnfinance_dagster.values import Fill, Order, OrderRecord, OrderStatus, Side

STATUSES: Mapping[str, OrderStatus] = {
    # It waits, or trades.
    "pending_new": OrderStatus.ACCEPTED,
    "accepted": OrderStatus.ACCEPTED,
    "accepted_for_bidding": OrderStatus.ACCEPTED,
    "new": OrderStatus.ACCEPTED,
    "partially_filled": OrderStatus.ACCEPTED,
    # Somebody looks at it, or holds it back: it may still trade.
    "held": OrderStatus.ACCEPTED,
    "pending_review": OrderStatus.ACCEPTED,
    "suspended": OrderStatus.ACCEPTED,
    # A change was asked for and is not made: until then it may still trade.
    "pending_cancel": OrderStatus.ACCEPTED,
    "pending_replace": OrderStatus.ACCEPTED,
    # Its trade is promised and not made; or the day is over and not yet counted. Both end as filled or expired.
    "stopped": OrderStatus.ACCEPTED,
    "done_for_day": OrderStatus.ACCEPTED,
    "calculated": OrderStatus.ACCEPTED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    # This house never replaces an order. Somebody did: this one is dead, and its heir has an id that is not ours.
    "replaced": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}
"""Alpaca's words → ours. A partly filled order that ends as cancelled or expired is dead, and its fills count."""
ENDS = {
    OrderStatus.CANCELLED: "cancelled at Alpaca",
    OrderStatus.EXPIRED: "expired at the close",
    OrderStatus.REJECTED: "rejected by Alpaca after it was taken",
}
WIRE_PLACES = Decimal("0.000000001")


def wire(symbol: str) -> str:
    """Our symbol as Alpaca writes it."""
    return symbol.replace("-", ".")


def ours(symbol: str) -> str:
    """Alpaca's symbol as we write it."""
    return symbol.replace(".", "-")


def plain(number: Decimal) -> str:
    """A number without an exponent, with at most nine decimals.

    Raises:
        DataError: it has more, or is none.
    """
    if not number.is_finite() or number != number.quantize(WIRE_PLACES):
        msg = f"{number} is no number that Alpaca takes: nine decimals at most"
        raise DataError(msg)
    return f"{number.normalize():f}"


@dataclass(frozen=True, slots=True)
class AlpacaOrder:
    """An order, and what of Alpaca's own knowledge of it matters."""

    record: OrderRecord
    filled: Decimal
    submitted_at: str
    """As it came: it has nanoseconds, and pages are told apart by them."""

    @property
    def moment(self) -> datetime:
        """When it was submitted, to the microsecond."""
        return _moment(self.submitted_at)


def order_of(raw: Any) -> AlpacaOrder:
    """An order of an account, whoever sent it; what an order of somebody else does not have is zero."""
    symbol, identity = _text(raw, "symbol"), _text(raw, "client_order_id")
    word, filled = _text(raw, "status"), _number(raw, "filled_qty")
    status = STATUSES.get(word)
    if status is None:
        msg = f"Alpaca: order {identity} is {word!r}, which nobody has explained to this program"
        raise DataError(msg)
    qty = _number_or_none(raw, "qty")
    order = Order(
        client_order_id=identity,
        symbol=ours(symbol),
        side=_side(raw),
        qty=filled if qty is None else qty,
        limit_price=_number_or_none(raw, "limit_price") or Decimal(0),
        last_price=Decimal(0),
        current_weight=0.0,
        target_weight=0.0,
    )
    reason = ENDS.get(status, "")
    if reason and filled:
        reason = f"{reason}, {plain(filled)} of {plain(order.qty)} filled"
    if word == "replaced":
        reason = f"{reason}: somebody replaced it by another order"
    submitted = raw.get("submitted_at") or _text(raw, "created_at")
    found = AlpacaOrder(OrderRecord(order, status, reason, _text(raw, "id")), filled, submitted)
    _moment(found.submitted_at)
    return found


def cash_of(raw: Any) -> Decimal:
    """Cash of an account in USD.

    Raises:
        ConfigurationError: the account has another currency.
    """
    cash, currency = _number(raw, "cash"), _text(raw, "currency")
    if currency != "USD":
        msg = f"the account is kept in {currency}, and everything here is in USD"
        raise ConfigurationError(msg)
    return cash


def owns_something(raw: Any) -> bool:
    """Whether an account's own sum says that it holds shares: an empty list of positions would then be wrong."""
    return _number(raw, "long_market_value") != 0


def positions_of(raw: Any) -> dict[str, Decimal]:
    """Shares by symbol.

    Raises:
        ConfigurationError: the account holds what this house cannot hold.
    """
    positions: dict[str, Decimal] = {}
    for item in list_of(raw, "positions"):
        symbol, qty, kind = ours(_text(item, "symbol")), _number(item, "qty"), _text(item, "asset_class")
        if kind != "us_equity" or qty < 0:
            msg = f"the account holds {qty} of {symbol} ({kind}); only US shares that are owned can be traded: close it"
            raise ConfigurationError(msg)
        if symbol in positions:
            msg = f"Alpaca: {symbol} is held twice"
            raise DataError(msg)
        positions[symbol] = qty
    return positions


@dataclass(frozen=True, slots=True)
class Execution:
    """One FILL activity."""

    id: str
    order_id: str
    qty: Decimal
    price: Decimal
    moment: datetime

    def of(self, order: Order) -> Fill:
        """As an execution of that order. A paper broker charges no commission, so the cost is zero."""
        day = new_york_day(self.moment)
        return Fill(order.client_order_id, order.symbol, order.side, self.qty, self.price, Decimal(0), day)


def execution_of(raw: Any) -> Execution:
    """A FILL activity. Its id begins with a local time, which is never read."""
    return Execution(
        id=_text(raw, "id"),
        order_id=_text(raw, "order_id"),
        qty=_number(raw, "qty"),
        price=_number(raw, "price"),
        moment=_moment(_text(raw, "transaction_time")),
    )


def list_of(raw: Any, what: str) -> list[Any]:
    """The list that was asked for."""
    if isinstance(raw, list):
        return raw
    msg = f"Alpaca: no list of {what} but {type(raw).__name__}"
    raise DataError(msg)


def _text(raw: Any, name: str) -> str:
    value = raw.get(name) if isinstance(raw, dict) else None
    if isinstance(value, str) and value:
        return value
    msg = f"Alpaca: {name} is missing or no text in {_shape(raw)}"
    raise DataError(msg)


def _number_or_none(raw: Any, name: str) -> Decimal | None:
    """None where Alpaca says null, e.g. the limit of a market order."""
    if isinstance(raw, dict) and name in raw and raw[name] is None:
        return None
    return _number(raw, name)


def _number(raw: Any, name: str) -> Decimal:
    told = _text(raw, name)
    try:
        number = Decimal(told)
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_finite():
        return number
    msg = f"Alpaca: {name} is {told!r}, which is no number"
    raise DataError(msg)


def _side(raw: Any) -> Side:
    word = _text(raw, "side")
    if word in set(Side):
        return Side(word)
    msg = f"Alpaca: side is {word!r}"
    raise DataError(msg)


def _moment(text: str) -> datetime:
    """RFC 3339, to the microsecond."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        msg = f"Alpaca: {text!r} is no moment"
        raise DataError(msg)
    return found.astimezone(UTC)


def _shape(raw: Any) -> str:
    """What an answer looks like, without telling what is in it."""
    return f"an object of {len(raw)} fields" if isinstance(raw, dict) else f"a {type(raw).__name__}"
