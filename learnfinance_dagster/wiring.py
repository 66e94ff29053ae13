"""What settings choose: each function turns them into the adapter, behind its door, that they name.

Commands open single doors from here, without building the graph.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from learnfinance_dagster import allocation
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.forecasting import FORECASTERS
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import (
    BrokerDoor,
    FilingsDoor,
    MarketDoor,
    NewsDoor,
    Parameters,
    SentimentDoor,
    Sources,
    Training,
)
from learnfinance_dagster.orchestration.mailing import PostOffice
from learnfinance_dagster.settings import Settings
from resources import source_doors
from resources.broker_doors import AlpacaBrokerDoor
from resources.doors import (
    DirectoryMarketDoor,
    HubModelsDoor,
    LocalModelsDoor,
    PracticeMarketDoor,
    RegisteredModelsDoor,
    SimulatedBrokerDoor,
    SmtpDoor,
    SqlLedgerDoor,
    SqlRecordsDoor,
    SqlTrialsDoor,
)
from resources.kill_switch import KillSwitch
from resources.live_market.door import LiveMarketDoor
from resources.mail.queue import FileQueue
from resources.models.checkpoints import FileCheckpoints
from resources.practice_market.spec import PracticeSpec
from resources.raw_evidence import RawFolder
from resources.sentiment_history import SentimentHistoryDoor
from resources.software import software_versions


def now() -> datetime:
    """The wall clock: it enters the house here, and nowhere else."""
    return datetime.now(UTC)


def parameters(settings: Settings) -> Parameters:
    """What the stages are told."""
    return Parameters(
        universe=settings.universe,
        allocation=settings.allocation,
        orders=settings.orders,
        signals=settings.signals,
        forecasting=settings.forecasting,
        policies=settings.policies,
        language=settings.language,
        costs=CostModel(settings.cost_bps_per_side),
        initial_cash=Decimal(settings.initial_cash),
        seed=settings.seed,
        reveal_fills=settings.market_clock == "first_session",
    )


def market_door(settings: Settings) -> PracticeMarketDoor | DirectoryMarketDoor | LiveMarketDoor:
    """The market source that settings name."""
    if settings.market == "live":
        funds, folder = settings.universe.funds, settings.data / "market"
        return LiveMarketDoor(folder, settings.root, funds, settings.live, settings.endpoints, now)
    if settings.market == "directory":
        return DirectoryMarketDoor(settings.market_directory, settings.root)
    return PracticeMarketDoor(settings.root, PracticeSpec(**settings.practice.model_dump()))


def news_door(settings: Settings, market: MarketDoor) -> NewsDoor:
    """The source of articles that settings name."""
    if settings.news == "alpaca":
        return source_doors.alpaca_news(settings.root, settings.endpoints, now)
    if settings.news == "yahoo":
        return source_doors.yahoo_news(settings.root, settings.endpoints, now)
    return source_doors.market_news(market)


def filings_door(settings: Settings, market: MarketDoor) -> FilingsDoor:
    """The source of filings that settings name."""
    if settings.fundamentals == "edgar":
        return source_doors.edgar_filings(settings.data, settings.endpoints, now, settings.edgar_user_agent)
    if settings.fundamentals == "alpha_vantage":
        return source_doors.alpha_vantage_filings(settings.data, settings.endpoints, now)
    return source_doors.market_filings(market)


def sentiment_door(settings: Settings) -> SentimentDoor:
    """The sentiment model that settings name; a score belongs to a text, so markets share what is known."""
    scores = settings.data / "scores.sqlite"
    return (
        source_doors.finbert(scores, settings.finbert)
        if settings.sentiment == "finbert"
        else source_doors.vader(scores)
    )


def evidence_sources(settings: Settings, market: MarketDoor) -> Sources:
    """Where signals get their evidence."""
    raw = RawFolder(settings.root / "raw")
    return Sources(news_door(settings, market), filings_door(settings, market), sentiment_door(settings), raw)


def _ledger_url(settings: Settings) -> str:
    return settings.ledger_url or f"sqlite:///{settings.root / 'ledger.sqlite'}"


def ledger_door(settings: Settings) -> SqlLedgerDoor:
    """This market's ledger."""
    return SqlLedgerDoor(_ledger_url(settings))


def trials_door(settings: Settings) -> SqlTrialsDoor:
    """What was tried on this market, in the ledger's database."""
    return SqlTrialsDoor(_ledger_url(settings))


def records_door(settings: Settings) -> SqlRecordsDoor:
    """The forward record of this market, in the ledger's database."""
    return SqlRecordsDoor(_ledger_url(settings))


def broker_door(settings: Settings, market: MarketDoor, told: Parameters) -> BrokerDoor:
    """Who keeps which account.

    Raises:
        ConfigurationError: an account is named that no allocator has.
    """
    simulated = SimulatedBrokerDoor(settings.root / "broker", market, told.initial_cash, told.costs)
    if settings.broker == "simulated":
        return simulated
    names = [allocator.name for allocator in allocation.ALLOCATORS]
    if unknown := sorted(set(settings.alpaca_accounts) - set(names)):
        msg = f"LEARNFINANCE_ALPACA_ACCOUNTS: no such account: {', '.join(unknown)}; there are {', '.join(names)}"
        raise ConfigurationError(msg)
    return AlpacaBrokerDoor(
        settings.alpaca_accounts, settings.endpoints.alpaca_paper, now, simulated, settings.real_money
    )


def models_door(settings: Settings) -> LocalModelsDoor | HubModelsDoor:
    """Where this market's trained models are kept: for those who read, choose and fetch, not for those who train."""
    local = LocalModelsDoor(settings.root / "models")
    if settings.models == "local":
        return local
    learned = [allocator.policy for allocator in allocation.ALLOCATORS if allocator.policy]
    certificates = sorted({f"{spec.algorithm.name}_certificate" for spec in learned})
    names = [*(forecaster.name for forecaster in FORECASTERS), *(spec.name for spec in learned), *certificates]
    return HubModelsDoor(local, settings.hub_owner, settings.market_name, names, settings.endpoints.hugging_face)


def sentiment_history(settings: Settings) -> SentimentHistoryDoor:
    """Where the history of sentiment is kept besides this disk: where models are."""
    return SentimentHistoryDoor(
        "" if settings.models == "local" else settings.endpoints.hugging_face, settings.hub_owner, settings.market_name
    )


def training(settings: Settings) -> Training:
    """Where this market's models are made and kept."""
    register = trials_door(settings)
    models = RegisteredModelsDoor(models_door(settings), register)
    return Training(models, register, FileCheckpoints(settings.root / "checkpoints"), software_versions)


def trading_floor(settings: Settings, market: MarketDoor, clock: Callable[[], datetime] | None = None) -> TradingFloor:
    """All that stands between this market's accounts and their brokers."""
    told = parameters(settings)
    brokers = broker_door(settings, market, told)
    accounts = tuple(allocator.name for allocator in allocation.chosen(settings.allocators))
    switch = KillSwitch(settings.trading == "off", settings.data)
    return TradingFloor(ledger_door(settings), brokers, clock or now, told, accounts, switch)


def mailer_door(settings: Settings) -> SmtpDoor:
    """The mail server that settings name."""
    return SmtpDoor(settings.mail)


def post_office(settings: Settings, clock: Callable[[], datetime] | None = None) -> PostOffice:
    """This market's queue of letters, and who empties it."""
    queue = FileQueue(settings.root / "outbox" / "queue")
    return PostOffice(queue, mailer_door(settings), settings.mail, clock or now, settings.market_name)
