"""Doors to the outside world that open when first used, once per process."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from learnfinance_dagster.calendar import last_closed_session
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.orchestration.handles import MarketDoor, ModelsDoor, TrialsDoor
from learnfinance_dagster.parameters import MailParameters
from learnfinance_dagster.ports import Broker, ForwardRecords, Ledger, Market, ModelStore, TrialRegister
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.simulated_broker import SimulatedBroker
from resources.brokers.simulated import FileAccountStore
from resources.credentials import secret
from resources.files import write_atomic
from resources.practice_market.spec import PracticeSpec

if TYPE_CHECKING:
    from resources.mail.smtp import SmtpMailer

USER, PASSWORD = "SMTP_USER", "SMTP_PASSWORD"
"""Names of credentials."""


@dataclass(frozen=True, slots=True)
class PracticeMarketDoor:
    """The practice market, generated into `root`/market when it is not there."""

    root: Path
    spec: PracticeSpec

    def open(self) -> Market:
        """Generate if absent, then load.

        Raises:
            ConfigurationError: `root` belongs to another market.
        """
        from resources.practice_market import GENERATOR_VERSION, ensure

        claim(self.root, f"practice market, generator {GENERATOR_VERSION}, {self.spec}")
        ensure(self.root / "market", self.spec)
        return opened(self.root / "market")


@dataclass(frozen=True, slots=True)
class DirectoryMarketDoor:
    """A market directory that the user brings; what is made from it goes to `root`."""

    directory: Path | None
    root: Path

    def open(self) -> Market:
        """Load and check.

        Raises:
            ConfigurationError: no directory was named, or `root` belongs to another one.
            DataError: the directory is broken; the message names file, column and row.
        """
        if self.directory is None:
            msg = "LEARNFINANCE_MARKET=directory needs LEARNFINANCE_MARKET_DIRECTORY=<folder of Parquet files>"
            raise ConfigurationError(msg)
        market = opened(self.directory)
        claim(self.root, f"market directory {self.directory.resolve()}")
        return market


def claim(root: Path, identity: str) -> None:
    """Keep markets apart: the accounts of one must never trade on the prices of another."""
    path = root / "market.txt"
    if not path.exists():
        write_atomic(path, f"{identity}\n".encode())
    known = path.read_text(encoding="utf-8").strip()
    if known != identity:
        msg = (
            f"{root.name} holds the accounts and artifacts of another market, which cannot go on in this one. Keep them"
            f" and set LEARNFINANCE_DATA to another folder, or forget them with make clean. There: {known}. Asked for:"
            f" {identity}"
        )
        raise ConfigurationError(msg)


def opened(directory: Path) -> Market:
    """A market directory, loaded and checked; anew when its files changed."""
    resolved = directory.resolve()
    stamps = tuple(sorted((path.name, path.stat().st_mtime_ns) for path in resolved.glob("*.*")))
    return _load_once(resolved, stamps)


@cache
def _load_once(directory: Path, _stamps: tuple[tuple[str, int], ...]) -> Market:
    from resources.market_directory import DirectoryMarket

    return DirectoryMarket.from_directory(directory)


@dataclass(frozen=True, slots=True)
class SqlLedgerDoor:
    """The ledger in a database."""

    url: str

    def open(self) -> Ledger:
        """Migrated to this code's schema."""
        return _ledger(self.url)


@cache
def _ledger(url: str) -> Ledger:
    from resources.ledger import open_ledger

    return open_ledger(url)


@dataclass(frozen=True, slots=True)
class SqlTrialsDoor:
    """The trial register in the ledger's database."""

    url: str

    def open(self) -> TrialRegister:
        """Migrated to this code's schema."""
        return _trials(self.url)


@cache
def _trials(url: str) -> TrialRegister:
    from resources.ledger import open_trials

    return open_trials(url)


@dataclass(frozen=True, slots=True)
class SqlRecordsDoor:
    """The forward record in the ledger's database."""

    url: str

    def open(self) -> ForwardRecords:
        """Migrated to this code's schema."""
        return _records(self.url)


@cache
def _records(url: str) -> ForwardRecords:
    from resources.ledger import open_records

    return open_records(url)


@dataclass(frozen=True, slots=True)
class LocalModelsDoor:
    """Trained models in a folder."""

    folder: Path

    def open(self) -> ModelStore:
        """The store."""
        from resources.models.local import LocalModelStore

        return LocalModelStore(self.folder)


@dataclass(frozen=True, slots=True)
class HubModelsDoor:
    """Trained models in a folder, and in one private repository each on Hugging Face."""

    local: LocalModelsDoor
    owner: str
    market: str
    models: Sequence[str]
    endpoint: str

    def open(self) -> ModelStore:
        """The store; the token is read from `HF_TOKEN` whenever the Hub is asked.

        Raises:
            ConfigurationError: nobody was named who owns the repositories.
        """
        from resources.models.hub import HubModelStore

        if not self.owner:
            msg = "LEARNFINANCE_MODELS=hub needs LEARNFINANCE_HUB_OWNER=<your user name on Hugging Face> and HF_TOKEN"
            raise ConfigurationError(msg)
        repos = {name: f"{self.owner}/learnfinance-{self.market}-{name.replace('_', '-')}" for name in self.models}
        return HubModelStore(self.local.open(), repos, self.endpoint, lambda: secret("HF_TOKEN"))


@dataclass(frozen=True, slots=True)
class RegisteredModelsDoor:
    """Trained models, of which none is stored without a trial."""

    models: ModelsDoor
    trials: TrialsDoor

    def open(self) -> ModelStore:
        """The store, and the register before it."""
        from resources.models.registered import RegisteredModels

        return RegisteredModels(self.models.open(), self.trials.open())


@dataclass(frozen=True, slots=True)
class SimulatedBrokerDoor:
    """One simulated account per allocator, kept in `folder`, trading on `market`."""

    folder: Path
    market: MarketDoor
    initial_cash: Decimal
    costs: CostModel = field(default_factory=CostModel)

    def open(self, account: str) -> Broker:
        """That account's simulated broker."""
        store = FileAccountStore(self.folder / f"{account}.json", self.initial_cash)
        return SimulatedBroker(store, self._days, self.costs)

    def _days(self, first: date, known_at: datetime, symbols: Collection[str]) -> MarketDays:
        return MarketDays(self.market.open().bars(first, last_closed_session(known_at), known_at, symbols))


@dataclass(frozen=True, slots=True)
class SmtpDoor:
    """The mail server that parameters name, with SMTP_USER and SMTP_PASSWORD, read whenever it is spoken to."""

    parameters: MailParameters

    def open(self) -> "SmtpMailer":
        """The mailer; nothing is asked yet."""
        from resources.mail.smtp import SmtpMailer

        p = self.parameters
        return SmtpMailer(p.host, p.port, p.security, p.sender, lambda: (secret(USER), secret(PASSWORD)), p.timeout)
