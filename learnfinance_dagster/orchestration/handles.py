"""What assets receive from the composition root: ports behind doors that open when first used."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.parameters import (
    AllocationParameters,
    ForecastParameters,
    LanguageParameters,
    OrderParameters,
    PolicyParameters,
    SignalParameters,
    UniverseParameters,
)
from learnfinance_dagster.ports import (
    Broker,
    Checkpoints,
    FilingsSource,
    ForwardRecords,
    LanguageModel,
    Ledger,
    Market,
    ModelStore,
    NewsAnswer,
    NewsSource,
    SentimentModel,
    TrialRegister,
)


class MarketDoor(Protocol):
    """Opens the market source."""

    def open(self) -> Market:
        """The source, loaded and checked once per process."""
        ...


class NewsDoor(Protocol):
    """Opens the source of articles."""

    @property
    def name(self) -> str:
        """What settings call it."""
        ...

    def open(self, say: Callable[[str], None]) -> NewsSource:
        """The source; `say` is told about long work."""
        ...


class FilingsDoor(Protocol):
    """Opens the source of filings."""

    @property
    def name(self) -> str:
        """What settings call it."""
        ...

    def open(self, say: Callable[[str], None]) -> FilingsSource:
        """The source; `say` is told about long work."""
        ...


class SentimentDoor(Protocol):
    """Opens the sentiment model."""

    @property
    def name(self) -> str:
        """What settings call it; known without loading it."""
        ...

    def open(self) -> SentimentModel:
        """The model, loaded once per process, with its cache of scores."""
        ...


class RawEvidence(Protocol):
    """Where answers of sources are kept as they came."""

    def keep(self, run_id: str, source: str, answer: NewsAnswer) -> Path:
        """Store an answer, one file per name; the same answer again changes nothing. Returns the folder."""
        ...

    def keep_documents(self, run_id: str, source: str, documents: Mapping[str, dict[str, object]]) -> Path:
        """Store JSON documents by name, likewise."""
        ...


class LanguageDoor(Protocol):
    """Opens the language model."""

    @property
    def name(self) -> str:
        """Who writes, e.g. `template` or `openai gpt-4o-mini`; known without opening it."""
        ...

    def open(self) -> LanguageModel | None:
        """The model; None where the template writes."""
        ...


class ModelsDoor(Protocol):
    """Opens the store of trained models."""

    def open(self) -> ModelStore:
        """The store."""
        ...


class TrialsDoor(Protocol):
    """Opens the register of what was tried."""

    def open(self) -> TrialRegister:
        """The register, its schema brought up to date."""
        ...


@dataclass(frozen=True, slots=True)
class Training:
    """Where models are trained and kept."""

    models: ModelsDoor
    """Stores no version without a trial."""
    register: TrialsDoor
    checkpoints: Checkpoints
    software: Callable[[], Mapping[str, str]]
    """Commit of this code and versions of the libraries that decide what a training gives."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where signals get their evidence, and who reads it."""

    news: NewsDoor
    filings: FilingsDoor
    model: SentimentDoor
    raw: RawEvidence


@dataclass(frozen=True, slots=True)
class Writer:
    """Who puts letters into words, and where the question and the answer are kept."""

    language: LanguageDoor
    raw: RawEvidence
    parameters: LanguageParameters


class LedgerDoor(Protocol):
    """Opens the ledger."""

    def open(self) -> Ledger:
        """The ledger, its schema brought up to date."""
        ...


class RecordsDoor(Protocol):
    """Opens the forward record."""

    def open(self) -> ForwardRecords:
        """The record, its schema brought up to date."""
        ...


class BrokerDoor(Protocol):
    """Opens brokers by account."""

    def open(self, account: str) -> Broker:
        """That account's broker."""
        ...


class Artifacts(Protocol):
    """Where artifacts are stored."""

    def has(self, asset: str, week: str) -> bool:
        """Whether it was ever stored."""
        ...

    def read(self, asset: str, weeks: Iterable[str]) -> Any:
        """One value, or the frames of all weeks below each other."""
        ...

    def write_weeks(self, asset: str, weeks: Sequence[str], artifacts: object) -> dict[str, int]:
        """Check and store the artifacts of many weeks; week → rows stored."""
        ...


class Outbox(Protocol):
    """Where finished e-mails wait."""

    def paths(self, name: str) -> tuple[Path, Path]:
        """Where both forms of a letter are, or would be."""
        ...

    def put(self, name: str, eml: bytes, html: str) -> tuple[Path, Path]:
        """Store both forms; returns their paths."""
        ...


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the stages are told by the settings."""

    universe: UniverseParameters
    allocation: AllocationParameters
    orders: OrderParameters
    signals: SignalParameters
    forecasting: ForecastParameters
    policies: PolicyParameters
    language: LanguageParameters
    costs: CostModel
    initial_cash: Decimal
    seed: int
    reveal_fills: bool
    """Simulated accounts may see the week's first session in the run that trades it."""
