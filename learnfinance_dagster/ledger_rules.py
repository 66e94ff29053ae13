"""What every ledger refuses, whatever it is written on. `MemoryLedger` and `SqlLedger` ask the same questions here."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from learnfinance_dagster.errors import DataError, RefusedError
from learnfinance_dagster.ports import Attempt, ForwardEntry
from learnfinance_dagster.values import (
    EquityMark,
    Fill,
    Mode,
    OrderPlan,
    OrderRecord,
    OrderStatus,
    Portfolio,
    Position,
    Week,
)

RUN_PREFIX = "paper:"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a week left behind: executions, and the account at the mark."""

    fills: tuple[Fill, ...]
    positions: tuple[Position, ...]
    mark: EquityMark


def place(account: str, run_id: str) -> str:
    """How messages name an account's week: `account hrp, week paper:2025-12-29`."""
    return f"account {account}, week {run_id}"


def claim_refused(account: str, run_id: str) -> RefusedError:
    """What a claim raises while somebody else holds it."""
    return RefusedError(f"{place(account, run_id)}: another run is trading it now")


def unknown_order(account: str, client_order_id: str) -> DataError:
    """What a record about an order raises when no intent of that account holds it."""
    return DataError(f"account {account}: order {client_order_id} is not in the ledger")


def monday_of_run(run_id: str) -> date:
    """The Monday that a run id names: `paper:2025-12-29` → 2025-12-29.

    Raises:
        DataError: the id is not of that form, or its date is no Monday.
    """
    try:
        monday = date.fromisoformat(run_id.removeprefix(RUN_PREFIX))
    except ValueError:
        monday = None
    if monday is None or monday.weekday() != 0 or run_id != run_of(monday):
        msg = f"run id {run_id!r} does not name a Monday like paper:2025-12-29"
        raise DataError(msg)
    return monday


def run_of(monday: date) -> str:
    """The run id of a Monday's week, as `Week.run_id` has it."""
    return f"{RUN_PREFIX}{monday.isoformat()}"


def check_intent(portfolio: Portfolio, plan: OrderPlan) -> None:
    """Hold an intent against itself.

    Raises:
        DataError: it repeats an order, is not live, or its portfolio belongs to another account or week.
    """
    where = place(plan.account, plan.run_id)
    monday_of_run(plan.run_id)
    ids = [order.client_order_id for order in plan.orders]
    if (portfolio.account, portfolio.run_id) != (plan.account, plan.run_id):
        msg = f"{where}: the portfolio is of {place(portfolio.account, portfolio.run_id)}"
    elif plan.mode is not Mode.LIVE:
        msg = f"{where}: a {plan.mode.value} plan is never recorded"
    elif len(set(ids)) < len(ids):
        msg = f"{where}: the plan repeats an order id among {ids}"
    else:
        return
    raise DataError(msg)


def check_same(plan: OrderPlan, *, same: bool) -> None:
    """An attempt that is already recorded may only be recorded again as it was.

    Raises:
        RefusedError: the portfolio or the plan differs.
    """
    if not same:
        msg = f"{place(plan.account, plan.run_id)}: attempt {plan.attempt} is already recorded with other content"
        raise RefusedError(msg)


def check_next(plan: OrderPlan, latest: Attempt | None) -> None:
    """A new attempt follows the latest one, once no order of that can trade any more.

    Raises:
        RefusedError: the number skips or goes back, or the latest attempt is not over.
    """
    where = place(plan.account, plan.run_id)
    due = latest.number + 1 if latest else 1
    if plan.attempt != due:
        msg = f"{where}: attempt {plan.attempt} cannot be recorded, the next one is {due}"
        raise RefusedError(msg)
    if latest and not latest.is_over:
        living = [r.order.client_order_id for r in latest.orders if not r.status.is_dead]
        msg = f"{where}: attempt {latest.number} is not over: {', '.join(living)}"
        raise RefusedError(msg)


def check_unused(plan: OrderPlan, known: Collection[str]) -> None:
    """Order ids are unique within a broker account, for ever.

    Raises:
        DataError: one of the plan's ids is among `known`, the ids of the account's other attempts.
    """
    used = [order.client_order_id for order in plan.orders if order.client_order_id in known]
    if used:
        msg = f"{place(plan.account, plan.run_id)}: order ids already used by the account: {', '.join(used)}"
        raise DataError(msg)


def check_step(account: str, before: OrderStatus, record: OrderRecord) -> None:
    """An order's story goes forward only: intended, accepted, then filled or dead.

    Raises:
        DataError: the record would make the ledger forget something.
    """
    after = record.status
    forgets = after.is_open if not before.is_open else (before, after) == (OrderStatus.ACCEPTED, OrderStatus.INTENDED)
    if forgets:
        name = record.order.client_order_id
        msg = f"account {account}: order {name} is {before.value} and cannot become {after.value} again"
        raise DataError(msg)


def check_outcome(account: str, week: Week, outcome: Outcome, order_ids: Collection[str]) -> None:
    """Hold an outcome against the week's recorded orders.

    Args:
        account: The account it is recorded for.
        week: The week it is recorded for.
        outcome: What happened.
        order_ids: Client order ids of every attempt of that account and week.

    Raises:
        DataError: the mark is another account's or week's, a symbol is held twice, a number is not finite, or a fill
            has no order.
    """
    mark = outcome.mark
    if (mark.account, mark.monday) != (account, week.monday):
        msg = f"{place(account, week.run_id)}: the equity mark is of account {mark.account}, {mark.monday}"
        raise DataError(msg)
    repeated = _repeated([position.symbol for position in outcome.positions])
    if repeated:
        msg = f"{place(account, week.run_id)}: positions repeat {', '.join(repeated)}"
        raise DataError(msg)
    if not all(number.is_finite() for number in _numbers(outcome)):
        msg = f"{place(account, week.run_id)}: the outcome holds a number that is not finite"
        raise DataError(msg)
    for fill in outcome.fills:
        if fill.client_order_id not in order_ids:
            msg = f"{place(account, week.run_id)}: a fill of {fill.client_order_id}, which is no order of that week"
            raise DataError(msg)


def is_next(entry: ForwardEntry, known: ForwardEntry | None, newest: ForwardEntry | None) -> bool:
    """Hold a new entry of the forward record against what is there; False when it is there already.

    Args:
        entry: What is to be appended.
        known: The stored entry of its week and sequence, if there is one.
        newest: The last entry of the chain, if there is one.

    Raises:
        RefusedError: the known one is another, or the entry does not follow the newest.
    """
    if known == entry:
        return False
    where = f"forward record of week {entry.week}, entry {entry.sequence}"
    if known is not None:
        msg = f"{where}: it is recorded with other content"
    elif (entry.number, entry.previous) != ((newest.number + 1, newest.sha256) if newest else (1, "")):
        msg = f"{where}: it does not follow the newest entry, {newest.week if newest else 'there is none'}"
    elif newest and datetime.fromisoformat(entry.recorded_at) < datetime.fromisoformat(newest.recorded_at):
        msg = f"{where}: the clock says {entry.recorded_at}, and the newest entry was made at {newest.recorded_at}"
    else:
        return True
    raise RefusedError(msg)


def _numbers(outcome: Outcome) -> Iterator[Decimal]:
    yield from (outcome.mark.nav, outcome.mark.cash)
    for position in outcome.positions:
        yield from (position.qty, position.price)
    for fill in outcome.fills:
        yield from (fill.qty, fill.price, fill.cost)


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
