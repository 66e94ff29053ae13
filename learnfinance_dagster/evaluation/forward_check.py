"""Whether a forward record is as it was written, whether it is what was traded, and whether it was made in time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.forward_record import Link, canonical, entry_of, hash_of, link_of, plans_of
from learnfinance_dagster.ledger_rules import monday_of_run
from learnfinance_dagster.ports import ForwardEntry
from learnfinance_dagster.values import OrderPlan


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that should not be so."""

    week: str
    words: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What one entry is worth."""

    week: date
    sequence: int
    recorded_at: datetime
    first_open: datetime | None
    """As the exchange calendar has it, whatever the entry says."""
    plans: int
    traded: int
    """How many of them the ledger holds, exactly so."""

    @property
    def in_time(self) -> bool:
        """The plans are older than the week's first open."""
        return self.first_open is not None and self.recorded_at < self.first_open


def first_fault(entries: Sequence[ForwardEntry]) -> Fault | None:
    """The first week of the chain that is not as it was written; None when all hang together.

    What was cut off at the end leaves no gap here: `unrecorded` and the hashes in e-mails tell of it.
    """
    for place, entry in enumerate(entries):
        fault = _of_row(entry) or _of_link(entries, place) or _of_number(entry, place)
        if fault:
            return fault
    return None


def _of_row(entry: ForwardEntry) -> Fault | None:
    """Hold a row against itself. Of a row whose document is not what was hashed, only the column knows the week."""
    try:
        told = plans_of(entry)
    except DataError as error:
        return Fault(entry.week, f"its document cannot be read: {error}")
    if hash_of(entry.document) != entry.sha256:
        return Fault(entry.week, f"its document is not the one whose sha256 is {entry.sha256}")
    written = entry_of(told, entry.number)
    differing = [name for name, value in asdict(written).items() if value != getattr(entry, name)]
    if differing:
        return Fault(written.week, f"not as its document has it: {', '.join(differing)}")
    return None


def _of_link(entries: Sequence[ForwardEntry], place: int) -> Fault | None:
    """Hold a row, whole in itself, against the rows before it, which are right as far as they go."""
    entry, before = entries[place], entries[place - 1] if place else None
    expected, after = link_of(before) if before else None, plans_of(entry).after
    if after == expected:
        return None
    heirs = [other for other in entries[place + 1 :] if _follows(other, expected)]
    if after is None:
        return _extra(entry, entries[0], heirs)
    at = next((n for n, other in enumerate(entries) if _link(other) == after), None)
    if at is not None and at < place:
        return _extra(entry, entries[at + 1], heirs)
    if at is not None:
        return Fault((heirs[0] if heirs else entry).week, "it stands in another place than where it was written")
    if expected and (expected.week, expected.sequence) == (after.week, after.sequence):
        return Fault(expected.week.isoformat(), f"it was written anew: {entry.week} was chained to {after.sha256}")
    return Fault(after.week.isoformat(), f"it is missing: {entry.week} was chained to it, {after.sha256}")


def _extra(entry: ForwardEntry, rival: ForwardEntry, heirs: Sequence[ForwardEntry]) -> Fault:
    """Two entries claim the same place; the chain goes on from one of them, so the other was put in."""
    return Fault((entry if heirs else rival).week, "it was put in between: the chain goes on without it")


def _of_number(entry: ForwardEntry, place: int) -> Fault | None:
    return (
        None if entry.number == place + 1 else Fault(entry.week, f"number {entry.number} stands at place {place + 1}")
    )


def _link(entry: ForwardEntry) -> Link | None:
    try:
        return link_of(entry)
    except DataError:
        return None


def _follows(entry: ForwardEntry, link: Link | None) -> bool:
    try:
        return plans_of(entry).after == link
    except DataError:
        return False


def standings(entries: Iterable[ForwardEntry], traded: Iterable[OrderPlan]) -> tuple[Standing, ...]:
    """What each entry of a whole chain is worth.

    Args:
        entries: a chain without a fault.
        traded: every plan of the ledger.
    """
    known = {canonical(plan) for plan in traded}
    found = []
    for entry in entries:
        told = plans_of(entry)
        hits = sum(canonical(plan) in known for plan in told.plans.values())
        first_open = week_of(told.week).first_open
        found.append(Standing(told.week, told.sequence, told.recorded_at, first_open, len(told.plans), hits))
    return tuple(found)


def unrecorded(entries: Iterable[ForwardEntry], traded: Iterable[OrderPlan]) -> tuple[Fault, ...]:
    """Plans that were traded and are not in the record as they were traded, from its first week on.

    Args:
        entries: a chain without a fault.
        traded: every plan of the ledger.
    """
    recorded: defaultdict[tuple[str, str, int], set[str]] = defaultdict(set)
    began: date | None = None
    for entry in entries:
        told = plans_of(entry)
        began = min(began or told.week, told.week)
        for plan in told.plans.values():
            recorded[plan.account, plan.run_id, plan.attempt].add(canonical(plan))
    found = []
    for plan in traded:
        monday, own = monday_of_run(plan.run_id), recorded.get((plan.account, plan.run_id, plan.attempt))
        if began is None or monday < began or (own and canonical(plan) in own):
            continue
        words = "differs from the recorded one" if own else "was never recorded"
        found.append(Fault(monday.isoformat(), f"{plan.account}: the plan of attempt {plan.attempt} {words}"))
    return tuple(found)
