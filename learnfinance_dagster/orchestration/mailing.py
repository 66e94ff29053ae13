"""The post office: it queues letters and hands them to a mailer. `trading.guard` says which runs may mail.

Mail is the last thing that happens and nothing waits for it: what cannot be sent stays in the queue and is tried again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from learnfinance_dagster.errors import ConfigurationError, LearnFinanceError
from learnfinance_dagster.parameters import MailParameters
from learnfinance_dagster.ports import Mailer
from learnfinance_dagster.reporting.post import Envelope, MailOutcome, MailState, Posted

STAYS_NEWS = timedelta(days=8)
"""A letter is tried again until the day after the next Monday, and then no more."""


class LetterQueue(Protocol):
    """Where letters wait."""

    def put(self, envelope: Envelope, content: bytes) -> None:
        """Store a letter, whole; one that somebody got already stays as it is."""
        ...

    def letters(self) -> tuple[Envelope, ...]:
        """Every letter that was ever queued, oldest first."""
        ...

    def content(self, name: str) -> bytes:
        """The message itself."""
        ...

    def posted(self, name: str) -> Posted:
        """What became of it."""
        ...

    def mark(self, name: str, posted: Posted) -> None:
        """Remember what became of it."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """The right to send: one process at a time."""
        ...


class MailerDoor(Protocol):
    """Opens the mailer."""

    def open(self) -> Mailer:
        """The mailer that settings name."""
        ...


@dataclass(frozen=True, slots=True)
class PostOffice:
    """The queue, who empties it, and who gets the letters."""

    queue: LetterQueue
    mailer: MailerDoor
    parameters: MailParameters
    clock: Callable[[], datetime]
    market: str
    """Name of the market's folder, for letters about runs."""

    @property
    def is_open(self) -> bool:
        """Whether settings ask for letters to be sent."""
        return self.parameters.send == "smtp"

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody who gets letters, each once."""
        return tuple(dict.fromkeys((*self.parameters.to, *self.parameters.cc)))

    def posted(self, name: str, render: Callable[[], bytes], refusal: str, until: datetime) -> MailOutcome:
        """Queue a letter and try to send it; whatever goes wrong is told by the outcome.

        Args:
            name: the letter's; queued under it once.
            render: makes the message; only called when it is to be sent.
            refusal: why it must not be mailed; empty when it may.
            until: when it is no news any more.
        """
        if not self.is_open:
            return MailOutcome(name, MailState.NOT_MAILED, "in the outbox only (LEARNFINANCE_MAIL__SEND=outbox)")
        if refusal:
            return MailOutcome(name, MailState.NOT_MAILED, f"not mailed: {refusal}")
        try:
            if not self.parameters.to:
                raise ConfigurationError("nobody is named to get letters: set EMAIL_TO")
            envelope = Envelope(name, self.recipients, self.clock(), until)
            self.queue.put(envelope, render())
            return self._told(envelope, self.deliver(envelope))
        except LearnFinanceError as error:
            return MailOutcome(name, MailState.WAITING, f"not sent, it waits in the queue: {error}")

    def deliver(self, envelope: Envelope) -> Posted:
        """Send a letter to those who have not got it. What a server took is marked before anything else is done.

        Killed between the two, it is sent again with the same Message-ID, so that mail programs show one.
        """
        with self.queue.turn():
            before = self.queue.posted(envelope.name)
            left = before.left(envelope.recipients)
            if not left:
                return before
            receipt = self.mailer.open().send(self.queue.content(envelope.name), left)
            after = before.after(receipt, self.clock())
            self.queue.mark(envelope.name, after)
            return after

    def waiting(self) -> tuple[Envelope, ...]:
        """Letters that somebody has yet to get, and that are still news."""
        now = self.clock()
        return tuple(
            each
            for each in self.queue.letters()
            if now < each.until and self.queue.posted(each.name).left(each.recipients)
        )

    def deliver_waiting(self) -> Iterator[tuple[Envelope, str]]:
        """Try every letter that waits; each with why it still waits, or an empty text."""
        for envelope in self.waiting():
            try:
                left = self.deliver(envelope).left(envelope.recipients)
                yield envelope, f"{', '.join(left)}: not taken yet" if left else ""
            except LearnFinanceError as error:
                yield envelope, str(error)

    def _told(self, envelope: Envelope, posted: Posted) -> MailOutcome:
        left = posted.left(envelope.recipients)
        if left:
            told = f"not taken yet for {', '.join(left)}; tried again until {envelope.until:%Y-%m-%d %H:%M} UTC"
            return MailOutcome(envelope.name, MailState.WAITING, told)
        if posted.refused:
            told = "; ".join(f"{each}: {why}" for each, why in sorted(posted.refused.items()))
            return MailOutcome(envelope.name, MailState.REFUSED, f"refused for good: {told}")
        return MailOutcome(envelope.name, MailState.SENT, f"sent to {_readers(posted.taken)}")


def _readers(taken: Sequence[str]) -> str:
    return f"{len(taken)} reader{'' if len(taken) == 1 else 's'}"
