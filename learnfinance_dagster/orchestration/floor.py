"""What stands between assets and brokers: who may trade, which evidence is kept, and how far a run may look."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

import dagster as dg
import pandas as pd

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.ledger_rules import run_of
from learnfinance_dagster.orchestration.choices import chosen
from learnfinance_dagster.orchestration.handles import Artifacts, BrokerDoor, LedgerDoor, Parameters
from learnfinance_dagster.orchestration.job_names import FOLLOW_JOB, LIVE_JOB, MAILING_JOBS
from learnfinance_dagster.ports import BrokerClock, MarketInfo
from learnfinance_dagster.schemas.artifacts import FRAMES, HISTORY
from learnfinance_dagster.trading.desk import Desk
from learnfinance_dagster.trading.guard import RunFacts, read_only, refusal, unconfirmed
from learnfinance_dagster.trading.last_line import LastLine
from learnfinance_dagster.values import Week


@dataclass(frozen=True, slots=True)
class Counter:
    """Where an account's orders are taken in one run: its desk, the week, and the guard's objection to trading."""

    desk: Desk
    week: Week
    refusal: str
    read_only: str
    """Why the run may not touch the account's memory at all; empty for the live job."""
    unconfirmed: str
    """Why it may not spend the account's real money, and so not give up what another run was allowed to."""
    follows: bool
    """The run completes what was recorded, and plans nothing."""
    now: datetime
    """The wall clock, UTC."""


@dataclass(frozen=True, slots=True)
class TradingFloor:
    """All that stands between an asset and a broker."""

    ledger: LedgerDoor
    brokers: BrokerDoor
    clock: Callable[[], datetime]
    parameters: Parameters
    accounts: tuple[str, ...]
    switch: Callable[[], str]
    """Why trading is switched off at this moment; empty while it is on."""

    def counter(self, context: dg.AssetExecutionContext, account: str) -> Counter:
        """Open an account's desk for the run's week, with the guard asked once more.

        The desk's broker asks it again before each single order.
        """
        week, ledger, p = week_from_key(context.partition_key), self.ledger.open(), self.parameters
        broker = self.brokers.open(account)

        def objection() -> str:
            facts = self.facts(context)
            return refusal(facts, week, broker.clock, off=self.switch(), real_money=broker.is_real_money)

        guarded = LastLine(account, broker, ledger, p.orders, objection, p.universe.blocked)
        desk = Desk(account, guarded, ledger, p.costs, p.orders, p.initial_cash)
        facts = self.facts(context)
        unsaid = unconfirmed(facts, week) if broker.is_real_money else ""
        return Counter(desk, week, objection(), read_only(facts), unsaid, facts.follows, facts.now)

    def keeps(self, asset: str, week: str) -> bool:
        """Whether a stored artifact is evidence of a week that was traded: then no run replaces it any more.

        What an account did is shown from the ledger; the bars, universe, signals and weights that it acted on have only
        this one copy, which a run with other settings must not rewrite.
        """
        account = asset.removesuffix("_weights")
        if account not in self.accounts and (asset not in FRAMES or asset in HISTORY):
            return False
        ledger, run_id = self.ledger.open(), run_of(date.fromisoformat(week))
        accounts = (account,) if account in self.accounts else self.accounts
        attempts = [(each, ledger.latest_attempt(each, run_id)) for each in accounts]
        return any(
            not attempt.is_over or any(mark.monday.isoformat() == week for mark in ledger.marks(each, date.max))
            for each, attempt in attempts
            if attempt is not None
        )

    def facts(self, context: dg.AssetExecutionContext) -> RunFacts:
        """What the guard wants to know about this run. A job's name, unlike a tag, is not free to set."""
        choices = chosen(context.run.run_config)
        return RunFacts(
            live_job=context.run.job_name == LIVE_JOB,
            backfill="dagster/backfill" in context.run.tags,
            now=self.clock(),
            follows=context.run.job_name == FOLLOW_JOB,
            mails=context.run.job_name in MAILING_JOBS,
            dry_run=choices.dry_run,
            confirmed=choices.confirm_real_money,
        )

    def revealed(self, week: Week, clock: BrokerClock, market: MarketInfo) -> datetime:
        """How far this run may look at the market when it asks for its orders' fate.

        A simulated account may see the first session as soon as the market source holds it; otherwise only what had
        closed before the decision is known, and the orders wait.
        """
        if clock is BrokerClock.WALL:
            return self.clock()
        if week.first_close is None or market.last_session < week.sessions[0] or not self.parameters.reveal_fills:
            return week.as_of
        return week.first_close


@dataclass(frozen=True, slots=True)
class Shelf:
    """The evidence that is stored already, and what a run may do to it."""

    artifacts: Artifacts
    floor: TradingFloor

    def stored(self, asset: str, week: str) -> pd.DataFrame | None:
        """A week's frame, if there is one."""
        return self.artifacts.read(asset, [week]) if self.artifacts.has(asset, week) else None

    def kept(self, asset: str, week: str) -> pd.DataFrame | None:
        """A week's frame, if the week was traded on it: then it is not made again."""
        return self.stored(asset, week) if self.floor.keeps(asset, week) else None

    def may_stand_in(self, context: dg.AssetExecutionContext) -> bool:
        """Whether the run is the one that trades, or rehearses it: its report must be written, whatever failed."""
        return not read_only(replace(self.floor.facts(context), dry_run=False))
