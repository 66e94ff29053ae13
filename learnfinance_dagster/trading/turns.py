"""Whose turn it is: sells first, then buys with the money that is really there.

For brokers on the wall clock alone. A simulated account fills sells and buys at the same open, sells first, so there
all orders go at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from learnfinance_dagster.costs import CENT, CostModel
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.ports import Attempt, Broker
from learnfinance_dagster.values import Order, OrderRecord, OrderStatus, Side, Week


@dataclass(frozen=True, slots=True)
class Pace:
    """How long buys wait, and what they may spend."""

    now: datetime
    deadline: datetime
    """From then on buys wait for nothing: what the money does not pay for is given up."""
    buffer: Decimal
    """USD that buys never touch."""
    costs: CostModel

    @property
    def is_late(self) -> bool:
        """The deadline has passed."""
        return self.now >= self.deadline


@dataclass(slots=True)
class Turn:
    """What one look at the account allows."""

    buys: list[OrderRecord] = field(default_factory=list)
    """To be sent now, in this order."""
    waiting: dict[str, str] = field(default_factory=dict)
    """client_order_id → what it waits for."""
    given_up: dict[str, str] = field(default_factory=dict)
    """client_order_id → why it will never be sent."""


def buy_deadline(week: Week, parameters: OrderParameters) -> datetime | None:
    """When buys stop waiting for sells; None in a week without a session."""
    return week.first_open + timedelta(minutes=parameters.buy_deadline_minutes) if week.first_open else None


def sells_of(attempt: Attempt) -> list[OrderRecord]:
    """The attempt's sells, in the plan's order."""
    return [record for record in attempt.orders if record.order.side is Side.SELL]


def intended(records: Iterable[OrderRecord]) -> list[OrderRecord]:
    """Those that are recorded and not known to have been sent."""
    return [record for record in records if record.status is OrderStatus.INTENDED]


def next_turn(attempt: Attempt, broker: Broker, pace: Pace) -> Turn:
    """Which of the attempt's buys may go now. The ledger's orders must have been brought up to date before."""
    turn = Turn()
    buys = intended(record for record in attempt.orders if record.order.side is Side.BUY)
    if not buys:
        return turn
    selling = [record.order.symbol for record in sells_of(attempt) if record.status.is_open]
    if selling and not pace.is_late:
        why = f"waits for the sells of {_listed(selling)}"
        turn.waiting.update((record.order.client_order_id, why) for record in buys)
        return turn
    money = _spendable(attempt, broker, pace)
    is_open = any(record.status is OrderStatus.ACCEPTED for record in attempt.orders)
    for record in buys:
        needed = record.order.notional + pace.costs.of_trade(record.order.notional) + CENT
        if needed <= money:
            turn.buys.append(record)
            money -= needed
            is_open = True
            continue
        short = f"needs {needed:,.2f} USD, and {max(money, Decimal(0)):,.2f} USD are there above the cash buffer"
        if is_open and not pace.is_late:
            turn.waiting[record.order.client_order_id] = f"waits for money: {short}"
        else:
            when = f" at the deadline {pace.deadline:%H:%M} UTC" if selling else ""
            turn.given_up[record.order.client_order_id] = f"never sent: {short}{when}"
    return turn


def _spendable(attempt: Attempt, broker: Broker, pace: Pace) -> Decimal:
    """Cash less the buffer and what buys that are open may still take.

    Fills are asked for before the cash is: what fills in between is counted twice, which delays a buy; the other way
    round it would be spent twice.
    """
    waiting = [r.order for r in attempt.orders if r.order.side is Side.BUY and r.status is OrderStatus.ACCEPTED]
    done: dict[str, Decimal] = {}
    for fill in broker.fills([order.client_order_id for order in waiting]) if waiting else ():
        done[fill.client_order_id] = done.get(fill.client_order_id, Decimal(0)) + fill.qty
    reserved = sum((_unfilled(order, done) * order.limit_price for order in waiting), Decimal(0))
    return broker.account(pace.now).cash - pace.buffer - reserved


def _unfilled(order: Order, done: Mapping[str, Decimal]) -> Decimal:
    return order.qty - done.get(order.client_order_id, Decimal(0))


def _listed(symbols: list[str]) -> str:
    return symbols[0] if len(symbols) == 1 else f"{', '.join(symbols[:-1])} and {symbols[-1]}"
