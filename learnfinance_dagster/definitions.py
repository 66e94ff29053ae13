"""The composition root: what settings chose, put together; the only module that sees assets and resources together."""

from collections.abc import Callable, Sequence
from datetime import datetime

import dagster as dg

from assets import all_assets, stored_values
from learnfinance_dagster import allocation
from learnfinance_dagster.allocation.rl.algorithm import PolicySpec
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.forecasting import FORECASTERS, chosen
from learnfinance_dagster.orchestration.choices import TradingChoices
from learnfinance_dagster.orchestration.floor import Shelf
from learnfinance_dagster.orchestration.follow import follow_job
from learnfinance_dagster.orchestration.handles import MarketDoor, Writer
from learnfinance_dagster.orchestration.jobs import jobs_of
from learnfinance_dagster.orchestration.mail_sensors import send_mail
from learnfinance_dagster.orchestration.policy_jobs import policy_jobs
from learnfinance_dagster.orchestration.schedules import schedules_of
from learnfinance_dagster.orchestration.sensors import sensors_of
from learnfinance_dagster.schemas.artifacts import FRAMES
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.wiring import (
    evidence_sources,
    market_door,
    parameters,
    post_office,
    records_door,
    sentiment_history,
    trading_floor,
    training,
)
from resources.artifacts import ArtifactIOManager, ArtifactStore
from resources.language.door import LanguageModelDoor
from resources.outbox import Outbox


def artifact_store(settings: Settings) -> ArtifactStore:
    """Where this market's artifacts are."""
    return ArtifactStore(settings.root / "artifacts", FRAMES, stored_values())


def build(
    settings: Settings, market: MarketDoor | None = None, clock: Callable[[], datetime] | None = None
) -> dg.Definitions:
    """The code location for these settings; `market` and `clock` replace the true ones (tools poison and stop them)."""
    told = parameters(settings)
    source = market or market_door(settings)
    store = artifact_store(settings)
    allocators = allocation.chosen(settings.allocators)
    floor = trading_floor(settings, source, clock)
    sources = evidence_sources(settings, source)
    enabled = chosen(settings.forecasting.enabled)
    specs = [allocator.policy for allocator in allocators if allocator.policy]
    learned, trained = [spec.name for spec in specs], [each.name for each in enabled]
    _check_that_all_hear(specs, trained)
    following = follow_job(floor.accounts, learned)
    jobs = jobs_of(trained, [each.name for each in FORECASTERS], learned) | policy_jobs(specs)
    jobs |= {following.name: following}
    return dg.Definitions(
        assets=all_assets(allocators, enabled, told),
        jobs=[*jobs.values(), send_mail],
        schedules=schedules_of(jobs, dg.DefaultScheduleStatus(settings.schedule_status.upper())),
        sensors=sensors_of(jobs, trained, learned, dg.DefaultSensorStatus(settings.schedule_status.upper())),
        resources={
            "io_manager": ArtifactIOManager(store, keeps=floor.keeps),
            "artifacts": store,
            "market": source,
            "sources": sources,
            "shelf": Shelf(store, floor),
            "floor": floor,
            "records": records_door(settings),
            "trading": TradingChoices(),
            "training": training(settings),
            "writer": Writer(LanguageModelDoor(settings.language), sources.raw, settings.language),
            "outbox": Outbox(settings.root / "outbox"),
            "post": post_office(settings, clock),
            "history": sentiment_history(settings),
            "parameters": told,
        },
        executor=dg.in_process_executor,
    )


def _check_that_all_hear(specs: Sequence[PolicySpec], trained: Sequence[str]) -> None:
    if deaf := [spec.name for spec in specs if spec.forecaster not in trained]:
        msg = (
            f"{', '.join(deaf)} read a forecaster that is not enabled: add it to LEARNFINANCE_FORECASTING__ENABLED, or"
            " leave them out of LEARNFINANCE_ALLOCATORS"
        )
        raise ConfigurationError(msg)


defs = build(Settings.from_environment())
