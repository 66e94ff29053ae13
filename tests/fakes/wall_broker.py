"""A broker on the wall clock, in memory: orders queue before the open, and are filled while the session goes on.

What a real one does by itself, a test tells it to: `fill`, `part`, `die`, `split`, `pay`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from learnfinance_dagster.calendar import new_york_day
from learnfinance_dagster.errors import DataError, RefusedError, TransientError
from learnfinance_dagster.ports import BrokerAccount, BrokerClock
from learnfinance_dagster.values import Fill, Order, OrderRecord, OrderStatus, Side, Week


@dataclass
class WallBroker:
    """`ports.Broker`; its state is shared by whoever opens the same account."""

    cash: Decimal = Decimal(100_000)
    positions: dict[str, Decimal] = field(default_factory=dict)
    is_real_money: bool = False
    records: dict[str, OrderRecord] = field(default_factory=dict)
    days: dict[str, date] = field(default_factory=dict)
    executions: list[Fill] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    """Every order that reached it, in order."""
    today: date = date.min
    dead: bool = False
    """It answers to nothing."""
    asked: int = 0
    refuses: dict[str, str] = field(default_factory=dict)
    """Symbol → the words with which it declines."""

    clock = BrokerClock.WALL

    # ---- the port ----

    def account(self, known_at: datetime) -> BrokerAccount:  # noqa: ARG002 - it only knows what is now
        self._answer()
        living = tuple(name for name, record in self.records.items() if record.status is OrderStatus.ACCEPTED)
        return BrokerAccount(self.cash, dict(self.positions), living)

    def find(self, client_order_id: str) -> OrderRecord | None:
        self._answer()
        return self.records.get(client_order_id)

    def orders_since(self, day: date) -> tuple[OrderRecord, ...]:
        self._answer()
        return tuple(record for name, record in self.records.items() if self.days[name] >= day)

    def submit(self, order: Order, week: Week) -> OrderRecord:
        self._answer()
        if order.client_order_id in self.records:
            if self.records[order.client_order_id].order == replace(order, last_price=Decimal(0)):
                return self.records[order.client_order_id]
            msg = f"another order {order.client_order_id} is there"
            raise DataError(msg)
        if order.symbol in self.refuses:
            raise RefusedError(self.refuses[order.symbol])
        known = replace(order, last_price=Decimal(0), current_weight=0.0, target_weight=0.0)
        return self.take(known, self.today if self.today > date.min else new_york_day(week.as_of))

    def settle(self, known_at: datetime) -> None:
        """Nothing: it lives by itself."""

    def fills(self, client_order_ids: Iterable[str]) -> tuple[Fill, ...]:
        self._answer()
        return tuple(fill for name in client_order_ids for fill in self.executions if fill.client_order_id == name)

    def _answer(self) -> None:
        self.asked += 1
        if self.dead:
            raise TransientError("the broker does not answer")

    # ---- what happens to it ----

    def take(self, order: Order, day: date) -> OrderRecord:
        record = OrderRecord(order, OrderStatus.ACCEPTED, "", f"wall-{len(self.records) + 1}")
        self.records[order.client_order_id], self.days[order.client_order_id] = record, day
        self.sent.append(order.client_order_id)
        return record

    def _named(self, symbol: str) -> OrderRecord:
        return next(r for r in reversed(self.records.values()) if r.order.symbol == symbol)

    def part(self, symbol: str, qty: str | Decimal, price: str | Decimal | None = None, session: date | None = None):
        """A part of the newest order in that name is executed."""
        record = self._named(symbol)
        order, qty = record.order, Decimal(qty)
        price = Decimal(100) if price is None else Decimal(price)
        signed = qty if order.side is Side.BUY else -qty
        self.cash -= signed * price
        self.positions[symbol] = self.positions.get(symbol, Decimal(0)) + signed
        if not self.positions[symbol]:
            del self.positions[symbol]
        day = session or self.days[order.client_order_id]
        self.executions.append(Fill(order.client_order_id, symbol, order.side, qty, price, Decimal(0), day))
        done = sum((f.qty for f in self.executions if f.client_order_id == order.client_order_id), Decimal(0))
        if done == order.qty:
            self._become(symbol, OrderStatus.FILLED, "")

    def fill(self, *symbols: str, price: str | Decimal | None = None) -> None:
        """The rest of the newest orders in those names is executed."""
        for symbol in symbols:
            order = self._named(symbol).order
            done = sum((f.qty for f in self.executions if f.client_order_id == order.client_order_id), Decimal(0))
            self.part(symbol, order.qty - done, price)

    def fill_all(self) -> None:
        self.fill(*[r.order.symbol for r in self.records.values() if r.status is OrderStatus.ACCEPTED])

    def die(self, symbol: str, status: OrderStatus = OrderStatus.EXPIRED, reason: str = "the day ended") -> None:
        self._become(symbol, status, reason)

    def _become(self, symbol: str, status: OrderStatus, reason: str) -> None:
        record = self._named(symbol)
        self.records[record.order.client_order_id] = replace(record, status=status, reason=reason)

    def split(self, symbol: str, ratio: int) -> None:
        self.positions[symbol] *= ratio
