"""Whether something is to be done for a recorded week now: asked every minute, and answered without writing anything.

A step is named by what was seen, so that whoever acts on it acts once: the same sight asks for nothing new.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from learnfinance_dagster.calendar import last_closed_session
from learnfinance_dagster.ports import Attempt, Broker, Ledger
from learnfinance_dagster.trading.guard import GRACE
from learnfinance_dagster.values import Order, OrderRecord, OrderStatus, Side, Week

STEP_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's week as its broker has it at this moment."""

    account: str
    told: str
    """How far it is, in words."""
    due: str = ""
    """What is to be done now, in words; empty when nothing is."""
    step: str = ""
    """Names what is to be done: the same step need not be done twice."""
    unsent: int = 0
    """Recorded orders that the broker has not seen."""
    is_over: bool = False
    """Nothing is left to follow."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is, for a week: what the clock and the market source allow."""

    now: datetime
    deadline: datetime
    """From then on buys wait for nothing."""
    last_known: Callable[[], date]
    """The newest session that the market source holds; asked only when the week could be marked."""


def standing(account: str, broker: Broker, ledger: Ledger, week: Week, moment: Moment) -> Standing:
    """Look at an account's week; one question to the broker, and one more for each order that it does not list."""
    attempt = ledger.latest_attempt(account, week.run_id)
    if attempt is None:
        return Standing(account, "nothing was recorded this week", is_over=True)
    if any(mark.monday == week.monday for mark in ledger.marks(account, week.monday)[-1:]):
        return Standing(account, "the week is marked", is_over=True)
    there = {record.order.client_order_id: record for record in broker.orders_since(week.monday)}
    seen = [_seen(broker, record, there) for record in attempt.orders]
    unsent = [record for record in seen if record.status is OrderStatus.INTENDED]
    waiting = [record for record in seen if record.status is OrderStatus.ACCEPTED]
    told = f"{len(seen) - len(unsent) - len(waiting)} of {len(seen)} orders final"
    told += f", {len(waiting)} open" * bool(waiting) + f", {len(unsent)} to be sent" * bool(unsent)
    due = _due(attempt, seen, unsent, waiting, week, moment)
    return Standing(account, told, due, _step(account, week, due, seen) if due else "", len(unsent))


def _seen(broker: Broker, ours: OrderRecord, there: Mapping[str, OrderRecord]) -> OrderRecord:
    """The order as it stands at the broker; as the ledger has it where that is final, or the broker never saw it."""
    if not ours.status.is_open:
        return ours
    name = ours.order.client_order_id
    found = there.get(name) or (broker.find(name) if ours.status is OrderStatus.ACCEPTED else None)
    return found or ours


def _due(  # noqa: PLR0913 - everything that was seen
    attempt: Attempt,
    seen: list[OrderRecord],
    unsent: list[OrderRecord],
    waiting: list[OrderRecord],
    week: Week,
    moment: Moment,
) -> str:
    if unsent and week.first_open is not None and moment.now > week.first_open + GRACE:
        return "the submission window closed: what was not sent is given up"
    if unsent and moment.now >= moment.deadline:
        return "the deadline for buys has passed"
    if any(record.order.side is Side.SELL for record in unsent):
        return "sells were recorded and not sent"
    if unsent and not any(record.order.side is Side.SELL for record in waiting):
        return "the sells are done: buys may go"
    moved = sum(now.status is not before.status for now, before in zip(seen, attempt.orders, strict=True))
    if moved:
        return f"{moved} orders have moved on"
    if not unsent and not waiting and week.sessions:
        session = week.sessions[0]
        if last_closed_session(moment.now) >= session and moment.last_known() >= session:
            return "all orders are final and the session is over: the account is marked"
    return ""


def _step(account: str, week: Week, due: str, seen: list[OrderRecord]) -> str:
    sight = "\n".join((due, *(f"{_name(record.order)} {record.status.value}" for record in seen)))
    return f"{week.key}:{account}:{hashlib.sha256(sight.encode()).hexdigest()[:STEP_LENGTH]}"


def _name(order: Order) -> str:
    return order.client_order_id
