"""Frozen values that cross stages. Money and quantities are `Decimal`; weights are fractions of NAV."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

CASH = "CASH"


@dataclass(frozen=True, slots=True)
class Week:
    """One decision: made at `as_of`, traded at the week's first open, held to `next_session`'s open."""

    monday: date
    as_of: datetime
    sessions: tuple[date, ...]
    """NYSE sessions of the calendar week; empty when the exchange stays closed all week."""
    last_session: date
    """Last session that closed before `as_of`."""
    next_session: date
    """First session of the next week that has one: its open ends the holding week."""
    first_open: datetime | None
    first_close: datetime | None

    @property
    def key(self) -> str:
        """Partition key: the Monday's date."""
        return self.monday.isoformat()

    @property
    def run_id(self) -> str:
        """Identity of the week's paper run, e.g. `paper:2025-12-29`."""
        return f"paper:{self.key}"


class Side(StrEnum):
    """Direction of an order."""

    BUY = "buy"
    SELL = "sell"


class OrderStatus(StrEnum):
    """Where an order stands; the words follow the life of a day limit order."""

    INTENDED = "intended"
    """Recorded by us, not known to have reached the broker."""
    ACCEPTED = "accepted"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_dead(self) -> bool:
        """No part of it can trade any more, so a new attempt may replace it."""
        return self in {OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED}

    @property
    def is_open(self) -> bool:
        """It may still trade."""
        return self in {OrderStatus.INTENDED, OrderStatus.ACCEPTED}


class Mode(StrEnum):
    """What a run may do with an account."""

    LIVE = "live"
    """Orders are recorded and sent."""
    DRY_RUN = "dry_run"
    """Everything is computed, nothing is sent or recorded in the ledger."""


@dataclass(frozen=True, slots=True)
class Position:
    """A holding and what it was worth at the last known price."""

    symbol: str
    qty: Decimal
    price: Decimal
    price_date: date
    """Session of that price; older than the week's last session when the name did not trade."""

    @property
    def market_value(self) -> Decimal:
        """Quantity times price, USD."""
        return self.qty * self.price


@dataclass(frozen=True, slots=True)
class Portfolio:
    """An account as the decision saw it."""

    account: str
    run_id: str
    cash: Decimal
    positions: tuple[Position, ...]
    open_orders: int
    mode: Mode
    note: str = ""
    """Why this is not a live decision, or what the reader should know about it."""
    failure: str = ""
    """Why the account could not be read; everything else is then empty."""

    @property
    def nav(self) -> Decimal:
        """Cash plus the market value of the positions, USD."""
        return self.cash + sum((p.market_value for p in self.positions), Decimal(0))


@dataclass(frozen=True, slots=True)
class TargetWeights:
    """What an allocator wants: fractions of NAV by symbol, the rest is cash."""

    allocator: str
    week: str
    weights: dict[str, float]
    raw_weights: dict[str, float]
    """Before the common constraints, as the allocator's own method gave them; sums to one."""
    excluded: dict[str, str]
    """Candidates that could not be weighed, each with the reason."""
    failure: str = ""
    """Why there are no weights; the account is then left alone."""
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def cash(self) -> float:
        """The fraction left in cash."""
        return 1.0 - sum(self.weights.values())


@dataclass(frozen=True, slots=True)
class Order:
    """A day limit order, and how it came to be."""

    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    limit_price: Decimal
    last_price: Decimal
    current_weight: float
    target_weight: float

    @property
    def notional(self) -> Decimal:
        """Quantity times limit price: the most a buy can cost and the least a sell can bring, USD."""
        return self.qty * self.limit_price


@dataclass(frozen=True, slots=True)
class NotSent:
    """A change of weight that became no order."""

    symbol: str
    side: Side
    notional: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """Orders of one account for one week, sells first, and everything that was considered and left."""

    account: str
    run_id: str
    attempt: int
    mode: Mode
    mode_reason: str
    nav: Decimal
    cash: Decimal
    orders: tuple[Order, ...]
    not_sent: tuple[NotSent, ...]
    skipped: str = ""
    """Why the account trades nothing at all this week."""

    @property
    def turnover(self) -> float:
        """Half of the traded value over NAV, at limit prices."""
        traded = sum((order.notional for order in self.orders), Decimal(0))
        return float(traded / 2 / self.nav) if self.nav > 0 else 0.0


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as the ledger or a broker knows it."""

    order: Order
    status: OrderStatus
    reason: str = ""
    broker_order_id: str = ""


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution."""

    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    cost: Decimal
    """Trading cost charged to cash, USD."""
    session: date


@dataclass(frozen=True, slots=True)
class Submission:
    """What happened when the plan met the broker."""

    account: str
    run_id: str
    attempt: int
    mode: Mode
    mode_reason: str
    accepted: tuple[str, ...]
    """client_order_ids that the broker holds."""
    refused: dict[str, str]
    """client_order_ids that the broker declined, with its words."""
    waiting: dict[str, str] = field(default_factory=dict)
    """client_order_ids that are recorded and not sent yet, with what each waits for."""


@dataclass(frozen=True, slots=True)
class EquityMark:
    """An account's worth at the open of a week's first session, after that week's fills and costs."""

    account: str
    monday: date
    session: date
    nav: Decimal
    cash: Decimal


@dataclass(frozen=True, slots=True)
class FillReport:
    """The fate of a week's orders and where they left the account."""

    account: str
    run_id: str
    attempt: int
    mode: Mode
    orders: tuple[OrderRecord, ...]
    fills: tuple[Fill, ...]
    positions: tuple[Position, ...]
    cash: Decimal
    mark: EquityMark | None
    pending: str = ""
    """Why the fate is not known yet."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of a letter, finished."""

    key: str
    """E.g. `overall` or `account_hrp`."""
    heading: str
    draft: str
    """With slots where the figures go, e.g. `{hrp.name} lost {hrp.week_return}`."""
    text: str
    """The draft with the figures filled in: what a reader sees."""
    by_model: bool
    """A language model wrote the draft; otherwise the template did."""
    reason: str = ""
    """Why the template wrote it although a language model was asked; empty otherwise."""


@dataclass(frozen=True, slots=True)
class Narration:
    """What a letter says in words, and who wrote it."""

    paragraphs: tuple[Paragraph, ...]
    writer: str
    """Who was asked: `template`, or adapter and model, e.g. `openai gpt-4o-mini`."""
    failure: str = ""
    """Why the template wrote all of it although a language model was asked; empty otherwise."""
    asked: bool = False
    """The run that made it was one that may ask a language model."""
    question: str = ""
    """Hash of what the writer was asked; another hash, another question."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    """USD at the prices of the settings; None where they name none or nobody was asked."""

    @property
    def rejected(self) -> tuple[Paragraph, ...]:
        """Paragraphs of the model that were not taken."""
        return tuple(each for each in self.paragraphs if each.reason)
