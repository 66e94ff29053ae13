"""What is known of letters on their way: what waits in the queue, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from learnfinance_dagster.ports import MailReceipt

SENDER = "LearnFinance <learnfinance@localhost>"
"""Who writes, where settings name nobody; the mailer puts the user there who logs in."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A letter in the queue. Its content is kept beside it, and carries the Message-ID."""

    name: str
    """E.g. `weekly-2025-12-29.attempt-1`."""
    recipients: tuple[str, ...]
    queued_at: datetime
    until: datetime
    """When it is no news any more: from then on it is not sent."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a letter so far."""

    taken: tuple[str, ...] = ()
    """Recipients for whom a server took it. They never get it twice on purpose."""
    refused: dict[str, str] | None = None
    """Recipient → why not, for good."""
    at: datetime | None = None
    """When a server last took it."""

    def left(self, recipients: Sequence[str]) -> tuple[str, ...]:
        """Those who neither got it nor were refused."""
        return tuple(each for each in recipients if each not in self.taken and each not in (self.refused or {}))

    def after(self, receipt: MailReceipt, now: datetime) -> "Posted":
        """With what a server said this time."""
        refused = {**(self.refused or {}), **receipt.refused}
        return replace(self, taken=(*self.taken, *receipt.taken), refused=refused, at=now if receipt.taken else self.at)


class MailState(StrEnum):
    """Where a run's letter stands."""

    NOT_MAILED = "not_mailed"
    """It lies in the outbox, and this run may not or need not mail it."""
    SENT = "sent"
    WAITING = "waiting"
    """In the queue: a server could not be reached, or a setting is missing."""
    REFUSED = "refused"
    """Not everybody gets it, and nobody tries again."""


@dataclass(frozen=True, slots=True)
class MailOutcome:
    """What a run's letter came to."""

    letter: str
    """Its name in the queue."""
    state: MailState
    told: str

    @property
    def is_well(self) -> bool:
        """Nobody has to look at it."""
        return self.state in {MailState.NOT_MAILED, MailState.SENT}


@dataclass(frozen=True, slots=True)
class FailedRun:
    """What a person needs to know before looking."""

    run_id: str
    job: str
    partition: str
    """Key; empty where the job has none."""
    failures: tuple[tuple[str, str], ...]
    """Step and its error in one line; without a step where the run failed as a whole."""
    link: str
    ended: datetime
    market: str
