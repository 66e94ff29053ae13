"""A mail server, spoken to over SMTP: encrypted from the start (ssl) or from the second word on (starttls)."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import SMTP
from threading import Timer
from typing import TypeVar

from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.ports import MailReceipt
from resources.mail.smtp_errors import (
    CONNECTING,
    HANDING_OVER,
    LOGIN,
    Conversation,
    is_for_good,
    secrets_of,
    translated,
)

NAME = "LearnFinance"
PORTS = {"ssl": 465, "starttls": 587, "none": 25}
READY = 220
GOODBYE = 2.0
"""Seconds that a server may take to say goodbye."""
GMAIL, GMAIL_HOST = "gmail.com", "smtp.gmail.com"
Answer = TypeVar("Answer")
Login = Callable[[], tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """A `ports.Mailer`. Nothing is asked before a letter is sent, and no secret is kept."""

    host: str
    port: int
    """0: the usual one."""
    security: str
    """ssl, starttls or none."""
    sender: str
    """Address in From; empty: the user who logs in."""
    login: Login = field(repr=False)
    """User and password; without a user nobody logs in."""
    timeout: float = 20.0
    """Seconds of silence."""
    whole: float = 120.0
    """Seconds for everything, however steadily it drips."""
    trust: Callable[[], ssl.SSLContext] = field(default=ssl.create_default_context, repr=False)

    def send(self, letter: bytes, recipients: Sequence[str]) -> MailReceipt:
        """See `ports.Mailer`."""

        def hand_over(smtp: smtplib.SMTP, sender: str) -> MailReceipt:
            message = message_from_bytes(letter, policy=SMTP)
            if not self.sender:
                message.replace_header("From", f"{NAME} <{sender}>")
            unhappy = smtp.sendmail(sender, list(recipients), message.as_bytes())
            talk = self._talk(HANDING_OVER)
            told = {each: (code, f"{code} {talk.words(said)}") for each, (code, said) in unhappy.items()}
            return MailReceipt(
                taken=tuple(each for each in recipients if each not in told),
                refused={each: said for each, (code, said) in told.items() if is_for_good(code)},
                deferred={each: said for each, (code, said) in told.items() if not is_for_good(code)},
            )

        return self._spoken(hand_over)

    def check(self) -> str:
        """Connect, log in and say goodbye without sending anything; what was seen.

        Raises:
            LearnFinanceError: as `send`.
        """
        (host, port), (user, _) = self._place(), self.login()
        return self._spoken(lambda _smtp, _sender: f"{host}:{port} {'lets us in' if user else 'answers'}")

    def _spoken(self, question: Callable[[smtplib.SMTP, str], Answer]) -> Answer:
        """What came of talking to a server that is ready to take letters.

        Args:
            question: is given the server and the sender's address.
        """
        (host, port), (user, password) = self._place(), self._login()
        smtp, doing = self._unconnected(host), CONNECTING
        watch = Timer(self.whole, _cut, [smtp])
        watch.daemon = True
        watch.start()
        try:
            _welcomed(smtp.connect(host, port))
            if self.security == "starttls":
                smtp.starttls(context=self.trust())
            doing = LOGIN
            if user:
                smtp.login(user, password or "")
            doing = HANDING_OVER
            answer = question(smtp, self.sender or user or "")
            _say_goodbye(smtp)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            trouble = translated(error, self._talk(doing))
        else:
            return answer
        finally:
            watch.cancel()
            smtp.close()
        raise trouble  # out here, so that no exception of the library, with all it was sent, is its context

    def _unconnected(self, host: str) -> smtplib.SMTP:
        if self.security == "ssl":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(timeout=self.timeout, context=self.trust())
        else:
            smtp = smtplib.SMTP(timeout=self.timeout)
        smtp._host = host  # noqa: SLF001  # type: ignore[attr-defined]  whose certificate it must be; the library
        return smtp  # learns it from its constructor only, which would connect before anybody watches

    def _place(self) -> tuple[str, int]:
        """Host and port.

        Raises:
            ConfigurationError: no host was named, and the user's address names none.
        """
        user, _ = self.login()
        host = self.host or (GMAIL_HOST if (user or "").lower().endswith(f"@{GMAIL}") else "")
        if not host:
            msg = "no mail server is named: set LEARNFINANCE_MAIL__HOST, or SMTP_USER to an address at Gmail"
            raise ConfigurationError(msg)
        return host, self.port or PORTS[self.security]

    def _login(self) -> tuple[str | None, str | None]:
        user, password = self.login()
        if user and not password:
            raise ConfigurationError("SMTP_USER is set and SMTP_PASSWORD is not; for Gmail it is an app password")
        if not self.sender and "@" not in (user or ""):
            raise ConfigurationError("no sender: set LEARNFINANCE_MAIL__SENDER, or SMTP_USER to an address")
        return user, password

    def _talk(self, doing: str) -> Conversation:
        host, port = self._place()
        return Conversation(f"{host}:{port}", doing, secrets_of(*self.login()))


def _welcomed(answer: tuple[int, bytes]) -> None:
    """The library looks at a server's welcome in its constructor only."""
    if answer[0] != READY:
        raise smtplib.SMTPConnectError(*answer)


def _say_goodbye(smtp: smtplib.SMTP) -> None:
    """What was taken is taken, whatever the server says to our goodbye."""
    with suppress(smtplib.SMTPException, OSError):
        if smtp.sock is not None:
            smtp.sock.settimeout(GOODBYE)
            smtp.quit()


def _cut(smtp: smtplib.SMTP) -> None:
    """Hang up on a server that drips: the socket's time-out alone never ends that."""
    sock = smtp.sock
    if sock is not None:
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
