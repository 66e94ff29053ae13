"""A simulated brokerage account: day limit orders, corporate actions, costs. Pure state, no storage, no clock.

What it does to an order on its session, in this order:
1. a split of the name that day cancels the order: its quantity and limit speak of old shares;
2. no bar (halt), or the name is delisted that day: it expires;
3. sells before buys, each in the order they were sent; the open fills it if the limit allows, else the limit if the
   day reached it, else it expires;
4. a buy beyond the cash at hand is rejected.
Dividends and delistings are paid on their ex-date, to the shares held the evening before, in that day's shares.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from learnfinance_dagster.calendar import sessions_between
from learnfinance_dagster.costs import CENT, CostModel
from learnfinance_dagster.errors import RefusedError
from learnfinance_dagster.trading.market_days import DayBar, MarketDays, to_price
from learnfinance_dagster.values import Fill, Order, OrderRecord, OrderStatus, Side

SHARE_PLACES = Decimal("0.000001")
BROKER_ID = "sim-"


@dataclass(slots=True)
class SimulatedAccount:
    """Everything one account is. Mutable: `submit` and `advance` change it."""

    cash: Decimal
    positions: dict[str, Decimal] = field(default_factory=dict)
    settled: date | None = None
    """The last session that the account has lived through."""
    waiting: dict[str, date] = field(default_factory=dict)
    """Open orders: client_order_id → the session they are good for."""
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    fills: dict[str, Fill] = field(default_factory=dict)
    sessions: dict[str, date] = field(default_factory=dict)
    """Every order's session, dead ones' too. Accounts of before this was kept lack their dead orders'."""

    def submit(self, order: Order, session: date) -> OrderRecord:
        """Accept a day order for `session`.

        Raises:
            RefusedError: the id was used before, or the session is over for this account.
        """
        if order.client_order_id in self.orders:
            msg = f"client_order_id {order.client_order_id} was used before"
            raise RefusedError(msg)
        if self.settled is not None and session <= self.settled:
            msg = f"{session} is over for this account, it has lived through {self.settled}"
            raise RefusedError(msg)
        record = OrderRecord(order, OrderStatus.ACCEPTED, "", f"{BROKER_ID}{len(self.orders) + 1}")
        self.orders[order.client_order_id] = record
        self.waiting[order.client_order_id] = self.sessions[order.client_order_id] = session
        return record

    def orders_since(self, day: date) -> tuple[OrderRecord, ...]:
        """Orders for the session of `day` and later ones, in the order in which they were sent."""
        known = {identity: fill.session for identity, fill in self.fills.items()} | self.waiting | self.sessions
        return tuple(
            sorted((self.orders[identity] for identity, session in known.items() if session >= day), key=_turn)
        )

    def advance(self, days: MarketDays, until: date, costs: CostModel) -> None:
        """Live through the sessions after `settled`, up to and including `until`."""
        if self.settled is None and not self.waiting:
            self.settled = until
        while (session := self._next_session(until)) is not None:
            self._corporate_actions(days, session)
            self._trade(days, session, costs)
            self.settled = session

    def _next_session(self, until: date) -> date | None:
        if self.settled is None:
            first = min(self.waiting.values())
            return first if first <= until else None
        if self.settled >= until:
            return None
        later = [day for day in sessions_between(self.settled, until) if day > self.settled]
        return later[0] if later else None

    def _corporate_actions(self, days: MarketDays, session: date) -> None:
        for action in days.actions(session):
            if action.symbol not in self.positions:
                continue
            qty = self.positions.pop(action.symbol)
            if action.split_ratio != 1:
                qty = (qty * Decimal(str(action.split_ratio))).quantize(SHARE_PLACES)
            self.cash += _cents(qty * to_price(action.dividend))
            if action.delisting:
                self.cash += _cents(qty * to_price(action.delisting))
            elif qty:
                self.positions[action.symbol] = qty

    def _trade(self, days: MarketDays, session: date, costs: CostModel) -> None:
        split = {action.symbol for action in days.actions(session) if action.split_ratio != 1}
        delisted = {action.symbol for action in days.actions(session) if action.delisting}
        due = [self.orders[identity] for identity, day in self.waiting.items() if day <= session]
        for record in sorted(due, key=lambda record: (record.order.side is Side.BUY, _turn(record))):
            order = record.order
            del self.waiting[order.client_order_id]
            if order.symbol in split:
                self._close(record, OrderStatus.CANCELLED, f"split on {session}, between decision and open")
                continue
            if order.symbol in delisted:
                self._close(record, OrderStatus.EXPIRED, f"delisted on {session}")
                continue
            bar = days.bar(order.symbol, session)
            price = fill_price(order, bar) if bar else None
            if price is None:
                reason = "no trade in this name that day" if bar is None else _missed(order, bar)
                self._close(record, OrderStatus.EXPIRED, reason)
            else:
                self._fill(record, price, session, costs)

    def _close(self, record: OrderRecord, status: OrderStatus, reason: str) -> None:
        self.orders[record.order.client_order_id] = replace(record, status=status, reason=reason)

    def _fill(self, record: OrderRecord, price: Decimal, session: date, costs: CostModel) -> None:
        order = record.order
        held = self.positions.get(order.symbol, Decimal(0))
        notional = _cents(order.qty * price)
        cost = costs.of_trade(notional)
        if order.side is Side.BUY and notional + cost > self.cash:
            reason = f"insufficient cash: {notional + cost} USD needed, {self.cash} there"
            self._close(record, OrderStatus.REJECTED, reason)
            return
        if order.side is Side.SELL and order.qty > held:
            self._close(record, OrderStatus.REJECTED, f"{order.qty} shares to sell, {held} held")
            return
        signed = 1 if order.side is Side.BUY else -1
        self.cash -= signed * notional + cost
        left = held + signed * order.qty
        if left:
            self.positions[order.symbol] = left
        else:
            self.positions.pop(order.symbol, None)
        self.fills[order.client_order_id] = Fill(
            order.client_order_id, order.symbol, order.side, order.qty, price, cost, session
        )
        self._close(record, OrderStatus.FILLED, "")


def _turn(record: OrderRecord) -> int:
    """When the order was sent, among all of the account: the order of a dict may not survive its storage."""
    return int(record.broker_order_id.removeprefix(BROKER_ID))


def fill_price(order: Order, bar: DayBar) -> Decimal | None:
    """Where a day limit order trades against a daily bar; None when it does not."""
    opening, limit = to_price(bar.open), order.limit_price
    if order.side is Side.BUY:
        if opening <= limit:
            return opening
        return limit if to_price(bar.low) <= limit else None
    if opening >= limit:
        return opening
    return limit if to_price(bar.high) >= limit else None


def _missed(order: Order, bar: DayBar) -> str:
    if order.side is Side.BUY:
        return f"the day's low of {bar.low:.2f} stayed above the limit"
    return f"the day's high of {bar.high:.2f} stayed below the limit"


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
