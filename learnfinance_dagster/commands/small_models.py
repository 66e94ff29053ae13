"""Models so small that they are trained in a second: what they are allowed to see does not depend on their size."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import dagster as dg

from learnfinance_dagster.allocation import chosen
from learnfinance_dagster.allocation.rl.outcome import PolicyOutcome
from learnfinance_dagster.calendar import session_close
from learnfinance_dagster.commands.running import run_monday, run_range
from learnfinance_dagster.definitions import artifact_store, build
from learnfinance_dagster.orchestration.jobs import POLICY_EVIDENCE
from learnfinance_dagster.ports import Market
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.symbols import is_index
from learnfinance_dagster.values import Week
from learnfinance_dagster.wiring import models_door

NAMES = 6
"""Names that forecasters are trained on here."""
SMALL_FORECASTERS = {
    "profile": "quick",
    "max_epochs": 1,
    "validation_weeks": 8,
    "held_out_weeks": 12,
    "missing_snapshot": "momentum",
}
SMALL_POLICIES = {
    "profile": "quick",
    "max_steps": 64,
    "min_training_weeks": 8,
    "held_out_weeks": 8,
    "min_judged_weeks": 8,
    "fine_tune_weeks": 4,
    "block_weeks": 1,
    "resamples": 200,
}
PAST_WEEKS = 18
"""What such a policy needs: 8 to learn from, 8 that judge, one between, and the newest, which is not over."""


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """A market door that is open already."""

    market: Market

    def open(self) -> Market:
        """The market it was made with."""
        return self.market


def small(settings: Settings, market: Market) -> dict[str, Any]:
    """What to change in settings."""
    info = market.info
    bars = market.bars(info.first_session, info.first_session, session_close(info.first_session))
    names = tuple(symbol for symbol in bars["symbol"].head(NAMES + 1) if not is_index(symbol))[:NAMES]
    return {
        "forecasting": settings.forecasting.model_copy(update=SMALL_FORECASTERS | {"symbols": names}),
        "policies": settings.policies.model_copy(update=SMALL_POLICIES),
    }


def train_forecasters(settings: Settings, market: Market, week: Week) -> tuple[str, ...]:
    """Train every forecaster for one Monday; one line per failed step."""
    job = build(settings, OpenDoor(market)).resolve_job_def("retrain")
    with dg.DagsterInstance.ephemeral() as instance:
        return run_monday(job, instance, week.key).failures


def put_policies_in_use(settings: Settings, market: Market, week: Week) -> tuple[str, ...]:
    """The first policies, so that all accounts trade: what they may see does not depend on how good they are.

    No gate is asked, and no certificate. One line per failed step or policy.
    """
    learned = _learned(settings)
    if not learned:
        return ()
    first, last = (week.monday - timedelta(weeks=ago) for ago in (PAST_WEEKS, 1))
    with dg.DagsterInstance.ephemeral() as instance:
        defs = build(settings, OpenDoor(market))
        gathered = run_range(defs, instance, (first.isoformat(), last.isoformat()), POLICY_EVIDENCE).failures
    failures = (*gathered, *train_policies(settings, market, week))
    if not failures:
        artifacts, models = artifact_store(settings), models_door(settings).open()
        for name in learned:
            outcome: PolicyOutcome = artifacts.read(f"{name}_policy", [week.key])
            if outcome.card:
                models.set_current(name, outcome.card.version)
    return failures


def train_policies(settings: Settings, market: Market, week: Week) -> tuple[str, ...]:
    """What policies learn from before a Monday, the policies, and their letter; one line per failed step or policy."""
    learned = _learned(settings)
    if not learned:
        return ()
    assets = ["policy_history", *(f"{name}_policy" for name in learned), "training_summary"]
    job = build(settings, OpenDoor(market)).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_monday(job, instance, week.key, assets)
    return (*result.failures, *result.complaints)


def _learned(settings: Settings) -> list[str]:
    return [allocator.name for allocator in chosen(settings.allocators) if allocator.policy]
