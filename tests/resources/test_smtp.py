"""Letters over SMTP: encrypted, addressed, and every way in which a server can fail told in our words."""

import smtplib
import ssl
from dataclasses import replace

import pytest
from mail_server import HERE, PASSWORD, USER, MailServer, RawServer, trusting

from learnfinance_dagster.errors import ConfigurationError, LearnFinanceError, RefusedError, TransientError
from resources.mail.smtp import SmtpMailer
from resources.mail.smtp_errors import CONNECTING, HANDING_OVER, LOGIN, Conversation, secrets_of, translated

BOB, CAROL = "bob@localhost", "carol@localhost"
LETTER = (
    b"Subject: =?utf-8?q?Week_of_29_Dec=3A_hrp_=2B0=2E42_=25?=\r\nFrom: LearnFinance <learnfinance@localhost>\r\n"
    b"To: bob@localhost\r\nMessage-ID: <paper.2025-12-29.1.1f0c9a3e@learnfinance.invalid>\r\n\r\n.a dot begins\r\n"
)


def mailer(port, security="none", **changes):
    plain = SmtpMailer(HERE, port, security, "", lambda: (USER, PASSWORD), timeout=1.0, whole=5.0, trust=trusting)
    return replace(plain, **changes)


@pytest.fixture
def server():
    with MailServer() as server:
        yield server


@pytest.mark.parametrize("security", ["ssl", "starttls", "none"])
def test_a_letter_is_taken_for_everybody_and_comes_from_whoever_logs_in(security):
    with MailServer(security) as server:
        receipt = mailer(server.port, security).send(LETTER, [BOB, CAROL])
        ((recipients, content),) = server.handler.letters
        (message,) = server.handler.messages
    assert (receipt.taken, receipt.refused, receipt.deferred) == ((BOB, CAROL), {}, {})
    assert recipients == (BOB, CAROL)
    assert message["From"] == f"LearnFinance <{USER}>"
    assert message["Message-ID"] == "<paper.2025-12-29.1.1f0c9a3e@learnfinance.invalid>"
    assert content.endswith(b"\r\n\r\n.a dot begins\r\n")


def test_a_named_sender_stays(server):
    letter = LETTER.replace(b"learnfinance@localhost", b"desk@localhost")
    mailer(server.port, sender="desk@localhost").send(letter, [BOB])
    assert server.handler.messages[0]["From"] == "LearnFinance <desk@localhost>"


def test_a_relay_without_a_login_is_not_given_one():
    with MailServer(users={}) as server:
        mailer(server.port, sender="desk@localhost", login=lambda: (None, None)).send(LETTER, [BOB])
        assert len(server.handler.letters) == 1


def test_checking_logs_in_and_sends_nothing(server):
    assert mailer(server.port).check() == f"{HERE}:{server.port} lets us in"
    assert server.handler.letters == []


def test_one_who_is_refused_and_one_who_is_to_wait_do_not_keep_the_others_from_it(server):
    server.handler.recipients = {BOB: "550 no such user", CAROL: "451 greylisted, come back"}
    receipt = mailer(server.port).send(LETTER, [BOB, CAROL, "dan@localhost"])
    assert receipt.taken == ("dan@localhost",)
    assert receipt.refused == {BOB: "550 no such user"}
    assert receipt.deferred == {CAROL: "451 greylisted, come back"}


def test_what_was_taken_is_taken_whatever_the_server_says_to_our_goodbye(server, monkeypatch):
    def rude(*_arguments):
        raise smtplib.SMTPServerDisconnected("bye")

    monkeypatch.setattr(smtplib.SMTP, "quit", rude)
    assert mailer(server.port).send(LETTER, [BOB]).taken == (BOB,)


def test_gmail_needs_no_host_and_other_addresses_do():
    gmail = SmtpMailer("", 0, "ssl", "", lambda: ("somebody@gmail.com", PASSWORD))
    assert gmail._place() == ("smtp.gmail.com", 465)
    with pytest.raises(ConfigurationError, match="LEARNFINANCE_MAIL__HOST"):
        replace(gmail, login=lambda: ("somebody@notgmail.com", PASSWORD)).send(LETTER, [BOB])


@pytest.mark.parametrize(("login", "missing"), [((USER, None), "SMTP_PASSWORD"), ((None, None), "SMTP_USER")])
def test_what_is_missing_is_named_before_anybody_is_asked(login, missing):
    with pytest.raises(ConfigurationError, match=missing):
        mailer(1, login=lambda: login).send(LETTER, [BOB])


def test_a_server_whose_certificate_nobody_vouches_for_learns_nothing():
    with MailServer("ssl") as server:
        with pytest.raises(ConfigurationError, match="not trusted"):
            mailer(server.port, "ssl", trust=ssl.create_default_context).send(LETTER, [BOB])
        assert server.handler.letters == []


def test_a_password_is_not_sent_where_encryption_was_asked_for_and_is_not_offered():
    with MailServer("starttls", offers_tls=False) as server, pytest.raises(ConfigurationError, match="SECURITY"):
        mailer(server.port, "starttls").send(LETTER, [BOB])


def test_encryption_on_a_plain_port_says_which_setting_to_look_at(server):
    with pytest.raises(ConfigurationError, match="starttls on 587"):
        mailer(server.port, "ssl").send(LETTER, [BOB])


def test_a_wrong_password_says_how_to_get_an_app_password_and_does_not_repeat_it(server):
    with pytest.raises(ConfigurationError, match="App passwords") as refused:
        mailer(server.port, login=lambda: (USER, "hunter2-canary")).send(LETTER, [BOB])
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(("welcome", "kind"), [(b"421 too busy\r\n", TransientError), (b"554 no\r\n", RefusedError)])
def test_a_server_that_does_not_welcome_us_is_not_talked_to(welcome, kind):
    with RawServer(welcome) as server, pytest.raises(kind, match=welcome[:3].decode()):
        mailer(server.port, timeout=20.0).send(LETTER, [BOB])


def test_a_server_that_drips_is_cut_off():
    with (
        RawServer(b"220 " + b"x" * 400, drip=0.02) as server,
        pytest.raises(TransientError, match="hung up, or took too long"),
    ):
        mailer(server.port, whole=0.3).send(LETTER, [BOB])


def every_exception_of_smtplib():
    made = {
        "SMTPRecipientsRefused": ({BOB: (550, b"no")},),
        "SMTPSenderRefused": (550, b"no", USER),
        "SMTPResponseException": (550, b"no"),
    }
    for name, kind in vars(smtplib).items():
        if isinstance(kind, type) and issubclass(kind, smtplib.SMTPException):
            coded = issubclass(kind, smtplib.SMTPResponseException)
            yield pytest.param(kind(*made.get(name, (550, b"no") if coded else ("no",))), id=name)


@pytest.mark.parametrize("doing", [CONNECTING, LOGIN, HANDING_OVER])
@pytest.mark.parametrize("error", list(every_exception_of_smtplib()))
def test_every_exception_of_the_library_has_a_meaning_here(error, doing):
    ours = translated(error, Conversation("here:25", doing, frozenset()))
    assert isinstance(ours, LearnFinanceError)
    assert type(ours) in {TransientError, RefusedError, ConfigurationError}
    assert "here:25" in str(ours)


@pytest.mark.parametrize(
    ("code", "doing", "kind"),
    [
        (421, CONNECTING, TransientError),
        (554, CONNECTING, RefusedError),
        (454, LOGIN, TransientError),
        (535, LOGIN, ConfigurationError),
        (530, HANDING_OVER, ConfigurationError),
        (451, HANDING_OVER, TransientError),
        (552, HANDING_OVER, RefusedError),
        (-1, HANDING_OVER, TransientError),
    ],
)
def test_a_code_says_whether_to_try_again(code, doing, kind):
    error = smtplib.SMTPResponseException(code, b"words")
    assert type(translated(error, Conversation("here:25", doing, frozenset()))) is kind


def test_a_server_that_echoes_the_login_is_not_quoted():
    secrets = secrets_of(USER, PASSWORD)
    for spelled in secrets:
        error = smtplib.SMTPAuthenticationError(535, f"bad: {spelled}".encode())
        for doing in (LOGIN, HANDING_OVER):
            told = str(translated(error, Conversation("here:25", doing, secrets)))
            assert not [secret for secret in secrets if secret in told]
