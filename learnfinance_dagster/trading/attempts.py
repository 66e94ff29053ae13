"""What a run may do with an account and week, given what the ledger remembers."""

from dataclasses import dataclass
from datetime import date

from learnfinance_dagster.ports import Attempt
from learnfinance_dagster.values import Mode, Week


@dataclass(frozen=True, slots=True)
class Decision:
    """How this run treats the account: trade, compute only, or show what is recorded."""

    mode: Mode
    reason: str
    attempt: int
    recorded: Attempt | None = None
    """The attempt to show again instead of planning anew."""
    is_past: bool = False
    """The account has lived on since: only the ledger knows what it was then."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the ledger remembers of an account."""

    newest_week: date | None
    """The newest Monday that was traded or marked."""
    week_is_over: bool
    """The week asked about has its equity mark: its orders' session is history."""
    latest: Attempt | None
    """The newest attempt of the week asked about."""
    something_filled: bool = False
    """Part of it was executed before its orders died: it is what the week was, and is not tried again."""


def decide(week: Week, memory: Memory, refusal: str) -> Decision:
    """Choose between a new attempt, a dry run and the record.

    - A recorded attempt is shown again, whoever asks, unless all its orders are dead, nothing of them was filled and
      the week is not over.
    - Time runs one way: a week before the newest one never trades.
    - `refusal` is the guard's objection to trading now, empty when it has none.
    """
    latest = memory.latest
    is_past = memory.newest_week is not None and week.monday < memory.newest_week
    if memory.week_is_over and not refusal:
        refusal = "the week is over for this account"
    if is_past:
        refusal = f"{memory.newest_week} has been traded since, and time runs one way"
    if latest is not None and (refusal or not latest.is_over or memory.something_filled):
        return Decision(Mode.LIVE, latest.plan.mode_reason, latest.number, latest)
    if refusal:
        return Decision(Mode.DRY_RUN, refusal, 1, is_past=is_past or memory.week_is_over)
    number = latest.number + 1 if latest else 1
    reason = "" if number == 1 else f"attempt {number - 1} left nothing filled or open"
    return Decision(Mode.LIVE, reason, number)
