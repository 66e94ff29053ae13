"""A Monday's letter on its way: through the real graph, to a mail server on this machine."""

import re
from email import message_from_bytes, policy

import pytest
from mail_server import HERE, PASSWORD, USER, MailServer

from learnfinance_dagster.definitions import build
from learnfinance_dagster.parameters import MailParameters
from learnfinance_dagster.reporting.post import MailState

BOB, CAROL = "bob@localhost", "carol@localhost"
MAIL = ["weekly_mail"]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("SMTP_USER", USER)
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    with MailServer() as server:
        yield server


@pytest.fixture
def house(traded, build_house, server):
    """Two Mondays were traded; letters of its weeks may be sent."""
    told = MailParameters(send="smtp", host=HERE, port=server.port, security="none", to=(BOB,), cc=(CAROL,), timeout=1)
    return build_house(traded.house).with_settings(mail=told)


def outcome(house, week):
    return house.read("weekly_mail", week)


def queued(house):
    return sorted(path.name for path in (house.root / "outbox" / "queue").glob("*"))


def test_by_default_a_monday_mails_nobody_and_says_so(traded):
    for week, went in zip(traded.weeks, traded.went, strict=True):
        assert went.success
        assert ("weekly_mail", "mailed") not in went.red
        assert outcome(traded.house, week).state is MailState.NOT_MAILED
    assert queued(traded.house) == []


def test_the_report_arrives_whole_with_its_picture_inside_and_arrives_once(house, server, traded):
    week = traded.weeks[-1]
    for _ in range(2):
        went = house.run("monday", week, select=MAIL)
        assert went.success, went.errors
        assert went.red == {}
    ((recipients, _),) = server.handler.letters
    (message,) = server.handler.messages
    assert recipients == (BOB, CAROL)
    assert (message["To"], message["Cc"], message["From"]) == (BOB, CAROL, f"LearnFinance <{USER}>")
    assert message["X-LearnFinance-Run"] == f"paper:{week}:attempt-1"
    assert re.fullmatch(rf"<paper\.{week}\.1\.[0-9a-f]{{8}}@learnfinance\.invalid>", message["Message-ID"])
    spoken_of = set(re.findall(r"cid:([^\"']+)", message.get_body(("html",)).get_content()))
    assert spoken_of == {part["Content-ID"].strip("<>") for part in message.walk() if part["Content-ID"]} != set()
    lying = message_from_bytes((house.root / "outbox" / f"weekly-{week}.eml").read_bytes(), policy=policy.default)
    for kind in ("plain", "html"):
        assert message.get_body((kind,)).get_content() == lying.get_body((kind,)).get_content()
    assert outcome(house, week).told == "sent to 2 readers"
    name = f"weekly-{week}.attempt-1"
    assert queued(house) == [f"{name}.eml", f"{name}.json", f"{name}.posted.json"]


@pytest.mark.parametrize(
    ("job", "tags", "why"),
    [
        ("research", {}, "only the jobs 'monday' and 'sunday' mail"),
        ("monday", {"dagster/backfill": "abcdefgh"}, "back-fills never mail"),
    ],
)
def test_no_other_run_mails(house, server, traded, job, tags, why):
    went = house.run(job, traded.weeks[-1], select=MAIL, tags=tags)
    assert went.success, went.errors
    assert why in outcome(house, traded.weeks[-1]).told
    assert (server.handler.letters, queued(house)) == ([], [])


def test_a_failed_sending_is_a_red_check_and_never_a_failed_monday_and_the_next_try_sends_it(house, server, traded):
    week = traded.weeks[-1]
    server.handler.sender = "451 come back later"
    went = house.run("monday", week, select=MAIL)
    assert went.success, went.errors
    assert "it waits in the queue" in went.red["weekly_mail", "mailed"]
    server.handler.sender = ""
    defs = build(house.settings)
    assert defs.resolve_job_def("send_mail").execute_in_process(instance=house.instance).success
    assert len(server.handler.letters) == 1
    assert house.run("monday", week, select=MAIL).red == {}
    assert len(server.handler.letters) == 1


def test_the_next_monday_sends_what_waited(house, server, traded):
    first, second = traded.weeks
    server.handler.sender = "451 come back later"
    house.run("monday", first, select=MAIL)
    server.handler.sender = ""
    assert house.run("monday", second, select=MAIL).red == {}
    about = {message["X-LearnFinance-Run"] for message in server.handler.messages}
    assert about == {f"paper:{week}:attempt-1" for week in traded.weeks}


def test_even_a_bug_in_the_letter_fails_no_monday(house, server, traded, monkeypatch):
    from learnfinance_dagster.reporting import eml

    monkeypatch.setattr(eml, "render_eml", lambda *_: 1 / 0)
    went = house.run("monday", traded.weeks[-1], select=MAIL)
    assert went.success
    assert "unexpected ZeroDivisionError" in went.red["weekly_mail", "mailed"]
