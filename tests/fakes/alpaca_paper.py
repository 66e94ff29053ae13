"""Alpaca's paper API on this machine, with accounts, a clock, and faults at chosen calls.

```
with AlpacaPaper() as alpaca:
    book = alpaca.open_account("KEY", "SECRET", cash=100_000)    # an `alpaca_book.PaperAccount`
    alpaca.now = week.as_of                                      # None: the wall clock
    alpaca.fails("submit", fault, after=1, times=None)           # from the second submission on, until `heals()`
    ...                                                          # AlpacaBroker("KEY", "SECRET", alpaca.url, …)
    alpaca.session(week.sessions[0], {"A": 100, "B": (50, 49, 51)})   # the market opens, trades and closes
    assert book.ids() == [...]
```

`calls` are named: account, positions, orders, look_up, submit, fills, cancel, clock. `seen` holds every request as it
arrived. Faults are those of `faults.py`: a `done` one does what was asked, and only the answer fails.
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

from alpaca_book import PaperAccount, PaperOrder, RefusalError
from faults import Fault
from vendor_server import Reply, Seen, VendorServer

from learnfinance_dagster.calendar import last_closed_session, next_session, session_close, session_open
from resources.brokers.alpaca import AlpacaBroker
from resources.brokers.alpaca_client import AlpacaSession

ROUTES = {
    ("GET", "/v2/account"): "account",
    ("GET", "/v2/positions"): "positions",
    ("GET", "/v2/orders"): "orders",
    ("GET", "/v2/orders:by_client_order_id"): "look_up",
    ("POST", "/v2/orders"): "submit",
    ("GET", "/v2/account/activities/FILL"): "fills",
    ("GET", "/v2/clock"): "clock",
}
CALLS = ("account", "positions", "orders", "look_up", "submit", "fills")
"""What a broker adapter asks; the rest is there for the sake of completeness."""
SECRET = "SECRET"  # noqa: S105  it opens nothing
"""Of every account, where a test does not care."""
Prices = Mapping[str, float | tuple[float, float, float]]
"""Symbol → its price all day, or its open, low and high."""


@dataclass
class _Planned:
    """A fault that waits for its call."""

    fault: Fault
    after: int
    times: int | None


class AlpacaPaper(VendorServer):
    """The server. One clock for all accounts; an account is found by the key of a request."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime | None = None
        """What time it is at Alpaca; None: the wall clock."""
        self.hidden = 0
        """So many look-ups will not find orders that are there: they appear late."""
        self._accounts: dict[str, tuple[str, PaperAccount]] = {}
        self._planned: dict[str, _Planned] = {}

    # ---- the stage -------------------------------------------------------------------------------------------------

    def open_account(self, key: str = "KEY", secret: str = SECRET, cash: float = 100_000, **more: Any) -> PaperAccount:
        """A new account; `more` are fields of `PaperAccount`."""
        book = PaperAccount(Decimal(str(cash)), **more)
        self._accounts[key] = (secret, book)
        return book

    def fails(self, call: str, fault: Fault, *, after: int = 0, times: int | None = 1) -> None:
        """Let that call fail: `after` good ones, `times` in a row (None: until `heals`)."""
        self._planned[call] = _Planned(fault, after, times)

    def heals(self) -> None:
        """No more faults, and nothing hidden."""
        self._planned, self.hidden = {}, 0

    def calls(self) -> list[str]:
        """The names of the calls that were made, in their order."""
        return [_name(request) for request in self.seen]

    def moment(self) -> datetime:
        """What time it is at Alpaca."""
        return self.now or datetime.now(UTC)

    def session(self, day: date, prices: Prices, most: float | None = None) -> None:
        """A session of all accounts: at the open, through the day's range, and the close, where the clock stays.

        An order trades at the open if its limit allows, else at its limit if the day reached it, else it expires; at
        most `most` shares of each order are filled at the open, where that is given.
        """
        opening, closing = session_open(day), session_close(day)
        limit = None if most is None else Decimal(str(most))
        with self._lock:
            for _, book in self._accounts.values():
                _play(book, prices, opening, limit)
                book.close(closing)
            self.now = closing

    # ---- on the wire -----------------------------------------------------------------------------------------------

    def _next(self, request: Seen) -> Reply:
        with self._lock:
            self.seen.append(request)
            call = _name(request)
            fault = self._due(call)
            if fault is None:
                return self._dated(self._answer(call, request, self._accounts))
            accounts = self._accounts if fault.done else copy.deepcopy(self._accounts)
            return fault.spoil(self._dated(self._answer(call, request, accounts)))

    def _due(self, call: str) -> Fault | None:
        planned = self._planned.get(call)
        if planned is None:
            return None
        if planned.after:
            planned.after -= 1
            return None
        if planned.times is not None:
            planned.times -= 1
            if not planned.times:
                del self._planned[call]
        return planned.fault

    def _dated(self, reply: Reply) -> Reply:
        date_header = format_datetime(self.moment().astimezone(UTC).replace(microsecond=0), usegmt=True)
        return Reply(reply.body, reply.status, {"Date": date_header, **reply.headers})

    def _answer(self, call: str, request: Seen, accounts: Mapping[str, tuple[str, PaperAccount]]) -> Reply:
        secret, book = accounts.get(request.headers.get("apca-api-key-id", ""), ("", None))
        if book is None or request.headers.get("apca-api-secret-key") != secret:
            return Reply({"code": 40110000, "message": "request is not authorized"}, status=401)
        answer: Callable[[PaperAccount, Seen], Reply] | None = getattr(self, f"_on_{call}", None)
        if answer is None:
            return Reply({"message": "endpoint not found."}, status=404)
        try:
            return answer(book, request)
        except RefusalError as refusal:
            return Reply(refusal.body, status=refusal.status)

    def _on_account(self, book: PaperAccount, _request: Seen) -> Reply:
        return Reply(book.account_json())

    def _on_positions(self, book: PaperAccount, _request: Seen) -> Reply:
        return Reply(book.positions_json())

    def _on_clock(self, _book: PaperAccount, _request: Seen) -> Reply:
        return Reply({"timestamp": self.moment().isoformat(), "is_open": False})

    def _on_submit(self, book: PaperAccount, request: Seen) -> Reply:
        now = self.moment()
        # A day order is good for the session that goes on, or for the next one.
        coming = next_session(last_closed_session(now) + timedelta(days=1))
        order = book.submit(json.loads(request.body), now, session_close(coming))
        answer = Reply(order.as_json())
        order.status = "accepted"  # what a later question finds: it waits for the open
        return answer

    def _on_look_up(self, book: PaperAccount, request: Seen) -> Reply:
        identity = request.query.get("client_order_id", "")
        order = book.find(identity)
        if order is not None and self.hidden:
            self.hidden -= 1
            order = None
        if order is None:
            return Reply({"code": 40410000, "message": f"order not found for {identity}"}, status=404)
        return Reply(order.as_json())

    def _on_cancel(self, book: PaperAccount, request: Seen) -> Reply:
        wanted = request.path.removeprefix("/v2/orders/")
        for order in book.orders:
            if order.id == wanted and order.is_open:
                book.cancel(order, self.moment())
                return Reply(b"", status=204)
        return Reply({"code": 42210000, "message": "order is not cancelable"}, status=422)

    def _on_orders(self, book: PaperAccount, request: Seen) -> Reply:
        query = request.query
        wanted = {"open": _is_open, "closed": _is_closed, "all": _is_any}[query.get("status", "open")]
        found = sorted(filter(wanted, book.orders), key=lambda order: order.submitted_at)
        found = [o for o in found if _between(o.submitted_at, query.get("after"), query.get("until"))]
        page = _ordered(found, query)[: min(int(query.get("limit", "50")), 500)]
        return Reply([order.as_json() for order in page])

    def _on_fills(self, book: PaperAccount, request: Seen) -> Reply:
        query = request.query
        found = [a for a in book.activities if _between(a["transaction_time"], query.get("after"), query.get("until"))]
        ordered = _ordered(found, query)
        if token := query.get("page_token"):
            ordered = ordered[[activity["id"] for activity in ordered].index(token) + 1 :]
        return Reply(ordered[: min(int(query.get("page_size", "100")), 100)])


def _name(request: Seen) -> str:
    if request.method == "DELETE" and request.path.startswith("/v2/orders/"):
        return "cancel"
    return ROUTES.get((request.method, request.path), "unknown")


def _play(book: PaperAccount, prices: Prices, opening: datetime, most: Decimal | None) -> None:
    for symbol, price in prices.items():
        at_open, low, high = (Decimal(str(p)) for p in (price if isinstance(price, tuple) else (price,) * 3))
        book.trade(symbol, at_open, opening, most)
        for order in [] if most else [o for o in book.orders if o.is_open and o.symbol == symbol]:
            if order.limit_price is not None and low <= order.limit_price <= high:
                book.execute(order, order.left, order.limit_price, opening)


def _ordered(found: Sequence[Any], query: Mapping[str, str]) -> list[Any]:
    return list(found) if query.get("direction", "desc") == "asc" else list(reversed(found))


def _between(told: str, after: str | None, until: str | None) -> bool:
    """Both ends are strict. Compared to the nanosecond, which `datetime` does not know; moments are given in UTC."""
    moment = _nanoseconds(told)
    return (after is None or moment > _nanoseconds(after)) and (until is None or moment < _nanoseconds(until))


def _nanoseconds(told: str) -> int:
    head, _, fraction = told.removesuffix("Z").removesuffix("+00:00").partition(".")
    seconds = datetime.fromisoformat(head).replace(tzinfo=UTC).timestamp()
    return int(seconds) * 10**9 + int(f"{fraction:0<9}" if fraction else 0)


def _is_open(order: PaperOrder) -> bool:
    return order.is_open


def _is_closed(order: PaperOrder) -> bool:
    return not order.is_open


def _is_any(_order: PaperOrder) -> bool:
    return True


def broker_at(alpaca: AlpacaPaper, key: str = "KEY", secret: str = SECRET, **patience: Any) -> AlpacaBroker:
    """A broker that asks there, waits for nothing, and whose clock is right."""
    settings = {"timeout": (1.0, 5.0), "sleep": no_sleep} | patience
    session = AlpacaSession(alpaca.moment, **settings)
    return AlpacaBroker(key, secret, session, alpaca.url, sleep=no_sleep)


def no_sleep(_seconds: float) -> None:
    """For tests: time passes by itself."""
