"""The last line before the wire: a broker that looks once more at every single order before it lets it through.

Whoever calls, and whatever was checked before: the guard is asked again (switches, window, approval), the order must
be one that the ledger holds as intended, and the caps of the settings hold for it and for all that went before it.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime
from decimal import Decimal

from learnfinance_dagster.costs import CENT
from learnfinance_dagster.errors import RefusedError
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.ports import Attempt, Broker, BrokerAccount, BrokerClock, Ledger
from learnfinance_dagster.values import Fill, Order, OrderRecord, OrderStatus, Side, Week

STOPPED = "stopped at the last line before the broker"
"""How the reason of every order begins that this module did not let through."""


class LastLine:
    """`ports.Broker` around another one."""

    def __init__(  # noqa: PLR0913 - all that can stop an order
        self,
        name: str,
        broker: Broker,
        ledger: Ledger,
        parameters: OrderParameters,
        objection: Callable[[], str],
        blocked: Collection[str] = (),
    ) -> None:
        """Stand in front of an account's broker.

        Args:
            name: of the account.
            broker: that receives what passes.
            ledger: knows what was intended, and what went before.
            parameters: the caps.
            objection: the guard's objection to sending at this moment; asked before each order.
            blocked: names that are never bought, besides those of `parameters`.
        """
        self._name, self._broker, self._ledger = name, broker, ledger
        self._parameters, self._objection = parameters, objection
        self._blocked = frozenset(blocked) | frozenset(parameters.block)
        self._held: dict[str, Decimal] | None = None
        """As the broker said before the first sell: a name is sold once an attempt, and each look costs a vendor."""

    @property
    def clock(self) -> BrokerClock:
        """See `ports.Broker`."""
        return self._broker.clock

    @property
    def is_real_money(self) -> bool:
        """See `ports.Broker`."""
        return self._broker.is_real_money

    def account(self, known_at: datetime) -> BrokerAccount:
        """See `ports.Broker`."""
        return self._broker.account(known_at)

    def find(self, client_order_id: str) -> OrderRecord | None:
        """See `ports.Broker`."""
        return self._broker.find(client_order_id)

    def orders_since(self, day: date) -> tuple[OrderRecord, ...]:
        """See `ports.Broker`."""
        return self._broker.orders_since(day)

    def settle(self, known_at: datetime) -> None:
        """See `ports.Broker`."""
        self._broker.settle(known_at)

    def fills(self, client_order_ids: Iterable[str]) -> tuple[Fill, ...]:
        """See `ports.Broker`."""
        return self._broker.fills(client_order_ids)

    def submit(self, order: Order, week: Week) -> OrderRecord:
        """Send one order, if nothing speaks against it.

        Raises:
            RefusedError: something does; nothing was sent. Or the broker declined it.
            TransientError: see `ports.Broker`.
        """
        if reason := self._objection() or self._breach(order, week):
            msg = f"{STOPPED}: {reason}"
            raise RefusedError(msg)
        return self._broker.submit(order, week)

    def _breach(self, order: Order, week: Week) -> str:
        attempt = self._ledger.latest_attempt(self._name, week.run_id)
        reason = _not_intended(order, attempt)
        if reason or attempt is None:
            return reason
        if order.side is Side.BUY and order.symbol in self._blocked:
            return f"{order.symbol} is blocked"
        if order.side is Side.BUY and self._parameters.allow and order.symbol not in self._parameters.allow:
            return f"{order.symbol} is not on the allow list"
        if reason := beyond_caps(order, attempt, self._parameters):
            return reason
        if order.side is Side.SELL:
            if self._held is None:
                self._held = dict(self._broker.account(week.as_of).positions)
            held = self._held.get(order.symbol, Decimal(0))
            if order.qty > held:
                return f"{order.qty} {order.symbol} to sell and {held} held: nothing is sold short"
        return ""


def _not_intended(order: Order, attempt: Attempt | None) -> str:
    """Why the ledger does not stand behind this order; empty when it does."""
    name = order.client_order_id
    record = next((r for r in attempt.orders if r.order.client_order_id == name), None) if attempt else None
    if record is None:
        return f"the newest attempt in the ledger intends no order {name}"
    if record.order != order:
        return f"the ledger intends {name} with other content"
    if record.status is not OrderStatus.INTENDED:
        return f"the ledger has {name} as {record.status.value} already"
    return ""


def beyond_caps(order: Order, attempt: Attempt, parameters: OrderParameters) -> str:
    """The first cap that this order would break after what the attempt has sent; empty when it breaks none."""
    nav = attempt.portfolio.nav
    if not (order.qty > 0 and order.limit_price > 0 and order.notional.is_finite()):
        return f"quantity {order.qty} at {order.limit_price} is no order"
    slack = order.last_price * Decimal(str(parameters.limit_offset)) + CENT
    if abs(order.limit_price - order.last_price) > slack:
        return (
            f"the limit {order.limit_price} is further than {parameters.limit_offset:.1%} from the last price"
            f" {order.last_price}"
        )
    if order.side is Side.BUY and order.notional > Decimal(str(parameters.max_position)) * nav + CENT:
        return f"{order.notional:,.2f} USD are more than {parameters.max_position:.0%} of NAV in one order"
    sent = [record.order for record in attempt.orders if record.broker_order_id]
    if len(sent) >= parameters.max_orders:
        return f"{len(sent)} orders were sent, and {parameters.max_orders} are the cap"
    traded = sum((each.notional for each in sent), order.notional)
    if traded > 2 * Decimal(str(parameters.max_turnover)) * nav + CENT * (len(sent) + 1):
        return f"turnover would be {traded / 2 / nav:.1%}, and {parameters.max_turnover:.0%} is the cap"
    return ""
