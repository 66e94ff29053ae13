"""An account at Alpaca: what is sent, what is looked up, and what is refused. The fault matrix is a file of its own."""

import inspect
import traceback
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import requests
import urllib3.exceptions
from alpaca.common import exceptions as alpacas
from alpaca_paper import AlpacaPaper, broker_at, no_sleep
from faults import Fault
from requests.adapters import BaseAdapter
from vendor_server import Reply

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.errors import (
    ConfigurationError,
    DataError,
    LearnFinanceError,
    RefusedError,
    TransientError,
)
from learnfinance_dagster.values import Order, OrderStatus, Side
from resources.brokers import alpaca_lists
from resources.brokers.alpaca import LOOK_UPS, PAPER, AlpacaBroker
from resources.brokers.alpaca_client import AlpacaSession
from resources.turns import Budget

WEEK = week_of(date(2025, 3, 10))
SESSION = WEEK.sessions[0]
CANARY = "ck/canary+4711"


def limit(symbol="A", side=Side.BUY, qty="10", price="102") -> Order:
    name = f"paper:2025-03-10:attempt-1:{symbol}:{side.name}"
    return Order(name, symbol, side, Decimal(qty), Decimal(price), Decimal(100), 0.0, 0.1)


def status(code: int, body: object = b'{"message": "scripted"}', *, done: bool = False) -> Fault:
    return Fault(f"{code}", lambda good: Reply(body, code, good.headers), done=done)


@pytest.fixture
def alpaca():
    with AlpacaPaper() as server:
        server.now = WEEK.as_of
        yield server


@pytest.fixture
def book(alpaca):
    return alpaca.open_account()


def broker(url: str, *, real_money: bool = False) -> AlpacaBroker:
    return AlpacaBroker("KEY", "SECRET", AlpacaSession(lambda: WEEK.as_of), url, real_money=real_money)


# ---- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", [PAPER, "http://127.0.0.1:8080", "http://127.9.9.9", "http://localhost:1", "http://[::1]:80"]
)
def test_orders_go_to_the_paper_address_or_stay_on_this_machine(url):
    assert broker(url).is_real_money is False


@pytest.mark.parametrize(
    "url",
    [
        "https://api.alpaca.markets",
        "http://paper-api.alpaca.markets",
        "https://paper-api.alpaca.markets:444",
        "https://paper-api.alpaca.markets.example.com",
        "https://paper-api.alpaca.markets@api.alpaca.markets",
        "https://paper-api.alpaca.markets\\@api.alpaca.markets",
        "http://127.0.0.1@api.alpaca.markets",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com",
        "http://127.0.0.1/@api.alpaca.markets",
        "https://PAPER-API.alpaca.markets\n",
        "",
    ],
)
def test_any_other_address_is_refused_before_anything_is_asked(url):
    with pytest.raises(ConfigurationError, match="LEARNFINANCE_REAL_MONEY"):
        broker(url)


def test_a_live_address_is_taken_where_somebody_says_that_the_money_is_real():
    assert broker("https://api.alpaca.markets", real_money=True).is_real_money
    assert broker("http://127.0.0.1:9", real_money=True).is_real_money, "a test of what real money needs besides"


@pytest.mark.parametrize("url", [PAPER, "http://api.alpaca.markets", "https://key:word@api.alpaca.markets"])
def test_real_money_needs_a_plain_and_safe_address_of_its_own(url):
    with pytest.raises(ConfigurationError):
        broker(url, real_money=True)


# ---- sent once, and looked up --------------------------------------------------------------------------------------


def sends(alpaca: AlpacaPaper) -> int:
    return alpaca.calls().count("submit")


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504, 408])
def test_an_order_whose_answer_was_lost_is_looked_up_and_not_sent_again(alpaca, book, code):
    alpaca.fails("submit", status(code, done=True))
    record = broker_at(alpaca).submit(limit(), WEEK)
    assert (record.status, record.order) == (OrderStatus.ACCEPTED, limit())
    assert (sends(alpaca), book.ids()) == (1, [limit().client_order_id])


@pytest.mark.parametrize("code", [429, 500, 503, 504, 408])
def test_an_order_that_did_not_arrive_is_not_sent_again_but_left_to_the_next_run(alpaca, book, code):
    alpaca.fails("submit", status(code))
    with pytest.raises(TransientError, match="did not show the order"):
        broker_at(alpaca).submit(limit(), WEEK)
    assert (sends(alpaca), book.ids()) == (1, [])
    assert alpaca.calls().count("look_up") == len(LOOK_UPS)


def test_an_order_that_appears_late_is_found(alpaca, book):
    alpaca.fails("submit", status(504, done=True))
    alpaca.hidden = len(LOOK_UPS) - 1
    assert broker_at(alpaca).submit(limit(), WEEK).broker_order_id == book.orders[0].id
    assert sends(alpaca) == 1


def test_the_look_ups_of_an_order_wait_longer_each_time(alpaca, book):
    slept = []
    alpaca.fails("submit", status(503))
    session = AlpacaSession(alpaca.moment, sleep=no_sleep)
    with pytest.raises(TransientError):
        AlpacaBroker("KEY", "SECRET", session, alpaca.url, sleep=slept.append).submit(limit(), WEEK)
    assert slept == sorted(slept) == list(LOOK_UPS)


@pytest.mark.parametrize("code", [403, 422])
def test_an_order_that_was_declined_and_taken_all_the_same_is_found(alpaca, book, code):
    """Alpaca has answered 422 for an order that it then executed."""
    alpaca.fails("submit", status(code, {"code": 40310000, "message": "no"}, done=True))
    assert broker_at(alpaca).submit(limit(), WEEK).status is OrderStatus.ACCEPTED
    assert (sends(alpaca), len(book.orders)) == (1, 1)


def test_a_refusal_whose_look_up_fails_leaves_open_whether_the_order_arrived(alpaca, book):
    alpaca.fails("submit", status(422, {"code": 42210000, "message": "no"}))
    alpaca.fails("look_up", status(422, {"code": 1, "message": "what?"}))
    with pytest.raises(TransientError, match=r"no; and its look-up: .*what"):
        broker_at(alpaca).submit(limit(), WEEK)


def test_the_id_of_a_cancelled_order_stays_used_up(alpaca, book):
    broker_at(alpaca).submit(limit(), WEEK)
    book.cancel(book.orders[0], WEEK.as_of)
    record = broker_at(alpaca).submit(limit(), WEEK)
    assert (record.status, record.order) == (OrderStatus.CANCELLED, limit())
    assert len(book.orders) == 1


@pytest.mark.parametrize(
    "other", [{"qty": Decimal(9)}, {"limit_price": Decimal(1)}, {"symbol": "B"}, {"side": Side.SELL}]
)
def test_another_order_under_the_same_id_is_an_error_that_names_it(alpaca, book, other):
    book.positions["A"] = Decimal(100)
    broker_at(alpaca).submit(limit(), WEEK)
    with pytest.raises(DataError, match=r"another order with the id .*does somebody else trade this account"):
        broker_at(alpaca).submit(replace(limit(), **other), WEEK)


@pytest.mark.parametrize("body", [{"message": "endpoint not found."}, b"<html>404</html>", b"[]", b'{"code": "x"}'])
def test_a_404_that_is_not_about_the_order_is_no_proof_that_it_was_never_sent(alpaca, book, body):
    alpaca.fails("look_up", status(404, body))
    with pytest.raises(ConfigurationError, match="check the address"):
        broker_at(alpaca).find(limit().client_order_id)


def test_an_answer_about_another_order_is_an_error(alpaca, book):
    broker_at(alpaca).submit(limit("B"), WEEK)
    answer = book.orders[0].as_json()
    alpaca.fails("look_up", Fault("another", lambda good: Reply(answer, 200, good.headers)))
    with pytest.raises(DataError, match=r"attempt-1:B:BUY where .*attempt-1:A:BUY was meant"):
        broker_at(alpaca).find(limit().client_order_id)


# ---- refusals and credentials --------------------------------------------------------------------------------------


def test_shares_that_are_promised_to_one_sale_cannot_be_sold_twice(alpaca, book):
    book.positions["A"] = Decimal(10)
    broker_at(alpaca).submit(limit(side=Side.SELL, qty="7"), WEEK)
    again = replace(limit(side=Side.SELL, qty="7"), client_order_id="again")
    with pytest.raises(RefusedError, match=r"403 \(40310000\): insufficient qty .*requested: 7, available: 3"):
        broker_at(alpaca).submit(again, WEEK)


@pytest.mark.parametrize("call", ["account", "positions", "orders", "look_up", "submit"])
@pytest.mark.parametrize("code", [401, 403])
def test_refused_credentials_ask_for_a_person_and_no_secret_is_told(alpaca, call, code):
    alpaca.open_account(CANARY, f"{CANARY}-word")
    echo = {"message": f"forbidden for {CANARY} and {CANARY}-word"}
    alpaca.fails(call, status(code, echo), times=None)
    with pytest.raises(ConfigurationError, match=rf"answers {code}: forbidden for \*\*\*") as caught:
        _everything(broker_at(alpaca, CANARY, f"{CANARY}-word"))
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert CANARY not in _told(caught.value)


@pytest.mark.parametrize("code", [301, 400, 404, 422, 429, 500])
def test_no_answer_makes_a_secret_leave_the_house(alpaca, code):
    alpaca.open_account(CANARY, f"{CANARY}-word")
    echo = {"message": f"{CANARY} {CANARY}-word"}
    fault = Fault("echo", lambda _good: Reply(echo, code, {"Location": f"https://{CANARY}.example.com"}))
    for call in ("orders", "look_up", "submit"):
        alpaca.fails(call, fault, times=None)
        with pytest.raises(LearnFinanceError) as caught:
            _everything(broker_at(alpaca, CANARY, f"{CANARY}-word"))
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        assert CANARY not in _told(caught.value)
        alpaca.heals()


def _everything(account: AlpacaBroker) -> None:
    account.account(WEEK.as_of)
    account.find(limit().client_order_id)
    account.submit(limit(), WEEK)


def _told(error: BaseException | None) -> str:
    """All that an error and whatever hangs on it would tell a log."""
    return (
        "" if error is None else f"{error!r} {error} {vars(error)}" + _told(error.__context__) + _told(error.__cause__)
    )


def test_a_redirect_is_followed_by_nobody_and_is_no_refusal_of_the_order(alpaca, book):
    away = Fault("away", lambda _good: Reply(b"", 307, {"Location": "https://example.com/v2/orders"}))
    alpaca.fails("submit", away)
    with pytest.raises(ConfigurationError, match="redirects are not followed"):
        broker_at(alpaca).submit(limit(), WEEK)


# ---- the clock -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("off", "words"), [(3, "ahead of"), (-3, "behind"), (180, "180 minutes ahead of")])
def test_nothing_is_sent_while_the_clocks_disagree(alpaca, book, off, words):
    session = AlpacaSession(lambda: WEEK.as_of - timedelta(minutes=off), sleep=no_sleep)
    wrong = AlpacaBroker("KEY", "SECRET", session, alpaca.url, sleep=no_sleep)
    assert wrong.account(WEEK.as_of).cash == 100_000, "asking does no harm"
    with pytest.raises(ConfigurationError, match=words):
        wrong.submit(limit(), WEEK)
    assert sends(alpaca) == 0


def test_a_clock_that_is_off_by_a_minute_is_good_enough(alpaca, book):
    session = AlpacaSession(lambda: WEEK.as_of + timedelta(minutes=1), sleep=no_sleep)
    assert AlpacaBroker("KEY", "SECRET", session, alpaca.url).submit(limit(), WEEK).broker_order_id


def test_a_broker_that_does_not_say_what_time_it_is_is_sent_nothing(alpaca, book):
    alpaca.fails("clock", Fault("no date", lambda good: Reply(good.body)), times=None)
    with pytest.raises(ConfigurationError, match="does not say what time it is"):
        broker_at(alpaca).submit(limit(), WEEK)
    assert sends(alpaca) == 0


# ---- executions ----------------------------------------------------------------------------------------------------


def test_an_order_in_parts_has_a_fill_for_each_and_they_are_all_there(alpaca, book):
    broker_at(alpaca).submit(limit("A"), WEEK)
    broker_at(alpaca).submit(limit("B"), WEEK)
    opening = WEEK.first_open
    for name, qty, price in (("A", "4", "100"), ("B", "10", "50"), ("A", "5.5", "101.5")):
        order = book.find(limit(name).client_order_id)
        book.execute(order, Decimal(qty), Decimal(price), opening)
    book.cancel(book.orders[0], opening)
    book.close(WEEK.first_close)

    fills = broker_at(alpaca).fills([limit("A").client_order_id])

    assert [(f.symbol, f.qty, f.price, f.cost, f.session) for f in fills] == [
        ("A", 4, 100, 0, SESSION),
        ("A", Decimal("5.5"), Decimal("101.5"), 0, SESSION),
    ]
    record = broker_at(alpaca).find(limit("A").client_order_id)
    assert (record.status, record.reason) == (OrderStatus.CANCELLED, "cancelled at Alpaca, 9.5 of 10 filled")
    assert record.status.is_dead


def test_executions_that_are_not_all_listed_yet_are_asked_for_again_later(alpaca, book):
    broker_at(alpaca).submit(limit(), WEEK)
    alpaca.session(SESSION, {"A": 100}, most=4)
    missing = book.activities.pop()
    with pytest.raises(TransientError, match=r"executions of 0 shares of .*, of which 4 are filled"):
        broker_at(alpaca).fills([limit().client_order_id])
    book.activities.append(missing)
    assert [fill.qty for fill in broker_at(alpaca).fills([limit().client_order_id])] == [4]


def test_many_executions_come_page_by_page(alpaca, book):
    broker_at(alpaca).submit(limit(qty="1000"), WEEK)
    for _ in range(250):
        book.execute(book.orders[0], Decimal(4), Decimal(100), WEEK.first_open)
    fills = broker_at(alpaca).fills([limit().client_order_id])
    assert len(fills) == 250
    pages = [request.query for request in alpaca.seen if request.path.endswith("FILL")]
    assert [page.get("page_token") for page in pages] == [None, book.activities[99]["id"], book.activities[199]["id"]]
    assert {page["page_size"] for page in pages} == {"100"}


@pytest.mark.parametrize("page", [2, 3, 4, 7])
def test_orders_come_page_by_page_and_none_is_lost_where_several_share_a_moment(alpaca, book, page):
    for number in range(11):
        broker_at(alpaca).submit(replace(limit(), client_order_id=f"o{number}"), WEEK)
    for number in (4, 5, 6, 7):
        if page > 4 or number < 6:
            book.orders[number].submitted_at = book.orders[4].submitted_at
    if page == 2:
        book.orders[5].submitted_at = book.orders[5].submitted_at[:-4] + "999Z"
    found = alpaca_lists.orders(broker_at(alpaca)._ask, "all", page=page)
    assert sorted(order.record.order.client_order_id for order in found) == sorted(book.ids())


def test_pages_that_lead_nowhere_end_in_an_error_and_not_in_a_loop(alpaca, book):
    for number in range(4):
        broker_at(alpaca).submit(replace(limit(), client_order_id=f"o{number}"), WEEK)
        book.orders[number].submitted_at = book.orders[0].submitted_at
    with pytest.raises(DataError, match="does not lead to the next"):
        alpaca_lists.orders(broker_at(alpaca)._ask, "all", page=2)
    stuck = [book.orders[0].as_json(), book.orders[1].as_json() | {"submitted_at": "2025-03-11T00:00:00Z"}]
    with pytest.raises(DataError, match="does not lead to the next"):
        alpaca_lists.orders(lambda *_: stuck, "all", page=2)
    activity = {"id": "1", "order_id": "o", "qty": "1", "price": "1", "transaction_time": "2025-03-11T00:00:00Z"}
    with pytest.raises(DataError, match="does not lead to the next"):
        alpaca_lists.executions(lambda *_: [activity], WEEK.as_of, page=1)


def test_orders_of_before_a_new_york_day_are_not_among_those_since(alpaca, book):
    for name, moment in {"late": "2025-03-10T03:59:59.999999Z", "early": "2025-03-10T04:00:00.000000Z"}.items():
        alpaca.now = datetime.fromisoformat(moment)
        broker_at(alpaca).submit(replace(limit(), client_order_id=name), WEEK)
    assert [r.order.client_order_id for r in broker_at(alpaca).orders_since(date(2025, 3, 10))] == ["early"]


# ---- the account ---------------------------------------------------------------------------------------------------


def test_an_account_that_trades_while_it_is_read_is_read_again(alpaca, book):
    broker_at(alpaca).submit(limit(), WEEK)

    def trades(good: Reply) -> Reply:
        book.execute(book.orders[0], Decimal(1), Decimal(100), WEEK.first_open)
        return good

    alpaca.fails("positions", Fault("trades meanwhile", trades))
    account = broker_at(alpaca).account(WEEK.as_of)
    assert (account.cash, account.positions) == (99_900, {"A": 1})

    alpaca.fails("positions", Fault("trades meanwhile", trades), times=None)
    with pytest.raises(TransientError, match="while it is read"):
        broker_at(alpaca).account(WEEK.as_of)


def test_an_empty_list_of_positions_is_not_believed_where_the_account_says_otherwise(alpaca, book):
    book.positions["A"] = Decimal(5)
    alpaca.fails("positions", Fault("none", lambda good: Reply([], 200, good.headers)))
    assert broker_at(alpaca).account(WEEK.as_of).positions == {"A": 5}


# ---- every error of every library ----------------------------------------------------------------------------------


LIBRARIES = ("requests.", "urllib3.", "alpaca.")


def _errors_of(module) -> list[type[Exception]]:
    found = [each for _, each in inspect.getmembers(module, inspect.isclass) if issubclass(each, Exception)]
    return [each for each in found if each.__module__.startswith(LIBRARIES) and not issubclass(each, Warning)]


VENDORS_ERRORS = sorted(
    {
        *_errors_of(requests.exceptions),
        *_errors_of(urllib3.exceptions),
        *_errors_of(alpacas),
        OSError,
        ValueError,
        TimeoutError,
    },
    key=lambda each: f"{each.__module__}.{each.__name__}",
)


class Raising(BaseAdapter):
    """A network that fails in one way."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self._error = error

    def send(self, *_arguments, **_settings):
        try:
            error = self._error(CANARY)
        except TypeError:  # some want more to be made of than they need to be raised
            error = self._error.__new__(self._error)
        raise error

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("error", VENDORS_ERRORS, ids=lambda error: f"{error.__module__}.{error.__name__}")
def test_every_error_of_the_libraries_is_one_of_ours_and_no_order_is_sent_twice(error):
    network = Raising(error)
    session = AlpacaSession(lambda: datetime.now(UTC), sleep=no_sleep)
    session.skew = timedelta(0)
    session.mount("http://", network)
    account = AlpacaBroker("KEY", "SECRET", session, "http://127.0.0.1:9", sleep=no_sleep)
    with pytest.raises(LearnFinanceError) as asked:
        account.account(WEEK.as_of)
    posts: list[object] = []
    with pytest.raises(LearnFinanceError) as sent:
        _count_posts(account, posts)
    assert not isinstance(sent.value, RefusedError), "nobody declined anything"
    assert len(posts) == 1
    for caught in (asked, sent):
        assert CANARY not in str(caught.value)


def _count_posts(account: AlpacaBroker, posts: list[object]) -> None:
    post = account._client.post
    account._client.post = lambda *arguments: (posts.append(arguments), post(*arguments))[1]
    account.submit(limit(), WEEK)


# ---- manners -------------------------------------------------------------------------------------------------------


def test_requests_come_at_any_pace_until_the_minute_is_full():
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    budget = Budget(3, 60.0, sleep, lambda: now[0])
    for _ in range(3):
        budget.wait()
    assert slept == []
    now[0] += 20
    budget.wait()
    assert slept == [40.0]
    now[0] += 100
    budget.wait()
    assert len(slept) == 1


def test_an_account_takes_three_questions_an_order_two_and_all_executions_together_three(alpaca, book):
    account, orders = broker_at(alpaca), [limit(name) for name in ("A", "B", "C", "D")]
    account.account(WEEK.as_of)
    for order in orders:
        account.find(order.client_order_id)
        account.submit(order, WEEK)
    assert len(alpaca.seen) == 3 + 2 * len(orders)
    alpaca.session(SESSION, dict.fromkeys("ABCD", 100))
    del alpaca.seen[:]
    assert len(account.fills([order.client_order_id for order in orders])) == 4
    assert len(alpaca.seen) == 3
