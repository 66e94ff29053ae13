import gzip
import html
import json
import logging
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote, quote_plus

import pytest
import requests
from vendor_server import Reply, VendorServer

from learnfinance_dagster.errors import ConfigurationError, LearnFinanceError, RefusedError, SilentError, TransientError
from resources.http import PatientSession, get_json

CANARY = "sk-canary/4711+xyz"
GOOD = Reply({"answer": 42})


@pytest.fixture
def vendor():
    with VendorServer() as server:
        yield server


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now, self.slept = 1000.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def patient(clock=None, **options):
    clock = clock or Clock()
    return PatientSession(**{"per_second": 1e6, "sleep": clock.sleep, "clock": clock, "attempts": 3, **options})


def told(error):
    """Everything that a log would show of an error, its hidden context included."""
    seen, parts = error, []
    while seen is not None:
        parts += traceback.format_exception(seen)
        seen = seen.__context__
    return "".join(parts)


@pytest.mark.parametrize(
    "fault",
    [
        Reply({"message": "busy"}, status=429),
        Reply({"message": "down"}, status=500),
        Reply(b"<html>gateway</html>", status=502),
        Reply({"message": "down"}, status=503),
        Reply(reset=True),
        Reply({"answer": 42}, cut=3),
        Reply(b'{"answer": 4'),
        Reply(b"<html>back soon</html>", headers={"Content-Type": "text/html"}),
        Reply(b""),
        Reply(b"[" * 100_000),
    ],
    ids=["429", "500", "502", "503", "reset", "cut short", "half a JSON", "HTML", "empty", "bottomless"],
)
def test_a_fault_that_may_pass_is_tried_again(vendor, fault):
    vendor.answers("/v1/x", fault, GOOD)
    assert get_json(patient(), f"{vendor.url}/v1/x") == {"answer": 42}
    assert len(vendor.seen) == 2


@pytest.mark.parametrize("fault", [Reply({}, status=500), Reply(reset=True), Reply({"a": 1}, cut=2), Reply(b"<html>")])
def test_a_fault_that_lasts_is_a_transient_error_after_the_last_attempt(vendor, fault):
    vendor.answers("/v1/x", fault)
    with pytest.raises(TransientError, match=r"^127\.0\.0\.1/v1/x: .*tried 3x"):
        get_json(patient(), f"{vendor.url}/v1/x")
    assert len(vendor.seen) == 3


def test_nobody_listening_is_a_transient_error():
    with VendorServer() as gone:
        url = gone.url
    with pytest.raises(TransientError, match=r"127\.0\.0\.1/x: the connection failed"):
        get_json(patient(), f"{url}/x")


def test_an_answer_that_does_not_begin_is_a_time_out(vendor):
    vendor.answers("/x", Reply({}, delay=5))
    with pytest.raises(TransientError, match="took too long"):
        get_json(patient(attempts=1, timeout=(1, 0.05)), f"{vendor.url}/x")


def test_an_answer_that_drips_for_ever_is_a_time_out_although_no_single_wait_is_long(vendor):
    vendor.answers("/x", Reply({"text": "x" * 1000}, drip=0.01))
    with pytest.raises(TransientError, match="took too long"):
        PatientSession(attempts=1, whole=0.1).get(f"{vendor.url}/x")


def forever_silent(clock, **options):
    """A session of default patience at a vendor that takes every connection and never says a word."""

    class Adapter(requests.adapters.BaseAdapter):
        def send(self, _request, *, timeout, **_options):
            clock.now += timeout[1]
            raise requests.ReadTimeout

        def close(self):
            pass

    session = PatientSession(sleep=clock.sleep, clock=clock, **options)
    session.mount("http://", Adapter())
    return session


def test_nobody_waits_for_a_minute_where_nobody_answers():
    clock = Clock()
    started = clock.now
    with pytest.raises(SilentError, match="tried 3x"):
        forever_silent(clock).get("http://vendor.example/x")
    assert clock.now - started < 60


def test_many_tries_do_not_make_a_silence_longer():
    clock = Clock()
    started = clock.now
    with pytest.raises(SilentError):
        forever_silent(clock, attempts=100).get("http://vendor.example/x")
    assert clock.now - started < 60


@pytest.mark.parametrize(
    ("fault", "is_silent"),
    [
        (Reply({}, delay=5), True),
        (Reply({"text": "x" * 1000}, drip=0.01), True),
        (Reply(reset=True), True),
        (Reply({}, cut=1), False),
        (Reply(b"<html>"), False),
        (Reply({}, status=503), False),
        (Reply({}, status=429), False),
    ],
    ids=["no answer", "dripping", "reset", "cut short", "HTML", "503", "429"],
)
def test_silence_is_told_from_a_bad_answer(vendor, fault, is_silent):
    vendor.answers("/x", fault)
    with pytest.raises(TransientError) as failed:
        PatientSession(attempts=2, timeout=(1, 0.05), whole=0.1, sleep=lambda _seconds: None).get(f"{vendor.url}/x")
    assert isinstance(failed.value, SilentError) is is_silent


def test_an_answer_that_drips_but_ends_is_whole(vendor):
    vendor.answers("/x", Reply({"a": 1}, drip=0.002))
    assert get_json(patient(), f"{vendor.url}/x") == {"a": 1}


def test_what_is_no_get_is_sent_once_whatever_happens(vendor):
    vendor.answers("/orders", Reply({}, status=503))
    with pytest.raises(TransientError, match="tried 1x"):
        patient().post(f"{vendor.url}/orders", json={"qty": 1})
    assert [request.method for request in vendor.seen] == ["POST"]


def test_a_head_has_no_body_to_be_json(vendor):
    vendor.answers("/x", Reply(status=500), GOOD)
    assert patient().head(f"{vendor.url}/x").status_code == 200


def test_waits_grow_and_are_as_long_as_the_other_side_asks(vendor):
    clock = Clock()
    busy, asks = Reply({}, status=500), Reply({}, status=429, headers={"Retry-After": "7"})
    vendor.answers("/x", busy, asks, busy, GOOD)
    get_json(patient(clock, attempts=4), f"{vendor.url}/x")
    assert [wait for wait in clock.slept if wait >= 0.1] == [0.5, 7.0, 2.0]


def test_a_wait_may_be_asked_for_as_a_date_by_the_other_sides_own_clock(vendor):
    clock, theirs = Clock(), datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    headers = {"Date": format_datetime(theirs), "Retry-After": format_datetime(theirs + timedelta(seconds=20))}
    vendor.answers("/x", Reply({}, status=503, headers=headers), GOOD)
    get_json(patient(clock), f"{vendor.url}/x")
    assert 20.0 in clock.slept


@pytest.mark.parametrize("nonsense", ["soon", "-5", "Mon, 99 Foo 2020", "nan", "1e400", ""])
def test_a_wait_that_cannot_be_read_is_our_own(vendor, nonsense):
    clock = Clock()
    vendor.answers("/x", Reply({}, status=429, headers={"Retry-After": nonsense}), GOOD)
    get_json(patient(clock), f"{vendor.url}/x")
    assert max(clock.slept) == 0.5


def test_who_asks_to_wait_longer_than_our_patience_is_not_waited_for(vendor):
    clock = Clock()
    vendor.answers("/x", Reply({}, status=429, headers={"Retry-After": "86400"}))
    with pytest.raises(TransientError, match="asks to wait 86400 s"):
        get_json(patient(clock, patience=60), f"{vendor.url}/x")
    assert sum(clock.slept) < 1


def test_the_waits_of_a_request_never_sum_to_more_than_our_patience(vendor):
    clock = Clock()
    vendor.answers("/x", Reply({}, status=429, headers={"Retry-After": "25"}))
    with pytest.raises(TransientError):
        get_json(patient(clock, patience=60, attempts=100), f"{vendor.url}/x")
    assert 50 <= sum(clock.slept) <= 60


def test_requests_take_turns(vendor):
    clock = Clock()
    vendor.answers("/x", Reply({}, status=500), GOOD)
    session = patient(clock, per_second=2)
    started = clock.now
    for _ in range(4):
        get_json(session, f"{vendor.url}/x")
    assert clock.now - started == pytest.approx(4 * 0.5), "four turns after the first, the repeated one counts"


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_for_a_person_and_not_tried_again(vendor, status):
    vendor.answers("/x", Reply({"message": "forbidden."}, status=status))
    with pytest.raises(ConfigurationError, match=rf"answers {status}, the credentials .*forbidden\."):
        get_json(patient(), f"{vendor.url}/x")
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("status", [400, 404, 422])
def test_another_refusal_repeats_the_vendors_words_shortened_and_is_not_tried_again(vendor, status):
    vendor.answers("/x", Reply({"message": "no such symbol " + "x" * 10_000}, status=status))
    with pytest.raises(RefusedError, match=rf"/x: answers {status}: .*no such symbol") as refused:
        get_json(patient(), f"{vendor.url}/x")
    assert len(str(refused.value)) < 300
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_are_not_carried_to_another_host(vendor, status):
    with VendorServer() as thief:
        vendor.answers("/x", Reply({}, status=status, headers={"Location": f"{thief.url}/x?key={CANARY}"}))
        thief.answers("/x", GOOD)
        for options in ({}, {"allow_redirects": True}):
            with pytest.raises(RefusedError, match="redirects are not followed") as refused:
                patient().get(f"{vendor.url}/x", headers={"APCA-API-SECRET-KEY": CANARY}, **options)
            assert CANARY not in told(refused.value)
        assert thief.seen == []


@pytest.mark.parametrize(
    "fault",
    [
        Reply(reset=True),
        Reply({}, status=500),
        Reply({}, status=429),
        Reply({}, cut=1),
        Reply(b"<html>"),
        Reply({}, delay=5),
        lambda seen: Reply({"you sent": seen.query, "and": seen.headers}, status=401),
        lambda seen: Reply({"you sent": seen.query, "and": seen.headers}, status=400),
        lambda seen: Reply({}, status=302, headers={"Location": f"/elsewhere?apikey={seen.query['apikey']}"}),
    ],
    ids=["reset", "500", "429", "cut short", "HTML", "time-out", "401 echoes", "400 echoes", "302 echoes"],
)
def test_no_error_and_no_log_tells_a_secret(vendor, fault, caplog):
    caplog.set_level(logging.DEBUG)
    vendor.answers("/query", fault)
    session = patient(timeout=(1, 0.1))
    with pytest.raises(LearnFinanceError) as failed:
        get_json(session, f"{vendor.url}/query", {"apikey": CANARY, "symbol": "IBM"}, {"X-Secret": CANARY})
    assert vendor.seen[0].query["apikey"] == vendor.seen[0].headers["x-secret"] == CANARY
    assert "canary" not in told(failed.value) + caplog.text
    assert failed.value.__context__ is None


ODD = 'SK/canary+def=12"34\\x'
SPELLINGS = {
    "as it is": str,
    "lower case": str.lower,
    "upper case": str.upper,
    "JSON": lambda key: json.dumps(key)[1:-1],
    "JSON with escaped slashes": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "JSON in numbers": lambda key: "".join(f"\\u{ord(letter):04X}" for letter in key),
    "JSON in JSON, lower case": lambda key: json.dumps(key.lower())[1:-1],
    "an address": lambda key: quote(key, safe=""),
    "an address, lower case": lambda key: quote(key, safe="").lower(),
    "an address with its slashes": quote,
    "a form": quote_plus,
    "HTML": html.escape,
}


@pytest.mark.parametrize("key", [CANARY, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS)
def test_a_key_that_is_echoed_in_another_spelling_is_not_told(vendor, spelled, key):
    vendor.answers("/query", Reply(f"bad key {spelled(key)}, go away".encode(), status=400))
    with pytest.raises(RefusedError, match=r"bad key \*\*\*, go away") as refused:
        get_json(patient(), f"{vendor.url}/query", {"apikey": key})
    assert spelled(key) not in told(refused.value)


@pytest.mark.parametrize("key", ["PLAINCANARY987", CANARY])
def test_a_redirect_whose_host_echoes_the_key_does_not_tell_it(vendor, key):
    vendor.answers("/query", Reply(status=302, headers={"Location": f"http://{key}.example/"}))
    with pytest.raises(RefusedError, match=r"sends on to \*\*\*\.example \(302\)") as refused:
        get_json(patient(), f"{vendor.url}/query", {"apikey": key})
    assert "canary" not in told(refused.value).lower()


def test_a_redirect_to_an_address_that_cannot_be_read_is_a_refusal(vendor):
    vendor.answers("/x", Reply(status=302, headers={"Location": "http://[::1/"}))
    with pytest.raises(RefusedError, match="sends on to an address that cannot be read"):
        get_json(patient(), f"{vendor.url}/x")


def test_no_secret_is_told_where_nobody_listens(caplog):
    caplog.set_level(logging.DEBUG)
    with VendorServer() as gone:
        url = gone.url
    with pytest.raises(TransientError) as failed:
        get_json(patient(), f"{url}/query", {"apikey": CANARY})
    assert "canary" not in told(failed.value) + caplog.text


@pytest.mark.parametrize("secret", [f"{CANARY}\nX-Other: 1", f"{CANARY}\u201c"])
def test_a_secret_that_fits_into_no_header_is_for_a_person_and_not_told(vendor, secret):
    with pytest.raises(ConfigurationError, match="check the address and the credentials") as failed:
        get_json(patient(), f"{vendor.url}/x", headers={"X-Secret": secret})
    assert "canary" not in told(failed.value)


@pytest.mark.parametrize("address", ["nowhere", "ftp://host/x", "http://", "http://[::1/x"])
def test_an_address_that_cannot_be_asked_is_for_a_person(address):
    with pytest.raises(ConfigurationError, match="cannot be sent"):
        get_json(patient(), address)


def test_a_packed_body_is_unpacked_and_a_broken_pack_tried_again(vendor):
    packed = gzip.compress(json.dumps({"answer": 42}).encode())
    headers = {"Content-Encoding": "gzip"}
    vendor.answers("/x", Reply(b"no gzip at all", headers=headers), Reply(packed, headers=headers))
    assert get_json(patient(), f"{vendor.url}/x") == {"answer": 42}
    assert len(vendor.seen) == 2


def test_text_may_be_asked_for_too(vendor):
    vendor.answers("/robots.txt", Reply(b"be kind", headers={"Content-Type": "text/plain"}))
    assert patient(expects_json=False).get(f"{vendor.url}/robots.txt").text == "be kind"
