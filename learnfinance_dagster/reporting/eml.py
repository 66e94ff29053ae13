"""Letters as mails: text and HTML alternatives, pictures inside, the same bytes for the same letter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.html import picture, render_markup
from learnfinance_dagster.reporting.text import render_text
from learnfinance_dagster.reporting.wording import subject

DOMAIN = "learnfinance.invalid"
"""Reserved by RFC 2606: these names belong to nobody and resolve nowhere."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail is made of, whatever it tells."""

    subject: str
    sent: datetime
    run: str
    """What it reports on, e.g. `paper:2025-12-29`: with the market, its identity."""
    market: str
    """Its name."""
    text: str
    markup: Callable[[Mapping[str, str]], str]
    """HTML with the given addresses of pictures, by name."""
    name: str
    """Of its picture; one light picture, since mail programs rarely choose between two."""
    picture: bytes | None
    attempt: int = 1
    """Which one of the run: a new attempt is a new mail, a repeated one is not."""


def render_eml(report: WeeklyReport, sender: str, recipients: Sequence[str], copies: Sequence[str] = ()) -> bytes:
    """The weekly report as a complete message, dated at the decision.

    Raises:
        ConfigurationError: no recipient, or an address that would break the header.
    """
    letter = Letter(
        subject=subject(report),
        sent=report.week.as_of,
        run=report.week.run_id,
        market=report.market.name,
        text=render_text(report),
        markup=lambda sources: render_markup(report, sources),
        name="equity",
        picture=picture(report),
        attempt=attempt(report),
    )
    return mailed(letter, sender, recipients, copies)


def attempt(report: WeeklyReport) -> int:
    """The newest attempt that any account made: one more is another mail."""
    return max([1, *(section.plan.attempt for section in report.accounts)])


def mailed(letter: Letter, sender: str, recipients: Sequence[str], copies: Sequence[str] = ()) -> bytes:
    """A complete message: multipart/alternative of text and (HTML with its picture), CRLF line ends.

    Date and identifiers follow from the letter, so a second rendering is the same mail, and a mail program that
    receives it twice can tell.

    Raises:
        ConfigurationError: no recipient, or an address that would break the header.
    """
    addresses = [sender, *recipients, *copies]
    if not recipients or any(not address.strip() or not address.isprintable() for address in addresses):
        msg = f"a report needs a sender and at least one recipient on one line each, got {addresses!r}"
        raise ConfigurationError(msg)
    identity = _identity(letter)
    message = EmailMessage(policy=SMTP)
    message["Subject"] = letter.subject
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    if copies:
        message["Cc"] = ", ".join(copies)
    message["Date"] = format_datetime(letter.sent)
    message["Message-ID"] = f"<{identity}@{DOMAIN}>"
    message["X-LearnFinance-Run"] = f"{letter.run}:attempt-{letter.attempt}"
    message.set_content(letter.text, cte="quoted-printable")
    _add_page(message, letter, identity)
    _fix_boundaries(message, identity)
    return message.as_bytes()


def _add_page(message: EmailMessage, letter: Letter, identity: str) -> None:
    content_id = f"{letter.name}.{identity}@{DOMAIN}"
    html = letter.markup({letter.name: f"cid:{content_id}"} if letter.picture else {})
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    page = message.get_payload(1)
    if letter.picture and isinstance(page, MIMEPart):
        page.add_related(
            letter.picture,
            "image",
            "png",
            cid=f"<{content_id}>",
            filename=f"{letter.name}.png",
            disposition="inline",
        )


def _identity(letter: Letter) -> str:
    """Run, attempt, and the market by its hash, e.g. `paper.2025-12-29.1.1f0c9a3e`: short, since long ones fold."""
    market = sha256(letter.market.encode()).hexdigest()[:8]
    return f"{letter.run.replace(':', '.')}.{letter.attempt}.{market}"


def _fix_boundaries(message: EmailMessage, identity: str) -> None:
    """Python draws random boundaries; ours follow from the run."""
    multiparts = [part for part in message.walk() if part.is_multipart()]
    for number, part in enumerate(multiparts):
        digest = sha256(f"{identity}/{number}".encode()).hexdigest()
        part.set_boundary(f"=_{digest[:32]}")
