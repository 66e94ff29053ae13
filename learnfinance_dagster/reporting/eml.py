"""The report as a mail: text and HTML alternatives, pictures inside, the same bytes for the same report."""

from collections.abc import Sequence
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


def render_eml(report: WeeklyReport, sender: str, recipients: Sequence[str]) -> bytes:
    """A complete message: multipart/alternative of text and (HTML with its pictures), CRLF line ends.

    The date is the decision time and every identifier follows from the run and the market, so a second rendering
    is the same mail, and a mail program that receives it twice can tell.

    Raises:
        ConfigurationError: no recipient, or an address that would break the header.
    """
    addresses = [sender, *recipients]
    if not recipients or any(not address.strip() or not address.isprintable() for address in addresses):
        msg = f"a report needs a sender and at least one recipient on one line each, got {addresses!r}"
        raise ConfigurationError(msg)
    identity = _identity(report)
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject(report)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(report.week.as_of)
    message["Message-ID"] = f"<{identity}@{DOMAIN}>"
    message.set_content(render_text(report), cte="quoted-printable")
    _add_letter(message, report, identity)
    _fix_boundaries(message, identity)
    return message.as_bytes()


def _add_letter(message: EmailMessage, report: WeeklyReport, identity: str) -> None:
    """Add the HTML alternative; one light picture, since mail programs rarely choose between two."""
    png = picture(report)
    content_id = f"equity.{identity}@{DOMAIN}"
    html = render_markup(report, {"equity": f"cid:{content_id}"} if png else {})
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    letter = message.get_payload(1)
    if png and isinstance(letter, MIMEPart):
        letter.add_related(png, "image", "png", cid=f"<{content_id}>", filename="equity.png", disposition="inline")


def _identity(report: WeeklyReport) -> str:
    """The run, and the market by its hash, e.g. `paper.2025-12-29.1f0c9a3e`: short, since long ones get folded."""
    market = sha256(report.market.name.encode()).hexdigest()[:8]
    return f"{report.week.run_id.replace(':', '.')}.{market}"


def _fix_boundaries(message: EmailMessage, identity: str) -> None:
    """Python draws random boundaries; ours follow from the run."""
    multiparts = [part for part in message.walk() if part.is_multipart()]
    for number, part in enumerate(multiparts):
        digest = sha256(f"{identity}/{number}".encode()).hexdigest()
        part.set_boundary(f"=_{digest[:32]}")
