"""Writing a week's plans into the forward record, once."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from learnfinance_dagster.errors import RefusedError
from learnfinance_dagster.evaluation.forward_record import WeekRecord, canonical, link_of, next_entry, plans_of
from learnfinance_dagster.ports import ForwardEntry, ForwardRecords
from learnfinance_dagster.values import Mode, OrderPlan, Week

TRIES = 3
"""How often a run looks again when another one was faster."""


def remember(
    records: ForwardRecords,
    week: Week,
    plans: Collection[OrderPlan],
    clock: Callable[[], datetime],
    *,
    read_only: str = "",
) -> WeekRecord:
    """Add the live plans of a week to the record, unless all of them are there; what the record then holds of the week.

    Plans that are new, of a second attempt for instance, make a further entry with every live plan of that moment. A
    dry run adds nothing.

    Args:
        records: the chain.
        week: whose plans.
        plans: one for each account, live or dry.
        clock: the wall clock.
        read_only: why this run may write nothing; empty for the live job.

    Raises:
        RefusedError: the chain refuses the entry, e.g. because the clock runs backwards.
        DataError: what is recorded of this week cannot be read.
    """
    live = {plan.account: plan for plan in plans if plan.mode is Mode.LIVE and not read_only}
    for tries_left in reversed(range(TRIES)):
        chain = records.entries()
        own = [entry for entry in chain if entry.week == week.key]
        if _holds(own, live.values()):
            return _shown(week, own)
        newest = chain[-1] if chain else None
        entry = next_entry(week, live, clock(), len(own) + 1, newest)
        try:
            records.append(entry)
        except RefusedError:
            if not tries_left or records.entries() == chain:  # nobody was faster: it is refused for good
                raise
        else:
            return _shown(week, (entry,))
    raise AssertionError  # pragma: no cover - the last try returns or raises


def _holds(own: Sequence[ForwardEntry], plans: Collection[OrderPlan]) -> bool:
    known = {canonical(plan) for entry in own for plan in plans_of(entry).plans.values()}
    return all(canonical(plan) in known for plan in plans)


def _shown(week: Week, own: Sequence[ForwardEntry]) -> WeekRecord:
    if not own:
        return WeekRecord(week.key)
    told = plans_of(own[-1])
    return WeekRecord(
        week=week.key,
        link=link_of(own[-1]),
        recorded_at=told.recorded_at,
        first_open=told.first_open,
        made=told.made,
        after=told.after,
        accounts=tuple(sorted(told.plans)),
    )
