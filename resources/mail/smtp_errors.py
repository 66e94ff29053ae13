"""What mail servers and `smtplib` say, in this house's words.

A server's words may echo what it was sent. Its answers to a login are therefore told without anything that could be a
secret in base64, secrets are blotted out of all others, and no exception of the library is chained.
"""

import re
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from learnfinance_dagster.errors import ConfigurationError, LearnFinanceError, RefusedError, TransientError
from resources.http_words import blotted, shortened

PERMANENT = range(500, 600)
WANTS_LOGIN = frozenset({530, 534, 535, 538})
CONNECTING = "connecting"
LOGIN = "logging in"
HANDING_OVER = "handing the letter over"
HOW = "check SMTP_USER and SMTP_PASSWORD; Gmail wants an app password (myaccount.google.com → Security → App passwords)"
UNCERTAIN = "; it may have been taken all the same: sent again it has the same Message-ID, so mail programs show one"
_CODED = re.compile(r"[A-Za-z0-9+/=]{16,}")


@dataclass(frozen=True, slots=True)
class Conversation:
    """With whom, how far it went, and what must not be told of it."""

    place: str
    """host:port"""
    doing: str
    secrets: frozenset[str] = field(repr=False)

    def words(self, said: Any) -> str:
        """What the server says, shortened, without our secrets."""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        text = blotted(" ".join(text.split()), self.secrets)
        return shortened(_CODED.sub("***", text) if self.doing == LOGIN else text)


def secrets_of(user: str | None, password: str | None) -> frozenset[str]:
    """User and password, and how the ways to log in spell them."""
    plain = [each for each in (user, password, f"\0{user or ''}\0{password or ''}") if each]
    return frozenset({*plain, *(b64encode(each.encode()).decode() for each in plain)})


def translated(error: Exception, talk: Conversation) -> LearnFinanceError:
    """One of ours for whatever `smtplib`, `ssl` or a socket raised."""
    for kind, judge in _JUDGES:
        if isinstance(error, kind):
            return judge(error, talk)
    return _unreachable(error, talk)


def judged(code: int, said: Any, talk: Conversation) -> LearnFinanceError:
    """By a server's code."""
    told = f"{talk.place}, {talk.doing}: answers {code} ({talk.words(said)})"
    if code in WANTS_LOGIN or (talk.doing == LOGIN and code in PERMANENT):
        return ConfigurationError(f"{told}: {HOW}")
    if code in PERMANENT:
        return RefusedError(told)
    return TransientError(told)


def is_for_good(code: int) -> bool:
    """Whether trying again is of no use."""
    return code in PERMANENT


def _response(error: Any, talk: Conversation) -> LearnFinanceError:
    return judged(error.smtp_code, error.smtp_error, talk)


def _recipients(error: Any, talk: Conversation) -> LearnFinanceError:
    """Everybody was refused: for now, if any of them is."""
    codes = [code for code, _ in error.recipients.values()]
    said = "; ".join(f"{each}: {code} {talk.words(said)}" for each, (code, said) in sorted(error.recipients.items()))
    told = f"{talk.place} takes it for nobody: {said}"
    return RefusedError(told) if all(map(is_for_good, codes)) else TransientError(told)


def _lost(_error: Any, talk: Conversation) -> LearnFinanceError:
    uncertain = UNCERTAIN if talk.doing == HANDING_OVER else ""
    return TransientError(f"{talk.place}, {talk.doing}: the server hung up, or took too long{uncertain}")


def _unsupported(_error: Any, talk: Conversation) -> LearnFinanceError:
    hint = "LEARNFINANCE_MAIL__SECURITY (ssl or starttls) and the port"
    return ConfigurationError(f"{talk.place}, {talk.doing}: the server does not offer what is needed; check {hint}")


def _untrusted(error: Any, talk: Conversation) -> LearnFinanceError:
    return ConfigurationError(
        f"{talk.place}: its certificate is not trusted ({error.verify_message}); nothing was sent to it"
    )


def _unencrypted(_error: Any, talk: Conversation) -> LearnFinanceError:
    if talk.doing == HANDING_OVER:
        return _lost(_error, talk)
    hint = "ssl is usual on port 465, starttls on 587: check LEARNFINANCE_MAIL__SECURITY and __PORT"
    return ConfigurationError(f"{talk.place}, {talk.doing}: no encrypted connection ({hint})")


def _unspellable(_error: Any, talk: Conversation) -> LearnFinanceError:
    return ConfigurationError(f"{talk.place}, {talk.doing}: an address, SMTP_USER or SMTP_PASSWORD cannot be spelled")


def _unreachable(error: Exception, talk: Conversation) -> LearnFinanceError:
    uncertain = UNCERTAIN if talk.doing == HANDING_OVER else ""
    return TransientError(f"{talk.place}, {talk.doing}: not reached ({type(error).__name__}){uncertain}")


_JUDGES: tuple[tuple[type[Exception], Callable[[Any, Conversation], LearnFinanceError]], ...] = (
    (smtplib.SMTPRecipientsRefused, _recipients),
    (smtplib.SMTPNotSupportedError, _unsupported),
    (smtplib.SMTPServerDisconnected, _lost),
    (smtplib.SMTPResponseException, _response),  # sender, data, connect, hello and login: by their code
    (smtplib.SMTPException, _unsupported),  # the library knows no common way to log in
    (ssl.SSLCertVerificationError, _untrusted),
    (ssl.SSLError, _unencrypted),
    (UnicodeError, _unspellable),  # its arguments are the secret itself
    (OSError, _unreachable),
)
"""Kind → how it is judged; the first that fits."""
