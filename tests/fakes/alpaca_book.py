"""One paper account as Alpaca keeps it: orders, holds, executions, and the words in which it declines.

Pure state; `alpaca_paper.py` puts it on the wire. Bodies of refusals and the fields of orders, positions, accounts and
executions are those that were recorded (`../shared/data/api/alpaca_paper_recorded`). What nobody recorded is kept as
simple as possible: margin is cash times a multiplier, prices are what the test says, and a share that is held counts
as worth 100 USD.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
OPEN = frozenset({"pending_new", "accepted", "new", "partially_filled", "held", "suspended", "done_for_day"})
ZERO = Decimal(0)


class RefusalError(Exception):
    """What Alpaca answers when it declines."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body


@dataclass
class PaperOrder:
    """One order. Change it through its account, or plant oddities from a test."""

    id: str
    client_order_id: str
    symbol: str
    side: str
    type: str
    qty: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    submitted_at: str
    expires_at: str
    status: str = "pending_new"
    filled_qty: Decimal = ZERO
    paid: Decimal = ZERO
    """Sum of quantity times price, USD."""
    ended: dict[str, str] = field(default_factory=dict)
    """E.g. `canceled_at`."""

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def left(self) -> Decimal:
        return (self.qty or ZERO) - self.filled_qty

    def as_json(self) -> dict[str, Any]:
        average = plain((self.paid / self.filled_qty).quantize(Decimal("0.000001"))) if self.filled_qty else None
        moments = dict.fromkeys(("canceled_at", "expired_at", "failed_at", "filled_at", "replaced_at"))
        return {
            "asset_class": "us_equity",
            "asset_id": str(UUID(int=sum(map(ord, self.symbol)))),
            "client_order_id": self.client_order_id,
            "created_at": self.submitted_at,
            "expires_at": self.expires_at,
            "extended_hours": False,
            "filled_avg_price": average,
            "filled_qty": plain(self.filled_qty),
            "hwm": None,
            "id": self.id,
            "legs": None,
            "limit_price": _or_none(self.limit_price),
            "notional": _or_none(self.notional),
            "order_class": "",
            "order_type": self.type,
            "position_intent": f"{self.side}_to_{'open' if self.side == 'buy' else 'close'}",
            "qty": _or_none(self.qty),
            "replaced_by": None,
            "replaces": None,
            "side": self.side,
            "source": None,
            "status": self.status,
            "stop_price": None,
            "submitted_at": self.submitted_at,
            "subtag": None,
            "symbol": self.symbol,
            "time_in_force": "day",
            "trail_percent": None,
            "trail_price": None,
            "type": self.type,
            "updated_at": self.submitted_at,
            **moments,
            **self.ended,
        }


@dataclass
class PaperAccount:
    """One account and its book. A test moves it with `trade`, `execute`, `cancel`, `reject` and `close`."""

    cash: Decimal
    positions: dict[str, Decimal] = field(default_factory=dict)
    multiplier: int = 4
    """Buying power is cash times this, less what open buys have reserved."""
    unfractionable: frozenset[str] = frozenset()
    refusals: dict[str, RefusalError] = field(default_factory=dict)
    """Symbol → what every order of it is answered with."""
    orders: list[PaperOrder] = field(default_factory=list)
    """In the order in which they came."""
    activities: list[dict[str, str]] = field(default_factory=list)
    """FILL activities, oldest first."""
    _numbers: count = field(default_factory=lambda: count(1))

    def find(self, client_order_id: str) -> PaperOrder | None:
        return next((order for order in self.orders if order.client_order_id == client_order_id), None)

    def ids(self) -> list[str]:
        """client_order_ids, in the order in which they came: what a test compares with what was intended."""
        return [order.client_order_id for order in self.orders]

    # ---- orders ----------------------------------------------------------------------------------------------------

    def submit(self, asked: Mapping[str, Any], now: datetime, expires: datetime) -> PaperOrder:
        """Take an order, or raise `RefusalError`."""
        symbol, side, identity = str(asked["symbol"]), str(asked["side"]), str(asked.get("client_order_id", ""))
        qty, notional, limit = (_decimal(asked.get(name)) for name in ("qty", "notional", "limit_price"))
        if self.find(identity) is not None:
            raise RefusalError(422, {"code": 40010001, "message": "client_order_id must be unique"})
        if symbol in self.refusals:
            raise self.refusals[symbol]
        if symbol in self.unfractionable and qty is not None and qty != qty.to_integral_value():
            raise RefusalError(403, {"code": 40310000, "message": f'asset "{symbol}" is not fractionable'})
        if any(order.symbol == symbol and order.side != side for order in self.orders if order.is_open):
            reason = "opposite side market/stop order exists"
            body = {"message": "potential wash trade detected. use complex orders", "reject_reason": reason}
            raise RefusalError(403, {"code": 40310000, **body})
        self._check_funds(symbol, side, qty or ZERO, notional if limit is None else (qty or ZERO) * limit)
        number = next(self._numbers)
        order = PaperOrder(
            id=str(UUID(int=number, version=4)),
            client_order_id=identity or str(UUID(int=number << 64, version=4)),
            symbol=symbol,
            side=side,
            type=str(asked["type"]),
            qty=qty,
            notional=notional,
            limit_price=limit,
            submitted_at=stamp(now, number),
            expires_at=stamp(expires),
        )
        self.orders.append(order)
        return order

    def _check_funds(self, symbol: str, side: str, qty: Decimal, cost: Decimal | None) -> None:
        open_orders = [order for order in self.orders if order.is_open]
        if side == "sell":
            held = self.positions.get(symbol, ZERO)
            reserved = sum((o.left for o in open_orders if o.side == "sell" and o.symbol == symbol), ZERO)
            if qty > held - reserved:
                asked, there = plain(qty), plain(held - reserved)
                message = f"insufficient qty available for order (requested: {asked}, available: {there})"
                told = {"available": there, "existing_qty": plain(held), "held_for_orders": plain(reserved)}
                raise RefusalError(403, {"code": 40310000, "message": message, "symbol": symbol, **told})
            return
        reserved = sum((o.left * (o.limit_price or ZERO) for o in open_orders if o.side == "buy"), ZERO)
        power = self.cash * self.multiplier - reserved
        if cost is not None and cost > power:
            told = {"buying_power": plain(power), "cost_basis": plain(cost)}
            raise RefusalError(403, {"code": 40310000, "message": "insufficient buying power", **told})

    # ---- what the market does --------------------------------------------------------------------------------------

    def trade(self, symbol: str, price: Decimal, now: datetime, most: Decimal | None = None) -> None:
        """The name trades at `price`: open orders whose limit allows it are filled, up to `most` shares each."""
        for order in [order for order in self.orders if order.is_open and order.symbol == symbol]:
            limit, is_buy = order.limit_price, order.side == "buy"
            if limit is None or (price <= limit if is_buy else price >= limit):
                self.execute(order, min(order.left, most or order.left), price, now)

    def execute(self, order: PaperOrder, qty: Decimal, price: Decimal, now: datetime) -> None:
        """One execution, partial where something is left."""
        signed = qty if order.side == "buy" else -qty
        self.cash -= (signed * price).quantize(Decimal("0.01"))
        held = self.positions.get(order.symbol, ZERO) + signed
        self.positions[order.symbol] = held
        if not held:
            del self.positions[order.symbol]
        order.filled_qty, order.paid = order.filled_qty + qty, order.paid + qty * price
        order.status = "partially_filled" if order.left else "filled"
        if not order.left:
            order.ended["filled_at"] = stamp(now)
        number = next(self._numbers)
        self.activities.append(
            {
                "activity_type": "FILL",
                "cum_qty": plain(order.filled_qty),
                "id": f"{now.astimezone(NEW_YORK):%Y%m%d%H%M%S}{now.microsecond // 1000:03d}::{UUID(int=number)}",
                "leaves_qty": plain(order.left),
                "order_id": order.id,
                "order_status": order.status,
                "price": plain(price),
                "qty": plain(qty),
                "side": order.side,
                "symbol": order.symbol,
                "transaction_time": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
                "type": "partial_fill" if order.left else "fill",
            }
        )

    def cancel(self, order: PaperOrder, now: datetime) -> None:
        order.status, order.ended["canceled_at"] = "canceled", stamp(now)

    def reject(self, order: PaperOrder, now: datetime) -> None:
        order.status, order.ended["failed_at"] = "rejected", stamp(now)

    def close(self, now: datetime) -> None:
        """The session ends: what is still open expires."""
        for order in self.orders:
            if order.is_open:
                order.status, order.ended["expired_at"] = "expired", stamp(now)

    # ---- as it is told ---------------------------------------------------------------------------------------------

    def account_json(self) -> dict[str, Any]:
        cash, held = plain(self.cash), plain(sum(self.positions.values(), ZERO) * 100)
        power = plain(self.cash * self.multiplier)
        return {
            "account_blocked": False,
            "account_number": "PA0000000000",
            "accrued_fees": "0",
            "buying_power": power,
            "cash": cash,
            "currency": "USD",
            "equity": cash,
            "id": str(UUID(int=1)),
            "long_market_value": held,
            "multiplier": str(self.multiplier),
            "shorting_enabled": True,
            "status": "ACTIVE",
            "trade_suspended_by_user": False,
            "trading_blocked": False,
            "transfers_blocked": False,
        }

    def positions_json(self) -> list[dict[str, Any]]:
        return [self._position_json(symbol, qty) for symbol, qty in self.positions.items()]

    def _position_json(self, symbol: str, qty: Decimal) -> dict[str, Any]:
        reserved = sum((o.left for o in self.orders if o.is_open and o.side == "sell" and o.symbol == symbol), ZERO)
        return {
            "asset_class": "us_equity",
            "asset_id": str(UUID(int=sum(map(ord, symbol)))),
            "exchange": "NYSE",
            "qty": plain(qty),
            "qty_available": plain(qty - reserved),
            "side": "long" if qty > 0 else "short",
            "symbol": symbol,
        }


def plain(number: Decimal) -> str:
    """As Alpaca writes numbers: no exponent, no idle zeros."""
    return f"{number.normalize():f}"


def stamp(moment: datetime, nanoseconds: int = 0) -> str:
    """As Alpaca writes moments; `nanoseconds` tells apart what happened within one microsecond."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}{nanoseconds % 1000:03d}Z"


def _or_none(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def _decimal(asked: object) -> Decimal | None:
    return None if asked is None else Decimal(str(asked))
