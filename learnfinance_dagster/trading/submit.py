"""Reserve, look up, send, record: the only path from a plan to a broker.

The intent is in the ledger before anything is sent, and every send is preceded by a look-up of its id. So a process
may die at any point, and the next run finds each order either at the broker or safe to send.
"""

from learnfinance_dagster.errors import RefusedError, TransientError
from learnfinance_dagster.ledger_rules import monday_of_run
from learnfinance_dagster.ports import Attempt, Broker, Ledger
from learnfinance_dagster.values import (
    Mode,
    OrderPlan,
    OrderRecord,
    OrderStatus,
    Portfolio,
    Submission,
    Week,
)


def submit(  # noqa: PLR0913 - who, where and what
    broker: Broker, ledger: Ledger, week: Week, portfolio: Portfolio, plan: OrderPlan, refusal: str
) -> Submission:
    """Bring the plan's orders to the broker, each exactly once, under an exclusive claim of (account, week).

    Args:
        broker: the account's broker.
        ledger: the memory.
        week: the decision's week.
        portfolio: what the plan was made from; recorded with it.
        plan: the plan, live or dry.
        refusal: the guard's objection to sending now; orders that are only intended then are cancelled in the
            ledger if the broker does not know them, because their window will not come back.

    Raises:
        RefusedError: another run holds the claim.
        TransientError: some orders' arrival is unknown; running again looks them up.
    """
    if plan.mode is not Mode.LIVE:
        return shown(plan, None)
    with ledger.claim(plan.account, plan.run_id):
        attempt = ledger.latest_attempt(plan.account, plan.run_id)
        if (attempt is None or attempt.number < plan.attempt) and not refusal:
            ledger.record_intent(portfolio, plan)
            attempt = ledger.latest_attempt(plan.account, plan.run_id)
        if attempt is not None:
            _send_intended(broker, ledger, week, attempt, refusal)
            attempt = ledger.latest_attempt(plan.account, plan.run_id)
    return shown(plan, attempt)


def _send_intended(broker: Broker, ledger: Ledger, week: Week, attempt: Attempt, refusal: str) -> None:
    unknown: list[str] = []
    for record in attempt.orders:
        if record.status is not OrderStatus.INTENDED:
            continue
        try:
            outcome = _bring(broker, week, record, refusal)
        except TransientError as error:
            unknown.append(f"{record.order.client_order_id}: {error}")
            continue
        ledger.record_order(attempt.plan.account, outcome)
    if unknown:
        msg = "not known whether these orders arrived, they will be looked up on the next run: " + "; ".join(unknown)
        raise TransientError(msg)


def _bring(broker: Broker, week: Week, record: OrderRecord, refusal: str) -> OrderRecord:
    """Look the order up, send it if the broker never saw it, and say where it stands."""
    known = broker.find(record.order.client_order_id)
    if known is not None:
        return known
    if refusal:
        return OrderRecord(record.order, OrderStatus.CANCELLED, f"never sent: {refusal}")
    try:
        return broker.submit(record.order, week)
    except RefusedError as error:
        return OrderRecord(record.order, OrderStatus.REJECTED, str(error))
    except TransientError:
        known = broker.find(record.order.client_order_id)
        if known is None:
            raise
        return known


def shown(plan: OrderPlan, attempt: Attempt | None) -> Submission:
    """What the ledger knows of the plan's submission."""
    orders = attempt.orders if attempt else ()
    return Submission(
        account=plan.account,
        run_id=plan.run_id,
        attempt=attempt.number if attempt else plan.attempt,
        mode=plan.mode,
        mode_reason=plan.mode_reason,
        accepted=tuple(r.order.client_order_id for r in orders if r.broker_order_id),
        refused={r.order.client_order_id: r.reason for r in orders if not r.broker_order_id and r.status.is_dead},
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
