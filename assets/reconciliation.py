"""`reconciliation`: what the ledger remembers beside what each broker says, at the end of every run that trades."""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.calendar import last_closed_session, week_from_key
from learnfinance_dagster.errors import LearnFinanceError, LookAheadError
from learnfinance_dagster.ledger_rules import run_of
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.orchestration.tables import markdown, stored_type
from learnfinance_dagster.ports import BrokerClock, Market
from learnfinance_dagster.trading.guard import read_only
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.reconciliation import (
    Compared,
    Difference,
    Reconciliation,
    Sides,
    bars_from,
    compare,
)
from learnfinance_dagster.values import Week

NAME = "reconciliation"
AGREES = "agrees"
"""The check: red when anything differs, or when an account could not be compared."""


def reconciliation_asset(allocators: Sequence[Allocator]) -> dg.AssetsDefinition:
    """One asset over all accounts; one that cannot be compared keeps no other from it."""
    accounts = [allocator.name for allocator in allocators]

    @dg.asset(
        name=NAME,
        description=(
            "Ledger and broker side by side, for every account: cash, positions, and orders, those at the broker that"
            " the ledger does not know among them. Each difference is named, and turns the check red. It writes to"
            " neither. Of a past week only what the ledger can still tell is compared."
        ),
        deps=[f"{account}_fills" for account in accounts],
        partitions_def=WEEKLY,
        group_name="trading",
        owners=["team:trading"],
        kinds={"json"},
        dagster_type=stored_type("Reconciliation", Reconciliation),
        check_specs=[dg.AssetCheckSpec(AGREES, asset=NAME)],
    )
    def reconciliation(
        context: dg.AssetExecutionContext,
        floor: dg.ResourceParam[TradingFloor],
        market: dg.ResourceParam[MarketDoor],
        artifacts: dg.ResourceParam[Artifacts],
    ) -> dg.MaterializeResult:
        week = week_from_key(context.partition_key)
        with translated(context):
            source = market.open()
        idle = read_only(floor.facts(context))
        stored = artifacts.read(NAME, [week.key]) if artifacts.has(NAME, week.key) else None
        compared: dict[str, str] = {}
        failures: dict[str, str] = {}
        differences: list[Difference] = []
        for account in accounts:
            try:
                found = _compared(floor, account, week, source, idle).after(account, stored)
                compared[account] = found.told
                differences += found.differences
            except LookAheadError:  # nobody may go on with anything that comes from such a source
                raise
            except LearnFinanceError as error:
                context.log.exception("%s could not be compared", account)
                failures[account] = str(error)
            except Exception as error:  # even a bug must not cost the report, which tells of it
                context.log.exception("%s could not be compared", account)
                failures[account] = f"unexpected {type(error).__name__}: {error}"
        value = Reconciliation(week.key, compared, tuple(differences), failures)
        return dg.MaterializeResult(
            value=value,
            metadata=_metadata(value),
            check_results=[
                dg.AssetCheckResult(
                    check_name=AGREES,
                    passed=not value.told,
                    description="; ".join(value.told) or f"{week.key}: ledger and brokers agree",
                )
            ],
        )

    return reconciliation


def _compared(floor: TradingFloor, account: str, week: Week, source: Market, idle: str) -> Compared:
    broker, ledger, parameters = floor.brokers.open(account), floor.ledger.open(), floor.parameters
    if idle and broker.clock is BrokerClock.WALL:  # years of back-fills must not question a vendor
        return Compared(f"nothing: {idle}", (), is_past=True)
    known_at = floor.revealed(week, broker.clock, source.info)
    sides = Sides(broker, ledger, account, parameters.initial_cash, parameters.costs)
    return compare(sides, week, _days(source, sides, week, known_at), known_at)


def _days(source: Market, sides: Sides, week: Week, known_at: datetime) -> MarketDays:
    """Bars since the newest mark before the week, of everything that either side holds."""
    first = bars_from(sides.ledger, sides.account, week) or week.last_session
    marks = sides.ledger.marks(sides.account, week.monday)[-2:]
    held = {each.symbol for mark in marks for each in sides.ledger.positions(sides.account, run_of(mark.monday))}
    return MarketDays(source.bars(first, last_closed_session(known_at), known_at, held))


def _metadata(found: Reconciliation) -> dict[str, dg.MetadataValue | int]:
    rows = [(each.account, each.what, each.ledger, each.broker) for each in found.differences]
    rows += [(account, "could not be compared", "", why) for account, why in found.failures.items()]
    done = [(account, told) for account, told in found.compared.items()]
    return {
        "differences": len(found.differences),
        "not_compared": len(found.failures),
        "table": markdown(["account", "what", "ledger", "broker"], rows),
        "compared": markdown(["account", "what was compared"], done),
    }
