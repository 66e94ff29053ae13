"""What the house asks of the outside world. Adapters live in `resources/`; fakes pass the same contract tests.

Every question about a market carries `known_at`: an adapter answers only with what was public then.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

import pandas as pd

from learnfinance_dagster.values import (
    EquityMark,
    Fill,
    Order,
    OrderPlan,
    OrderRecord,
    Portfolio,
    Position,
    Week,
)


class PriceBasis(StrEnum):
    """What the prices of a source mean."""

    AS_TRADED = "as_traded"
    SPLIT_ADJUSTED = "split_adjusted"
    """Divided by every split up to the end of the file: ratios are right, absolute levels know the future."""


@dataclass(frozen=True, slots=True)
class MarketInfo:
    """Who a market source is, for provenance and for the first line of a report."""

    name: str
    is_practice: bool
    price_basis: PriceBasis
    first_session: date
    last_session: date
    caveats: tuple[str, ...] = ()
    """What a reader must know before trusting results, e.g. survivorship."""


CAVEAT = "caveat"
"""Topic of a note that belongs among a report's warnings."""


@dataclass(frozen=True, slots=True)
class MarketNote:
    """What a reader of a decision must know about its data."""

    topic: str
    """`CAVEAT`, or what it is about, e.g. `holdings`."""
    text: str


class Coverage(StrEnum):
    """What is known of a name's news on a news day. Only the first two count as covered."""

    ARTICLES = "articles"
    NO_ARTICLES = "no_articles"
    """Fetched, and there was nothing."""
    NOT_FETCHED = "not_fetched"
    """Nobody asked, or the answer did not come: not the same as no news."""


@dataclass(frozen=True, slots=True)
class NewsAnswer:
    """What a news source answered: the articles, and how far the answer reaches."""

    articles: pd.DataFrame
    """Columns and dtypes of `schemas.evidence.Articles`; sorted by symbol, published_at, article_id."""
    coverage: pd.DataFrame
    """Columns of `schemas.evidence.NewsCoverage`: one row for every (news day, symbol) that was asked for."""
    skipped: tuple[str, ...] = ()
    """Items that were received and not used, each with its reason, e.g. `AAPL: an article without a date (id 7)`."""


class NewsSource(Protocol):
    """Articles about companies."""

    @property
    def name(self) -> str:
        """Names the source in evidence, e.g. `alpaca`."""
        ...

    def articles(self, symbols: Collection[str], first: date, last: date, known_at: datetime) -> NewsAnswer:
        """Articles of the news days [first, last] (`calendar.news_day`) that were public at `known_at`.

        A day that was not over at `known_at` is NOT_FETCHED, although its articles so far are given. A failure of the
        source is no exception here: days that it could not give are NOT_FETCHED with the reason.
        """
        ...


@dataclass(frozen=True, slots=True)
class FilingsAnswer:
    """What a source of statements answered."""

    filings: pd.DataFrame
    """Columns and dtypes of `schemas.market.Fundamentals`; sorted by symbol, fiscal_date_ending, available_on."""
    missing: dict[str, str]
    """Symbol → why there is nothing for it. Names with filings are not in it."""


class FilingsSource(Protocol):
    """Quarterly statements with the day they became public."""

    @property
    def name(self) -> str:
        """Names the source in evidence, e.g. `edgar`."""
        ...

    def filings(self, symbols: Collection[str], known_at: datetime) -> FilingsAnswer:
        """Every statement that was public at `known_at`: made available on a New York day before that moment's.

        A date has no hour, and most filings come after the close, so the day itself does not count. A failure of the
        source is no exception here: the names it could not give are `missing` with the reason.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model scored: part of every score that is stored."""

    name: str
    revision: str
    """Version, commit or weights' hash, and the arithmetic where it is not float32."""

    def __str__(self) -> str:
        """One word for artifacts, e.g. `vader@3.3.2`."""
        return f"{self.name}@{self.revision}"


class SentimentModel(Protocol):
    """Reads the tone of financial text."""

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is; asking may load it."""
        ...

    def score(self, texts: Sequence[str]) -> pd.DataFrame:
        """One row for each text, in order.

        Columns: score (-1 bad … 1 good), confidence (0…1), p_pos, p_neg, p_neu (sum 1), rounded to 4 digits; label
        (positive, negative, neutral).

        Raises:
            ConfigurationError: the model cannot be loaded; the message says how to get it.
            DataError: it failed on these texts. Never a neutral score instead.
        """
        ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a language model is asked."""

    system: str
    user: str
    schema: dict[str, Any]
    """JSON schema of the answer: an object."""
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Completion:
    """What it answered."""

    text: str
    """JSON text of an object; whether it fits the schema is for the reader to check."""
    model: str
    """Which model it says that it is."""
    input_tokens: int
    output_tokens: int


class LanguageModel(Protocol):
    """Writes text. Nothing that it writes is believed before it was checked."""

    def complete(self, prompt: Prompt) -> Completion:
        """One answer.

        Raises:
            ConfigurationError: a person must act: credentials, model, address.
            TransientError: nobody answered in time, or the other side is busy.
            RefusedError: the other side does not take the question.
            DataError: it answered, but broke off, declined, or gave no JSON object.
        """
        ...


class Market(Protocol):
    """Prices, fund holdings, index membership, news and filings, as they were known at a moment."""

    @property
    def info(self) -> MarketInfo:
        """Name, basis, span and caveats."""
        ...

    @property
    def news(self) -> NewsSource:
        """The articles that this market holds."""
        ...

    @property
    def statements(self) -> FilingsSource:
        """The filings that this market holds."""
        ...

    def bars(self, first: date, last: date, known_at: datetime, symbols: Collection[str] | None = None) -> pd.DataFrame:
        """Bars of sessions in [first, last] that had closed by `known_at`.

        Columns: date, symbol, open, high, low, close, volume, split_ratio (1 = none), dividend (USD a share),
        delisting (USD paid a share on that day, 0 = none). Sorted by symbol, date.
        """
        ...

    def holdings(self, funds: Collection[str], known_at: datetime) -> pd.DataFrame:
        """The newest holdings of each fund: fund, date, symbol, weight_pct. Empty where none was known."""
        ...

    def latecomers(self, known_at: datetime) -> pd.DataFrame:
        """What became known later than at its session's close, up to `known_at`; most markets have none.

        Columns: symbol, date (the session), what (`bar`, `split_ratio`, `dividend` or `delisting`), known_at (UTC).
        """
        ...

    def notes(self, known_at: datetime) -> tuple[MarketNote, ...]:
        """What the newest look at the source, up to `known_at`, had to say about it."""
        ...

    def members(self, known_at: datetime) -> frozenset[str] | None:
        """Members of any index that day; None where the source has no dated membership."""
        ...


ModelFiles = Mapping[str, bytes]
"""Name → content of one version's files, e.g. `weights.safetensors`. No pickles."""


class ModelStore(Protocol):
    """Versions of trained models. A version is a set of files that never changes once it is there."""

    def versions(self, model: str) -> tuple[str, ...]:
        """Every whole version of a model, snapshots included, sorted."""
        ...

    def has(self, model: str, version: str) -> bool:
        """Whether the version is there, whole."""
        ...

    def read(self, model: str, version: str) -> ModelFiles:
        """The version's files.

        Raises:
            ConfigurationError: it was never stored.
            DataError: a file is missing, or is not what was written.
        """
        ...

    def write(self, model: str, version: str, files: ModelFiles, *, replace: bool = False) -> None:
        """Store a version: visible only when whole.

        The same files again change nothing.

        Raises:
            RefusedError: the version is there with other files, and `replace` is not set.
        """
        ...

    def current(self, model: str) -> str | None:
        """The version in use; None before the first promotion."""
        ...

    def deciding(self, model: str) -> AbstractContextManager[None]:
        """The right to decide which version of a model is in use; whoever else wants it waits.

        Let go when the holder ends, however it ends. It holds among the processes of one machine.
        """
        ...

    def set_current(self, model: str, version: str) -> None:
        """Put a version in use, at once and for every reader.

        Raises:
            ConfigurationError: there is no such version.
        """
        ...


class Checkpoints(Protocol):
    """Where unfinished training is kept, so that an interrupted one goes on."""

    def load(self, key: str) -> bytes | None:
        """The newest checkpoint of that training; None when there is none."""
        ...

    def save(self, key: str, content: bytes) -> None:
        """Replace the checkpoint, atomically."""
        ...

    def discard(self, key: str) -> None:
        """Forget it: the training is done."""
        ...


class TrialKind(StrEnum):
    """What was tried. Whoever looks for the best of many must know how many there were."""

    TRAINING = "training"
    """From random weights, on all history."""
    FINE_TUNE = "fine_tune"
    """From the version in use, on the newest weeks."""
    SNAPSHOT = "snapshot"
    """A forecaster as it would have been at a year's end."""
    CERTIFICATE = "certificate"
    """A trainer, on a world whose answer is known."""
    SWEEP = "sweep"
    """One point of a search, e.g. of a benchmark's table."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing that was tried, and what came of it."""

    model: str
    """E.g. `ppo_lstm` or `lstm`."""
    version: str
    kind: TrialKind
    serves: date
    """The Monday that it was trained for; a snapshot's year-end."""
    config_hash: str
    data_hash: str
    code_hash: str
    seeds: tuple[int, ...]
    result: dict[str, float]
    """Measure → value on weeks that it never saw; empty where nothing was measured."""
    promoted: bool
    reason: str
    """Why it was promoted or not; empty where nothing was decided."""


class TrialRegister(Protocol):
    """Every trial, for good: rows are added and never changed."""

    def record(self, trial: Trial) -> None:
        """Add a trial. The same trial again changes nothing.

        Raises:
            RefusedError: a trial of that model and version is recorded with other content.
        """
        ...

    def find(self, model: str, version: str) -> Trial | None:
        """The trial that made a version."""
        ...

    def trials(self, model: str | None = None) -> tuple[Trial, ...]:
        """Every trial, of one model or of all, in the order in which they were recorded."""
        ...


class SentimentHistory(Protocol):
    """Where the history of daily sentiment is kept besides this disk."""

    def push(self, days: pd.DataFrame) -> str:
        """Complete what is there with these rows (`schemas.signals.DailySentiment`); what was done, in a few words.

        A day that is covered there is never replaced by one that was not fetched.

        Raises:
            TransientError: it could not be reached; what is there is as it was.
            ConfigurationError: a setting or a credential is missing or wrong.
        """
        ...

    def pull(self) -> pd.DataFrame | None:
        """All that is there; None where nothing is.

        Raises:
            DataError: what is there is no such history.
        """
        ...


@dataclass(frozen=True, slots=True)
class MailReceipt:
    """What a mail server said to each recipient; together all that were asked for."""

    taken: tuple[str, ...]
    refused: dict[str, str]
    """Recipient → why not, for good."""
    deferred: dict[str, str]
    """Recipient → why not now."""


class Mailer(Protocol):
    """Sends finished letters."""

    def send(self, letter: bytes, recipients: Sequence[str]) -> MailReceipt:
        """Hand a complete message over to a server, for these recipients.

        The message carries its own Message-ID, so that sending it again after an uncertain failure is harmless.

        Raises:
            TransientError: nobody was taken; trying again later may work.
            RefusedError: nobody was taken, and nobody will be.
            ConfigurationError: a setting or a credential is missing or wrong.
        """
        ...


@dataclass(frozen=True, slots=True)
class ForwardEntry:
    """One link of the forward record, as it is stored. `evaluation.forward_record` makes and reads them."""

    number: int
    """Its place in the chain, from 1."""
    week: str
    """Key of the Monday whose plans it holds."""
    sequence: int
    """1, 2, … within the week: plans made later in the same week are a further entry."""
    recorded_at: str
    previous: str
    """sha256 of the entry before; empty for the first."""
    sha256: str
    """Of the document's bytes."""
    document: str
    """Canonical JSON (RFC 8785) that holds all of the above but its number and hash, and every plan."""


class ForwardRecords(Protocol):
    """What was planned and when that was written down, for good: entries are added at the end and never changed."""

    def append(self, entry: ForwardEntry) -> None:
        """Add the next entry. The same entry again changes nothing.

        Raises:
            RefusedError: that week and sequence is recorded with other content, or the entry is not the next one.
        """
        ...

    def entries(self) -> tuple[ForwardEntry, ...]:
        """The whole chain, by number, exactly as it is stored, whatever somebody has made of it."""
        ...


class BrokerClock(StrEnum):
    """Which clock decides whether a broker may be sent orders."""

    WALL = "wall"
    MARKET = "market"
    """A simulated account: its time is the market's, so past weeks can be traded in order."""


@dataclass(frozen=True, slots=True)
class BrokerAccount:
    """An account as the broker reports it."""

    cash: Decimal
    positions: dict[str, Decimal]
    open_orders: tuple[str, ...]
    """client_order_ids that may still trade."""


class Broker(Protocol):
    """One broker account."""

    @property
    def clock(self) -> BrokerClock:
        """Which clock binds it."""
        ...

    @property
    def is_real_money(self) -> bool:
        """Whether its orders spend real money; paper and simulated accounts do not."""
        ...

    def account(self, known_at: datetime) -> BrokerAccount:
        """Cash, positions and open orders as of a moment; changes nothing."""
        ...

    def find(self, client_order_id: str) -> OrderRecord | None:
        """The order with that id, or None when the broker never saw it.

        A broker knows what was sent and not why: `last_price` and the weights of the order may be zero. The ledger
        knows them.
        """
        ...

    def orders_since(self, day: date) -> tuple[OrderRecord, ...]:
        """Every order that was sent on that New York day or later, in the order in which they were sent.

        Orders that somebody else sent are among them; a number that such an order does not have, e.g. the limit of a
        market order, is zero. Simulated accounts date an order by the session it was sent for.
        """
        ...

    def submit(self, order: Order, week: Week) -> OrderRecord:
        """Send one order for the week's first session.

        An id is good for one order, for ever. Where it was used before, either RefusedError is raised, or the order
        that is there is returned, if it is the same.

        Raises:
            RefusedError: the broker declined it.
            DataError: another order with that id is there.
            TransientError: it is not known whether the order arrived; look it up, never send again blindly.
        """
        ...

    def settle(self, known_at: datetime) -> None:
        """Let the account catch up with the market (simulated accounts only; a real broker does so by itself)."""
        ...

    def fills(self, client_order_ids: Iterable[str]) -> tuple[Fill, ...]:
        """Executions of those orders."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """One recorded intent: what the account was, what was planned, and the orders as they stand."""

    number: int
    portfolio: Portfolio
    plan: OrderPlan
    orders: tuple[OrderRecord, ...]

    @property
    def is_over(self) -> bool:
        """It was skipped, or every one of its orders is dead: a new attempt may follow while the week lasts.

        An attempt that needed no orders is not over: there is nothing to try again.
        """
        return bool(self.plan.skipped or self.orders) and all(record.status.is_dead for record in self.orders)


class Ledger(Protocol):
    """What we intended, what was sent, what came of it. The memory that makes a second run harmless."""

    def claim(self, account: str, run_id: str) -> AbstractContextManager[None]:
        """Exclusive right to trade that account and week; released when the holder ends, even by a crash.

        Raises:
            RefusedError: somebody else holds it now.
        """
        ...

    def latest_traded(self, account: str) -> date | None:
        """The newest Monday with a recorded attempt."""
        ...

    def latest_attempt(self, account: str, run_id: str) -> Attempt | None:
        """The newest attempt of that week, with its orders' status."""
        ...

    def plans(self) -> tuple[OrderPlan, ...]:
        """The plan of every recorded attempt of every account, by week, account and attempt."""
        ...

    def record_intent(self, portfolio: Portfolio, plan: OrderPlan) -> None:
        """Write the attempt and its orders (none is fine) as intended, in one transaction, before anything is sent."""
        ...

    def record_order(self, account: str, record: OrderRecord) -> None:
        """Update one order's status."""
        ...

    def record_outcome(
        self, account: str, week: Week, fills: Iterable[Fill], positions: Iterable[Position], mark: EquityMark
    ) -> None:
        """Write a week's fills, positions and equity mark in one transaction; writing them again changes nothing."""
        ...

    def fills(self, account: str, run_id: str) -> tuple[Fill, ...]:
        """Recorded executions of that week."""
        ...

    def positions(self, account: str, run_id: str) -> tuple[Position, ...]:
        """Positions recorded with that week's equity mark."""
        ...

    def held_before(self, monday: date) -> frozenset[str]:
        """Symbols that any account held after its newest traded week before `monday`."""
        ...

    def marks(self, account: str, until: date) -> tuple[EquityMark, ...]:
        """Equity marks up to and including the week of `until`, oldest first."""
        ...
