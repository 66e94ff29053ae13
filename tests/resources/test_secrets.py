"""No secret leaves this house but on the wire to whom it opens: not in words, logs, exceptions, representations, files.

Every credential holds a canary. Each adapter talks to a vendor that repeats all it was sent in every kind of bad
answer, and to one that is content; then everything that could be read or was written is searched.
"""

import io
import logging
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import hub_server
import pytest
from alpaca_paper import AlpacaPaper, no_sleep
from canaries import ANSWERS, CANARIES, Parrot, found, found_in, plant, told_by
from hub_server import HubServer
from language_vendors import PROMPT, chat, responses
from mail_server import HERE, MailServer
from sentiment_days import days
from vendor_server import VendorServer

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.definitions import build
from learnfinance_dagster.parameters import EndpointParameters, MailParameters
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.values import Order, Side
from learnfinance_dagster.wiring import mailer_door
from resources import source_doors
from resources.brokers.alpaca import AlpacaBroker
from resources.brokers.alpaca_client import AlpacaSession
from resources.credentials import CREDENTIALS, needed, secret
from resources.doors import HubModelsDoor, LocalModelsDoor
from resources.filings.alpha_vantage import AlphaVantageFilings
from resources.http import PatientSession
from resources.language.openai import OpenAIModel
from resources.live_market.alpaca_prices import AlpacaPrices
from resources.live_market.fetched import Want
from resources.mail.smtp import SmtpMailer
from resources.news.alpaca import AlpacaNews
from resources.news.archive import ArchivedNews
from resources.postgres import check_answers
from resources.sentiment_history import SentimentHistoryDoor

HOUSE = Path(__file__).resolve().parents[2]
WEEK = week_of(date(2024, 5, 13))
ORDER = Order("paper:2024-05-13:attempt-1:AAPL:BUY", "AAPL", Side.BUY, Decimal(1), Decimal(100), Decimal(99), 0.0, 0.1)


def now() -> datetime:
    return datetime(2024, 5, 13, 13, tzinfo=UTC)


def impatient() -> PatientSession:
    return PatientSession(per_second=1000, timeout=(2.0, 5.0), sleep=no_sleep)


@dataclass(frozen=True)
class Row:
    """One adapter: a colleague's new one is one more row."""

    name: str
    credentials: tuple[str, ...]
    make: Callable[[str, Path], Any]
    """Address and data folder → the adapter."""
    acts: tuple[Callable[[Any], object], ...]
    """What is asked of it, one after the other."""


def alpaca_news(url, folder):
    source = AlpacaNews(secret("ALPACA_API_KEY"), secret("ALPACA_API_SECRET"), url, impatient())
    return ArchivedNews(source, folder / "news.sqlite", now, lambda _line: None)


def alpha_vantage(url, folder):
    knobs = {"timeout": (2.0, 5.0)}
    return AlphaVantageFilings(
        secret("ALPHA_VANTAGE_API_KEY"), folder / "av.sqlite", now, url, sleep=no_sleep, knobs=knobs
    )


def broker(prefix):
    def make(url, _folder):
        session = AlpacaSession(now, timeout=(2.0, 5.0), sleep=no_sleep)
        key, word = needed(f"ALPACA_{prefix}_KEY"), needed(f"ALPACA_{prefix}_SECRET")
        return AlpacaBroker(key, word, session, url, sleep=no_sleep)

    return make


def language(name, api):
    def make(url, _folder):
        return OpenAIModel(needed(name), "m", base_url=f"{url}/v1", api=api, seconds=5.0, sleep=no_sleep)

    return make


def models(url, folder):
    return HubModelsDoor(LocalModelsDoor(folder / "models"), "alice", "us", ["lstm"], url).open()


BROKER_ACTS = (
    lambda it: it.account(now()),
    lambda it: it.find(ORDER.client_order_id),
    lambda it: it.submit(ORDER, WEEK),
    lambda it: it.fills([ORDER.client_order_id]),
)
ROWS = (
    Row(
        "Alpaca's news",
        ("ALPACA_API_KEY", "ALPACA_API_SECRET"),
        alpaca_news,
        (lambda it: it.articles(["AAPL"], date(2024, 5, 6), date(2024, 5, 7), now()),),
    ),
    Row(
        "Alpaca's prices",
        ("ALPACA_API_KEY", "ALPACA_API_SECRET"),
        lambda url, _folder: AlpacaPrices(url, session=impatient()),
        (lambda it: list(it.prices([Want("AAPL", date(2024, 5, 6))], date(2024, 5, 10))),),
    ),
    Row("Alpha Vantage", ("ALPHA_VANTAGE_API_KEY",), alpha_vantage, (lambda it: it.filings(["AAPL"], now()),)),
    *(
        Row(f"broker {each}", (f"ALPACA_{each}_KEY", f"ALPACA_{each}_SECRET"), broker(each), BROKER_ACTS)
        for each in ("HRP", "PPO", "SAC")
    ),
    Row("OpenAI", ("OPENAI_API_KEY",), language("OPENAI_API_KEY", "responses"), (lambda it: it.complete(PROMPT),)),
    Row("OpenAI, chat", ("OPENAI_API_KEY",), language("OPENAI_API_KEY", "chat"), (lambda it: it.complete(PROMPT),)),
    Row(
        "compatible", ("COMPATIBLE_API_KEY",), language("COMPATIBLE_API_KEY", "chat"), (lambda it: it.complete(PROMPT),)
    ),
    Row(
        "models on the Hub",
        ("HF_TOKEN",),
        models,
        (lambda it: it.read("lstm", "v1"), lambda it: it.write("lstm", "v2", {"card.json": b"{}"})),
    ),
    Row(
        "sentiment on the Hub",
        ("HF_TOKEN",),
        lambda url, _folder: SentimentHistoryDoor(url, "alice", "us"),
        (lambda it: it.push(days("2025-01-06", "AAPL", ["articles"])), lambda it: it.pull()),
    ),
)
ELSEWHERE = {"SMTP_USER", "SMTP_PASSWORD", "PGPASSWORD"}
"""They speak no HTTP, and have tests of their own below."""


class Ear:
    """Hears everything that is logged, by whomever, at any level."""

    def __enter__(self):
        self.heard = io.StringIO()
        self._handler = logging.StreamHandler(self.heard)
        self._root = logging.getLogger()
        self._level = self._root.level
        self._root.addHandler(self._handler)
        self._root.setLevel(logging.DEBUG)
        self._handler.addFilter(lambda record: not record.name.startswith("mail.log"))  # the server's, which is no part
        return self

    def __exit__(self, *_error):
        self._root.removeHandler(self._handler)
        self._root.setLevel(self._level)


def said(act, it):
    """What came of it, as text: the answer, or all that the exception tells."""
    try:
        answer = act(it)
    except Exception as error:  # noqa: BLE001  whatever it is, it must not tell
        return told_by(error)
    tables = [part.to_csv() for part in (answer, *vars_of(answer)) if hasattr(part, "to_csv")]
    return "\n".join([repr(answer), str(answer), *tables])


def vars_of(answer):
    return [getattr(answer, name) for name in getattr(answer, "__dataclass_fields__", {})]


@pytest.fixture(autouse=True)
def canaries(monkeypatch):
    return plant(monkeypatch)


def test_every_credential_is_tried():
    tried = {name for row in ROWS for name in row.credentials} | ELSEWHERE
    assert tried == {credential.name for credential in CREDENTIALS}


def test_credentials_are_read_in_one_module_only():
    names = "|".join(re.escape(credential.name) for credential in CREDENTIALS)
    read = re.compile(rf"""(environ|getenv)\S*["']({names})["']""")
    files = [*(HOUSE / "resources").rglob("*.py"), *(HOUSE / "learnfinance_dagster").rglob("*.py")]
    assert read.search('os.environ.get("HF_TOKEN")')
    assert [str(path) for path in files if read.search(path.read_text(encoding="utf-8"))] == []


def test_a_canary_is_found_wherever_it_hides(tmp_path):
    """Otherwise the rest of this file proves nothing."""
    for name, canary in CANARIES.items():
        assert found(f"x{canary}x") == [name]
        (tmp_path / name).write_bytes(canary.encode())
        hidden = RuntimeError("something else")
        hidden.__context__, hidden.__suppress_context__ = ValueError(canary), True
        assert found(told_by(hidden)) == [name]
    assert len(found_in(tmp_path)) == len(CANARIES)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_vendor_that_repeats_all_it_was_sent_makes_nobody_tell_it(row, answer, tmp_path, capfd):
    with Parrot(answer) as parrot, Ear() as ear:
        it = row.make(parrot.url, tmp_path)
        told = [repr(it), str(it), *(said(act, it) for act in row.acts), repr(it)]
        sent = "".join(f"{seen.headers} {seen.query}" for seen in parrot.seen)
    assert set(row.credentials) <= set(found(sent)), "the secret goes to whom it opens, or this tries nothing"
    printed = capfd.readouterr()
    for where, text in (("said", "\n".join(told)), ("logged", ear.heard.getvalue()), ("printed", "".join(printed))):
        assert found(text) == [], f"{where}: {text}"
    assert found_in(tmp_path) == {}


def good_broker(tmp_path):
    with AlpacaPaper() as alpaca:
        alpaca.now = now()
        alpaca.open_account(CANARIES["ALPACA_HRP_KEY"], CANARIES["ALPACA_HRP_SECRET"])
        it = broker("HRP")(alpaca.url, tmp_path)
        return [repr(it), *(said(act, it) for act in BROKER_ACTS)]


def good_language(_tmp_path):
    with VendorServer() as vendor:
        vendor.answers("/v1/responses", responses())
        vendor.answers("/v1/chat/completions", chat())
        them = [language("OPENAI_API_KEY", api)(vendor.url, None) for api in ("responses", "chat")]
        return [text for it in them for text in (repr(it), said(lambda it: it.complete(PROMPT), it))]


def good_hub(tmp_path):
    hub_server.TOKENS[CANARIES["HF_TOKEN"]] = ("alice", True)
    try:
        with HubServer() as hub:
            store, history = models(hub.url, tmp_path), SentimentHistoryDoor(hub.url, "alice", "us")
            acts = [said(lambda it: it.write("lstm", "v2", {"card.json": b'{"kind": "x"}'}), store)]
            acts += [said(lambda it: it.versions("lstm"), store)]
            acts += [said(act, history) for act in (lambda it: it.push(days("2025-01-06", "AAPL", ["articles"])),)]
            return [repr(store), repr(history), *acts]
    finally:
        del hub_server.TOKENS[CANARIES["HF_TOKEN"]]


def good_mail(_tmp_path):
    with MailServer(users={CANARIES["SMTP_USER"]: CANARIES["SMTP_PASSWORD"]}) as server:
        it = mail_at(server.port)
        told = [repr(it), said(lambda it: it.send(LETTER, ["bob@localhost"]), it)]
        assert len(server.handler.letters) == 1
    return told


@pytest.mark.parametrize("scene", [good_broker, good_language, good_hub, good_mail])
def test_when_all_goes_well_nothing_is_told_either(scene, tmp_path, capfd):
    with Ear() as ear:
        told = scene(tmp_path)
    for text in (*told, ear.heard.getvalue(), *capfd.readouterr()):
        assert "Traceback" not in text, text
        assert found(text) == [], text
    assert found_in(tmp_path) == {}


# Mail.

LETTER = b"Subject: x\r\nFrom: LearnFinance <learnfinance@localhost>\r\nTo: bob@localhost\r\n\r\nHello\r\n"


def mail_at(port):
    told = MailParameters(send="smtp", host=HERE, port=port, security="none", to=("bob@localhost",), timeout=2)
    return mailer_door(Settings(mail=told)).open()


MAIL_FAULTS = {
    "wrong password": {"login_answer": "535 no such {data.login} {data.password}"},
    "login later": {"login_answer": "454 wait {data.login} {data.password}"},
    "sender": {"sender": f"550 {CANARIES['SMTP_USER']} {CANARIES['SMTP_PASSWORD']}"},
    "recipient": {"recipients": {"bob@localhost": f"451 {CANARIES['SMTP_PASSWORD']}"}},
    "letter": {"after_data": f"554 {CANARIES['SMTP_USER']} {CANARIES['SMTP_PASSWORD']}"},
    "hung up": {"hang_up": "before"},
}


@pytest.mark.parametrize("fault", MAIL_FAULTS)
def test_a_mail_server_that_repeats_the_login_is_not_quoted(fault, capfd):
    with MailServer(users={CANARIES["SMTP_USER"]: CANARIES["SMTP_PASSWORD"]}) as server, Ear() as ear:
        for name, value in MAIL_FAULTS[fault].items():
            setattr(server if name == "login_answer" else server.handler, name, value)
        it = mail_at(server.port)
        told = "\n".join([repr(it), said(lambda it: it.send(LETTER, ["bob@localhost"]), it)])
    assert "Error" in told, told
    assert found(told) == [], told
    assert found("".join(capfd.readouterr())) == []
    assert found(ear.heard.getvalue()) == []


def test_a_password_that_cannot_be_spelled_is_not_in_the_exception(monkeypatch):
    """`UnicodeEncodeError` holds the whole text that it could not encode."""
    monkeypatch.setenv("SMTP_PASSWORD", f"{CANARIES['SMTP_PASSWORD']}\N{SNOWMAN}")
    with MailServer() as server:
        it = mail_at(server.port)
        told = said(lambda it: it.send(LETTER, ["bob@localhost"]), it)
    assert "cannot be spelled" in told
    assert found(told) == []


# PostgreSQL.


class TalkativeDatabase:
    """Asks for the password in plain words and repeats it in its refusal."""

    def __enter__(self):
        self._socket = socket.create_server((HERE, 0))
        self.port = self._socket.getsockname()[1]
        self.heard = []
        Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_error):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                first = connection.recv(4096)
                if first[4:8] == struct.pack(">i", 80877103):  # may we encrypt?
                    connection.sendall(b"N")
                    first = connection.recv(4096)
                connection.sendall(b"R" + struct.pack(">ii", 8, 3))
                password = connection.recv(4096)
                self.heard.append(password)
                fields = b"SFATAL\0C28P01\0Mpassword " + password[5:-1] + b" is wrong\0\0"
                connection.sendall(b"E" + struct.pack(">i", len(fields) + 4) + fields)


def test_a_database_that_repeats_the_password_is_not_quoted(capfd):
    with TalkativeDatabase() as database, Ear() as ear:
        told = said(check_answers, f"postgresql+psycopg2://me@{HERE}:{database.port}/ledger?sslmode=disable")
        assert found(b"".join(database.heard)) == ["PGPASSWORD"]
    assert "Error" in told
    assert found(told) == [], told
    assert found(ear.heard.getvalue()) == []
    assert found("".join(capfd.readouterr())) == []


# The house.


def test_the_code_location_tells_none(tmp_path):
    """What the web UI and its launchpad are made of: definitions, resources, configuration."""
    told = MailParameters(send="smtp", host=HERE, security="none", to=("bob@localhost",))
    settings = Settings(data=tmp_path, models="hub", hub_owner="alice", mail=told)
    defs = build(settings)
    texts = [repr(settings), settings.model_dump_json(), repr(defs.resources)]
    texts += [repr(resource) for resource in (defs.resources or {}).values()]
    repository = defs.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    texts += [dg.serialize_value(job.get_job_snapshot()) for job in jobs]
    assert len(jobs) > 10
    assert found("\n".join(texts)) == []


def test_doors_tell_none(tmp_path):
    endpoints = EndpointParameters()
    doors = [
        source_doors.alpaca_news(tmp_path, endpoints, now),
        source_doors.alpha_vantage_filings(tmp_path, endpoints, now),
        SmtpMailer(HERE, 25, "none", "", lambda: (secret("SMTP_USER"), secret("SMTP_PASSWORD"))),
        HubModelsDoor(LocalModelsDoor(tmp_path), "alice", "us", ["lstm"], "http://127.0.0.1:9"),
    ]
    opened = [doors[0].open(lambda _: None), doors[1].open(lambda _: None), doors[3].open()]
    assert found("\n".join(repr(each) for each in (*doors, *opened))) == []
