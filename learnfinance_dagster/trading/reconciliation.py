"""What the ledger remembers of an account beside what its broker says. Reads both, writes neither."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from learnfinance_dagster.costs import CENT, CostModel
from learnfinance_dagster.ledger_rules import run_of
from learnfinance_dagster.ports import Attempt, Broker, BrokerClock, Ledger
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.simulation import SimulatedAccount
from learnfinance_dagster.values import Fill, OrderRecord, OrderStatus, Side, Week

A_WEEK = timedelta(days=7)
READINGS = 4
"""How often a quiet moment is looked for while orders are being filled."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which the ledger and a broker do not agree."""

    account: str
    what: str
    """`cash`, `position AAPL` or `order paper:2025-12-29:…`."""
    ledger: str
    broker: str

    @property
    def told(self) -> str:
        """One line for a check or a report."""
        return f"{self.account}, {self.what}: {self.ledger} in the ledger, {self.broker} at the broker"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All accounts of one week."""

    week: str
    compared: dict[str, str]
    """Account → what was compared."""
    differences: tuple[Difference, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    """Account → why it could not be compared."""

    @property
    def told(self) -> tuple[str, ...]:
        """Everything that a reader must know, a line each; nothing where all agrees."""
        unknown = (f"{account} could not be compared: {why}" for account, why in self.failures.items())
        return (*(difference.told for difference in self.differences), *unknown)


@dataclass(frozen=True, slots=True)
class Compared:
    """One account of one week."""

    told: str
    """What was compared."""
    differences: tuple[Difference, ...]
    is_past: bool = False
    """The account has lived on since: cash and positions of then cannot be compared any more."""

    def after(self, account: str, stored: Reconciliation | None) -> "Compared":
        """With what was found while it could still be compared."""
        if not self.is_past or stored is None or account not in stored.compared:
            return self
        known = tuple(each for each in stored.differences if each.account == account)
        new = tuple(each for each in self.differences if each not in known)
        return Compared(stored.compared[account], known + new, is_past=True)


@dataclass(frozen=True, slots=True)
class Book:
    """An account's cash and shares as one side has them."""

    cash: Decimal | None
    """None: not known on this side."""
    positions: Mapping[str, Decimal]
    rounding: Decimal = CENT
    """By how much cash may differ: a vendor rounds each fill of a fraction to cents."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What is to be compared of one account."""

    broker: Broker
    ledger: Ledger
    account: str
    initial_cash: Decimal
    costs: CostModel


def compare(sides: Sides, week: Week, days: MarketDays, known_at: datetime) -> Compared:
    """What was compared, and where the two sides differ.

    Args:
        sides: broker and ledger.
        week: the week asked about.
        days: bars from the newest mark before the week on, as far as known at `known_at`.
        known_at: how far a simulated broker is to have lived.
    """
    ledger, account = sides.ledger, sides.account
    attempt = ledger.latest_attempt(account, week.run_id)
    differences = tuple(_orders(sides, week, attempt))
    newest = max(filter(None, (ledger.latest_traded(account), *_newest_mark(ledger, account))), default=None)
    if newest is not None and newest > week.monday:
        told = f"orders; the account has lived on since, {newest} was traded"
        return Compared(told, differences, is_past=True)
    is_open = attempt is not None and any(record.status.is_open for record in attempt.orders)
    if is_open and sides.broker.clock is BrokerClock.MARKET:
        return Compared("orders; their session is still to come", differences)
    expected, found, basis = _both(sides, week, attempt, days, known_at)
    if expected is None:
        return Compared(f"orders; {basis}", differences)
    told = f"orders, and cash and positions with {basis}"
    return Compared(told, (*differences, *_books(account, expected, found)))


def _both(
    sides: Sides, week: Week, attempt: Attempt | None, days: MarketDays, known_at: datetime
) -> tuple["Book | None", "Book", str]:
    """Both books, read at a moment in which no order was filled; else a fill between the two would be a difference."""
    asked = known_at if attempt is not None else week.as_of
    expected, basis = _expected(sides, week, attempt, days)
    for _ in range(READINGS):
        account, before = sides.broker.account(asked), expected
        found = Book(account.cash, account.positions)
        expected, basis = _expected(sides, week, attempt, days)
        if before == expected:
            return expected, found, basis
    return None, Book(None, {}), "orders are being filled while they are looked at"


def bars_from(ledger: Ledger, account: str, week: Week) -> date | None:
    """The session from which `compare` needs bars; None where the ledger has no mark before the week."""
    marks = ledger.marks(account, week.monday - A_WEEK)
    return marks[-1].session if marks else None


def _newest_mark(ledger: Ledger, account: str) -> list[date]:
    return [mark.monday for mark in ledger.marks(account, date.max)[-1:]]


# ---- cash and positions --------------------------------------------------------------------------------------------


def _expected(sides: Sides, week: Week, attempt: Attempt | None, days: MarketDays) -> tuple[Book | None, str]:
    """What the broker should say, as far as the ledger can tell, and on what that rests."""
    mark = next((m for m in sides.ledger.marks(sides.account, week.monday)[-1:] if m.monday == week.monday), None)
    if mark is not None:
        positions = {p.symbol: p.qty for p in sides.ledger.positions(sides.account, week.run_id)}
        if sides.broker.clock is BrokerClock.WALL:  # it has lived on since the mark
            return Book(None, _split(positions, days, mark.session)), "the equity mark (positions)"
        return Book(mark.cash, positions), "the equity mark"
    if attempt is not None:
        return _traded(sides.broker, attempt), "the recorded decision and the fills since"
    return _carried(sides, week, days)


def _traded(broker: Broker, attempt: Attempt) -> Book:
    """The account as the decision saw it, and what its orders did since."""
    positions = {p.symbol: p.qty for p in attempt.portfolio.positions}
    cash = attempt.portfolio.cash
    sent = [record.order.client_order_id for record in attempt.orders if record.broker_order_id]
    fills: tuple[Fill, ...] = broker.fills(sent) if sent else ()
    for fill in fills:
        signed = fill.qty if fill.side is Side.BUY else -fill.qty
        positions[fill.symbol] = positions.get(fill.symbol, Decimal(0)) + signed
        cash -= signed * fill.price + fill.cost
    return Book(cash, positions, CENT * (1 + len(fills)))


def _carried(sides: Sides, week: Week, days: MarketDays) -> tuple[Book | None, str]:
    """The newest mark before the week, lived through splits, dividends and delistings since."""
    marks = sides.ledger.marks(sides.account, week.monday - A_WEEK)
    if not marks:
        if sides.broker.clock is BrokerClock.MARKET:
            return Book(sides.initial_cash, {}), "the initial cash"
        return None, "the ledger knows no earlier week of this account"
    mark = marks[-1]
    held = sides.ledger.positions(sides.account, run_of(mark.monday))
    then = SimulatedAccount(mark.cash, {p.symbol: p.qty for p in held}, mark.session)
    then.advance(days, week.last_session, sides.costs)
    # A vendor pays dividends weeks after their ex-date, so its cash cannot be foretold.
    cash = then.cash if sides.broker.clock is BrokerClock.MARKET else None
    return Book(cash, then.positions), f"the equity mark of {mark.monday}"


def _split(positions: Mapping[str, Decimal], days: MarketDays, session: date) -> dict[str, Decimal]:
    return {name: qty * days.split_since(name, session) for name, qty in positions.items()}


def _books(account: str, ledger: Book, broker: Book) -> Iterator[Difference]:
    if ledger.cash is not None and broker.cash is not None and abs(ledger.cash - broker.cash) >= ledger.rounding:
        yield Difference(account, "cash", f"{ledger.cash:,.2f} USD", f"{broker.cash:,.2f} USD")
    for name in sorted({*ledger.positions, *broker.positions}):
        ours, theirs = ledger.positions.get(name, Decimal(0)), broker.positions.get(name, Decimal(0))
        if ours != theirs:
            yield Difference(account, f"position {name}", f"{_plain(ours)} shares", f"{_plain(theirs)} shares")


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}" if number else "0"


# ---- orders --------------------------------------------------------------------------------------------------------


def _orders(sides: Sides, week: Week, attempt: Attempt | None) -> Iterator[Difference]:
    """The week's orders on both sides. An order that the broker is ahead with is not caught up yet: no difference."""
    there = {record.order.client_order_id: record for record in sides.broker.orders_since(week.monday)}
    for record in attempt.orders if attempt else ():
        name = record.order.client_order_id
        yield from _order(sides, record, there.pop(name, None) or sides.broker.find(name))
    others = {run_id: sides.ledger.latest_attempt(sides.account, run_id) for run_id in set(map(_run_of, there))}
    for name, record in there.items():
        if not _is_ours(name, others[_run_of(name)]):
            order = record.order
            told = f"{order.side.value} {_plain(order.qty)} {order.symbol}, {record.status.value}"
            yield Difference(sides.account, f"order {name}", "unknown", told)


def _order(sides: Sides, ours: OrderRecord, theirs: OrderRecord | None) -> Iterator[Difference]:
    what = f"order {ours.order.client_order_id}"
    if theirs is None:
        if ours.broker_order_id or ours.status in {OrderStatus.ACCEPTED, OrderStatus.FILLED}:
            yield Difference(sides.account, what, ours.status.value, "unknown")
        return
    if not ours.status.is_open and ours.status is not theirs.status:
        yield Difference(sides.account, what, ours.status.value, theirs.status.value)
    said, is_so = _content(ours), _content(theirs)
    if said != is_so:
        yield Difference(sides.account, what, said, is_so)


def _content(record: OrderRecord) -> str:
    order = record.order
    return f"{order.side.value} {_plain(order.qty)} {order.symbol} at {_plain(order.limit_price)}"


def _run_of(client_order_id: str) -> str:
    return client_order_id.partition(":attempt-")[0]


def _is_ours(client_order_id: str, newest: Attempt | None) -> bool:
    """Whether the ledger intended it: `newest` is the newest attempt of the week that its id names."""
    number, _, _ = client_order_id.partition(":attempt-")[2].partition(":")
    if newest is None or not number.isdigit() or int(number) > newest.number:
        return False
    known = {record.order.client_order_id for record in newest.orders}
    return int(number) < newest.number or client_order_id in known
