"""What happens to a letter when the mail server fails, and that it is one letter in the end."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from faults import check_table
from mail_server import HERE, PASSWORD, USER, MailServer, RawServer, trusting

from learnfinance_dagster.errors import LearnFinanceError
from learnfinance_dagster.orchestration.mailing import PostOffice
from learnfinance_dagster.parameters import MailParameters
from learnfinance_dagster.reporting.post import MailState
from resources.mail.queue import FileQueue
from resources.mail.smtp import SmtpMailer

BOB, CAROL = "bob@localhost", "carol@localhost"
LETTER = (
    b"Subject: Week\r\nFrom: x@localhost\r\nTo: bob@localhost\r\nMessage-ID: <one@learnfinance.invalid>\r\n\r\nHi\r\n"
)
NOW = datetime(2025, 12, 29, 13, tzinfo=UTC)
STATES = {
    MailState.SENT: "sent",
    MailState.WAITING: "waits in the queue",
    MailState.REFUSED: "refused, not tried again",
}


@dataclass(frozen=True)
class MailFault:
    """One way to fail."""

    name: str
    spoil: Callable[[MailServer], None] = lambda _server: None
    instead: Callable[[], AbstractContextManager[RawServer | None]] = nullcontext
    """Another server altogether."""
    security: str = "none"
    is_silent: bool = False
    """Only our patience ends it."""


def answers(**what):
    def spoil(server):
        for name, value in what.items():
            setattr(server.handler, name, value)

    return spoil


def says(words):
    def spoil(server):
        server.login_answer = words

    return spoil


class Nobody:
    port = 9


FAULTS = (
    MailFault("nobody listens", instead=lambda: nullcontext(Nobody())),
    MailFault("no word of welcome", instead=RawServer, is_silent=True),
    MailFault("connection reset", instead=lambda: RawServer(reset=True)),
    MailFault("a welcome that drips", instead=lambda: RawServer(b"220 " + b"x" * 900, drip=0.02), is_silent=True),
    MailFault("welcome that is no SMTP", instead=lambda: RawServer(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    MailFault("421 as welcome", instead=lambda: RawServer(b"421 too busy\r\n")),
    MailFault("554 as welcome", instead=lambda: RawServer(b"554 no service for you\r\n")),
    MailFault("no encryption offered", security="starttls"),
    MailFault("wrong password (535)", says("535 5.7.8 wrong: {data.password}")),
    MailFault("login out of order (454)", says("454 4.7.0 later")),
    MailFault("sender refused (550)", answers(sender="550 who are you")),
    MailFault("greylisted (451)", answers(recipients={BOB: "451 come back", CAROL: "451 come back"})),
    MailFault("one of two greylisted", answers(recipients={CAROL: "451 come back"})),
    MailFault("both recipients refused (550)", answers(recipients={BOB: "550 gone", CAROL: "550 gone"})),
    MailFault("one of two refused", answers(recipients={CAROL: "550 gone"})),
    MailFault("mailbox full (452) after the letter", answers(after_data="452 full")),
    MailFault("554 after the letter", answers(after_data="554 looks like spam")),
    MailFault("hung up after the letter, not kept", answers(hang_up="before")),
    MailFault("hung up after the letter, but kept", answers(hang_up="after")),
    MailFault("silent after the letter, but kept", answers(silence=1.5), is_silent=True),
)


def office(folder, port, security="none", patience=20.0):
    mailer = SmtpMailer(HERE, port, security, "", lambda: (USER, PASSWORD), patience, 2 * patience, trusting)

    class Door:
        def open(self):
            return mailer

    told = MailParameters(send="smtp", to=(BOB,), cc=(CAROL,))
    return PostOffice(FileQueue(folder), Door(), told, lambda: NOW, "practice")


def posted(post):
    return post.posted("weekly", lambda: LETTER, "", NOW + timedelta(days=8))


def meets(fault, folder):
    """How the letter stands after the fault, what of it the server kept, and how it stands when all is well again."""
    with MailServer(fault.security, offers_tls=False) as server, fault.instead() as other:
        fault.spoil(server)
        outcome = posted(
            office(folder, other.port if other else server.port, fault.security, 0.4 if fault.is_silent else 20.0)
        )
        letters = list(server.handler.letters)
    with MailServer() as well:
        again = office(folder, well.port)
        troubles = [trouble for _, trouble in again.deliver_waiting() if trouble]
        letters += well.handler.letters
        messages = [*server.handler.messages, *well.handler.messages]
    return outcome, letters, messages, troubles


def test_after_any_fault_everybody_who_may_get_it_has_one_letter(tmp_path):
    rows = []
    for place, fault in enumerate(FAULTS):
        outcome, letters, messages, troubles = meets(fault, tmp_path / str(place))
        assert not troubles, (fault.name, troubles)
        assert PASSWORD not in outcome.told
        assert {message["Message-ID"] for message in messages} <= {"<one@learnfinance.invalid>"}
        reached = {each for recipients, _ in letters for each in recipients}
        refused = {each for each in (BOB, CAROL) if outcome.state is MailState.REFUSED and each in outcome.told}
        assert reached == {BOB, CAROL} - refused, fault.name
        rows.append(
            (
                fault.name,
                STATES[outcome.state],
                " and ".join(sorted(each.partition("@")[0] for each in reached)) or "nobody",
                str(len(letters)),
                str(len({message["Message-ID"] for message in messages})),
            )
        )
    check_table(
        "Mail",
        ("fault", "the Monday sees", "has it after the next try", "times handed over", "letters a reader sees"),
        rows,
    )


def test_a_letter_that_may_have_been_taken_says_why_sending_it_again_is_harmless(tmp_path):
    with MailServer() as server:
        server.handler.hang_up = "after"
        told = posted(office(tmp_path, server.port)).told
    assert "may have been taken" in told
    assert "same Message-ID" in told


def test_no_exception_of_the_library_hangs_on_to_ours():
    with MailServer() as server:
        server.login_answer = "535 {data.password}"
        mailer = SmtpMailer(HERE, server.port, "none", "", lambda: (USER, PASSWORD), timeout=0.4)
        with pytest.raises(LearnFinanceError) as refused:
            mailer.send(LETTER, [BOB])
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
