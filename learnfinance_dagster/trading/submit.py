"""Reserve, look up, send, record: the only path from a plan to a broker.

The intent is in the ledger before anything is sent, and every send is preceded by a look-up of its id. So a process
may die at any point, and the next run finds each order either at the broker or safe to send.

Where sells take time (`turns`), buys stay intended until they are done; `complete` sends them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from learnfinance_dagster.errors import RefusedError, SilentError, TransientError
from learnfinance_dagster.ledger_rules import monday_of_run
from learnfinance_dagster.ports import Attempt, Broker, Ledger
from learnfinance_dagster.trading.turns import Pace, intended, next_turn, sells_of
from learnfinance_dagster.values import (
    Mode,
    OrderPlan,
    OrderRecord,
    OrderStatus,
    Portfolio,
    Submission,
    Week,
)


@dataclass(frozen=True, slots=True)
class Errand:
    """One account's week, on its way to the broker."""

    broker: Broker
    ledger: Ledger
    week: Week
    refusal: str
    """The guard's objection to sending now; orders that are only intended then are cancelled in the ledger if the
    broker does not know them, because their window will not come back."""
    pace: Pace | None = None
    """Of a broker whose sells take time: buys that wait for them are left for `complete`. None: all go at once."""


def submit(errand: Errand, portfolio: Portfolio, plan: OrderPlan) -> Submission:
    """Bring the plan's orders to the broker, each exactly once, under an exclusive claim of (account, week).

    Args:
        errand: who, where and when.
        portfolio: what the plan was made from; recorded with it.
        plan: the plan, live or dry.

    Raises:
        RefusedError: another run holds the claim.
        TransientError: some orders' arrival is unknown; running again looks them up.
    """
    if plan.mode is not Mode.LIVE:
        return shown(plan, None)
    ledger, waiting = errand.ledger, dict[str, str]()
    with ledger.claim(plan.account, plan.run_id):
        attempt = ledger.latest_attempt(plan.account, plan.run_id)
        if (attempt is None or attempt.number < plan.attempt) and not errand.refusal:
            ledger.record_intent(portfolio, plan)
            attempt = ledger.latest_attempt(plan.account, plan.run_id)
        if attempt is not None:
            waiting = _send(errand, attempt)
            attempt = ledger.latest_attempt(plan.account, plan.run_id)
    return shown(plan, attempt, waiting)


def complete(errand: Errand, attempt: Attempt) -> Submission:
    """Send what was recorded and not sent, as far as its turn has come. Plans and records nothing new.

    Raises:
        RefusedError: another run holds the claim.
        TransientError: some orders' arrival is unknown; running again looks them up.
    """
    ledger, plan = errand.ledger, attempt.plan
    with ledger.claim(plan.account, plan.run_id):
        newest = ledger.latest_attempt(plan.account, plan.run_id) or attempt
        waiting = _send(errand, newest)
        newest = ledger.latest_attempt(plan.account, plan.run_id) or newest
    return shown(newest.plan, newest, waiting)


def _send(errand: Errand, attempt: Attempt) -> dict[str, str]:
    """Bring every intended order whose turn it is; returns what the others wait for."""
    account = attempt.plan.account
    all_at_once = errand.pace is None or bool(errand.refusal)
    unknown = _bring_all(errand, account, intended(attempt.orders if all_at_once else sells_of(attempt)))
    if errand.pace is not None:
        attempt = reconcile(errand.broker, errand.ledger, account, attempt)
    if errand.pace is None or errand.refusal:
        _raise_unknown(unknown)
        return {}
    turn = next_turn(attempt, errand.broker, errand.pace)
    unknown += _bring_all(errand, account, turn.buys)
    for record in attempt.orders:
        if (reason := turn.given_up.get(record.order.client_order_id)) is not None:
            errand.ledger.record_order(account, OrderRecord(record.order, OrderStatus.CANCELLED, reason))
    _raise_unknown(unknown)
    return turn.waiting


def _bring_all(errand: Errand, account: str, records: Iterable[OrderRecord]) -> list[str]:
    """Bring orders one after the other; returns those of which it is not known whether they arrived.

    Who is silent is asked no more: it would cost a minute an order, and other accounts wait for their turn.
    """
    unknown: list[str] = []
    for record in records:
        try:
            outcome = _bring(errand, record)
        except SilentError as error:
            unknown.append(f"{record.order.client_order_id}, and all after it: {error}")
            raise _unknown(unknown) from error
        except TransientError as error:
            unknown.append(f"{record.order.client_order_id}: {error}")
            continue
        errand.ledger.record_order(account, outcome)
    return unknown


def _raise_unknown(unknown: list[str]) -> None:
    if unknown:
        raise _unknown(unknown)


def _unknown(orders: list[str]) -> TransientError:
    return TransientError(
        "not known whether these orders arrived, they will be looked up on the next run: " + "; ".join(orders)
    )


def _bring(errand: Errand, record: OrderRecord) -> OrderRecord:
    """Look the order up, send it if the broker never saw it, and say where it stands."""
    broker = errand.broker
    known = broker.find(record.order.client_order_id)
    if known is not None:
        return known
    if errand.refusal:
        return OrderRecord(record.order, OrderStatus.CANCELLED, f"never sent: {errand.refusal}")
    try:
        return broker.submit(record.order, errand.week)
    except RefusedError as error:
        return OrderRecord(record.order, OrderStatus.REJECTED, str(error))
    except TransientError:
        known = broker.find(record.order.client_order_id)
        if known is None:
            raise
        return known


def shown(plan: OrderPlan, attempt: Attempt | None, waiting: Mapping[str, str] | None = None) -> Submission:
    """What the ledger knows of the plan's submission; `waiting` says of some orders what they wait for."""
    orders = attempt.orders if attempt else ()
    told = waiting or {}
    return Submission(
        account=plan.account,
        run_id=plan.run_id,
        attempt=attempt.number if attempt else plan.attempt,
        mode=plan.mode,
        mode_reason=plan.mode_reason,
        accepted=tuple(r.order.client_order_id for r in orders if r.broker_order_id),
        refused={r.order.client_order_id: r.reason for r in orders if not r.broker_order_id and r.status.is_dead},
        waiting={
            r.order.client_order_id: told.get(r.order.client_order_id, "recorded, and not sent yet")
            for r in intended(orders)
        },
    )


def reconcile(broker: Broker, ledger: Ledger, account: str, attempt: Attempt) -> Attempt:
    """Bring the ledger's open orders of an attempt up to what the broker says. Sends nothing.

    An order that the broker does not know stays as it is. All are asked for at once, because vendors count requests.
    """
    living = [record for record in attempt.orders if record.status.is_open]
    week = monday_of_run(attempt.plan.run_id)
    there = {record.order.client_order_id: record for record in broker.orders_since(week)} if living else {}
    for record in living:
        name = record.order.client_order_id
        known = there.get(name) or (broker.find(name) if record.status is OrderStatus.ACCEPTED else None)
        if known is not None and known.status is not record.status:
            ledger.record_order(account, known)
    return ledger.latest_attempt(account, attempt.plan.run_id) or attempt
