"""`drift`: whether the models in use still see, and still do, what they were trained and judged on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

import dagster as dg
import pandas as pd

from assets.policies.drift_findings import (
    forecaster_inputs,
    forecaster_skill,
    policy_inputs,
    policy_skill,
    policy_window,
    realised_rank_ic,
    weekly_excess,
)
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.allocation.equal_weight import EQUAL_WEIGHT
from learnfinance_dagster.allocation.rl.card import PolicyCard, policy_card
from learnfinance_dagster.calendar import week_from_key, week_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.drift import INPUTS, SKILL, DriftFinding, DriftReport, Health, not_measured
from learnfinance_dagster.forecasting.card import Card, card_of
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.forecasting.panel import Panel, panel_of
from learnfinance_dagster.orchestration.failures import isolated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts, Parameters, Training
from learnfinance_dagster.orchestration.labels import Records
from learnfinance_dagster.orchestration.partitions import HISTORY_WEEKS, WEEKLY, history
from learnfinance_dagster.orchestration.tables import markdown, stored_type
from learnfinance_dagster.ports import ModelFiles
from learnfinance_dagster.returns import History
from learnfinance_dagster.schemas.artifacts import FRAMES
from learnfinance_dagster.values import FillReport, TargetWeights, Week

DRIFT = "drift"
"""Name of the asset."""
INPUT_WEEKS = 4
"""Mondays whose names are a policy's recent inputs."""
LOOK_BACK = 2
"""Times the bad weeks in a row that are looked for: so far back the known ones may lie."""
CardType = TypeVar("CardType", Card, PolicyCard)


@dataclass(frozen=True)
class Evidence:
    """What the findings of one Monday are made of."""

    week: Week
    bars: pd.DataFrame
    fills: Mapping[str, FillReport]
    """Of the accounts that are compared, by name."""
    artifacts: Artifacts
    floor: TradingFloor
    training: Training
    parameters: Parameters

    @cached_property
    def panel(self) -> Panel:
        """Bars that the Monday may know."""
        return panel_of(History(self.bars).of(self.week, HISTORY_WEEKS))

    @cached_property
    def records(self) -> Records:
        """What accounts lived through."""
        return Records(self.artifacts, self.floor.ledger.open())

    @property
    def past(self) -> list[Week]:
        """Decisions before this one, oldest first."""
        return self._before(LOOK_BACK * self.parameters.policies.bad_weeks, 1)

    @property
    def lately(self) -> list[Week]:
        """The newest decisions, this one included."""
        return self._before(INPUT_WEEKS - 1, 0)

    def _before(self, first: int, last: int) -> list[Week]:
        return [week_of(self.week.monday - timedelta(weeks=ago)) for ago in range(first, last - 1, -1)]

    def stored(self, weeks: Sequence[Week], *assets: str) -> list[pd.DataFrame]:
        """The frames of some assets, of the weeks for which all of them are stored."""
        keys = [week.key for week in weeks if all(self.artifacts.has(asset, week.key) for asset in assets)]
        return [self.artifacts.read(asset, keys) if keys else FRAMES[asset].empty() for asset in assets]

    def forecast_by(self, asset: str) -> str:
        """The version behind this Monday's forecasts: whatever was put in use since, a traded week's report stays.

        Raises:
            DataError: nobody forecast this Monday.
        """
        rows: pd.DataFrame = self.artifacts.read(asset, [self.week.key])
        versions = sorted(set(rows["model_version"]) - {""})
        if not versions:
            msg = f"nobody forecast this Monday: {next(iter(rows['reason']), 'there was no name')}"
            raise DataError(msg)
        return versions[-1]

    def decided_by(self, account: str) -> str:
        """The version behind this Monday's weights.

        Raises:
            DataError: nobody decided.
        """
        target: TargetWeights = self.artifacts.read(f"{account}_weights", [self.week.key])
        if target.failure:
            msg = f"nobody decided this Monday: {target.failure}"
            raise DataError(msg)
        return target.provenance["policy"]

    def worth(self, account: str) -> dict[date, Decimal]:
        """An account's worth by Monday, at the first open, before that week's trades are paid for.

        What trading costs belongs to the week that it begins, as where policies are judged. A mark that a later run
        recorded is left out, as in the report.
        """
        ledger, first = self.records.ledger, self.past[0].monday
        is_new = self.fills[account].mark is None
        return {
            mark.monday: mark.nav + sum(fill.cost for fill in ledger.fills(account, week_of(mark.monday).run_id))
            for mark in ledger.marks(account, self.week.monday)
            if mark.monday >= first and not (is_new and mark.monday == self.week.monday)
        }


def drift_asset(allocators: Sequence[Allocator], forecasters: Sequence[Forecaster]) -> dg.AssetsDefinition:
    """The asset over every forecaster of the Monday graph and every learned allocator."""
    learned = {each.name: each.policy.forecaster for each in allocators if each.policy is not None}
    forecasting = [each.name for each in forecasters]
    accounts = [EQUAL_WEIGHT.name, *learned] if learned else []
    own = ["state_features", *(f"{name}_weights" for name in learned)] if learned else []
    reads = [f"{name}_forecast" for name in sorted({*forecasting, *learned.values()})]

    @dg.asset(
        name=DRIFT,
        description=(
            "Two findings for every model in use. Skill: has it been worse than the lower end of its own held-out"
            " interval for four weeks in a row (realised rank IC of forecasters, net return beyond equal weight of"
            " policies)? Inputs: have the means and spreads of what it reads left those of its training? Critical ones"
            " ask for a training. One bad month is often luck: about one week in thirty is critical without a reason."
            " What could not be measured says why, and is not called healthy."
        ),
        ins={
            "daily_bars": dg.AssetIn(partition_mapping=history()),
            **{account: dg.AssetIn(f"{account}_fills") for account in accounts},
        },
        deps=["screened_universe", *reads, *own],
        partitions_def=WEEKLY,
        group_name="reporting",
        owners=["team:policies"],
        kinds={"json"},
        dagster_type=stored_type("DriftReport", DriftReport),
        check_specs=[
            dg.AssetCheckSpec(f"{model}_{kind}", asset=DRIFT)
            for model in (*forecasting, *learned)
            for kind in (SKILL, INPUTS)
        ],
    )
    def drift(
        context: dg.AssetExecutionContext,
        daily_bars: pd.DataFrame,
        artifacts: dg.ResourceParam[Artifacts],
        floor: dg.ResourceParam[TradingFloor],
        training: dg.ResourceParam[Training],
        parameters: dg.ResourceParam[Parameters],
        **fills: FillReport,
    ) -> dg.MaterializeResult:
        week = week_from_key(context.partition_key)
        evidence = Evidence(week, daily_bars, fills, artifacts, floor, training, parameters)
        findings = [
            *(each for name in forecasting for each in _of_forecaster(context, evidence, name)),
            *(each for name, forecaster in learned.items() for each in _of_policy(context, evidence, name, forecaster)),
        ]
        report = DriftReport(week.key, tuple(findings))
        return dg.MaterializeResult(
            value=report, metadata=_metadata(report), check_results=[_check(finding) for finding in findings]
        )

    return drift


def _of_forecaster(context: dg.AssetExecutionContext, evidence: Evidence, name: str) -> list[DriftFinding]:
    asset = f"{name}_forecast"

    def in_use() -> tuple[Card, ModelFiles]:
        files = evidence.training.models.open().read(name, evidence.forecast_by(asset))
        return card_of(files), files

    def skill(card: Card, _: ModelFiles) -> DriftFinding:
        (forecasts,) = evidence.stored(evidence.past, asset)
        realised = realised_rank_ic(evidence.panel, evidence.past, forecasts, card.version)
        return forecaster_skill(card, realised, evidence.parameters.policies, evidence.parameters.seed)

    def inputs(card: Card, files: ModelFiles) -> DriftFinding:
        (screened,) = evidence.stored([evidence.week], "screened_universe")
        names = screened.loc[screened["kept"], "symbol"].tolist()
        return forecaster_inputs(card, files, evidence.panel, names, evidence.week)

    return _made(context, name, in_use, {SKILL: skill, INPUTS: inputs})


def _of_policy(context: dg.AssetExecutionContext, evidence: Evidence, name: str, forecaster: str) -> list[DriftFinding]:
    def in_use() -> tuple[PolicyCard, ModelFiles]:
        files = evidence.training.models.open().read(name, evidence.decided_by(name))
        return policy_card(files), files

    def skill(card: PolicyCard, _: ModelFiles) -> DriftFinding:
        lived = [evidence.records.experience(name, week) for week in evidence.past]
        excess = weekly_excess(
            evidence.worth(name), evidence.worth(EQUAL_WEIGHT.name), [week.monday for week in evidence.past]
        )
        own = [
            value if each is not None and each.version == card.version else None
            for each, value in zip(lived, excess, strict=True)
        ]
        return policy_skill(card, own, evidence.parameters.policies.bad_weeks)

    def inputs(card: PolicyCard, files: ModelFiles) -> DriftFinding:
        frames = evidence.stored(evidence.lately, "screened_universe", "state_features", f"{forecaster}_forecast")
        return policy_inputs(card, files, policy_window(*frames))

    return _made(context, name, in_use, {SKILL: skill, INPUTS: inputs})


def _made(
    context: dg.AssetExecutionContext,
    model: str,
    in_use: Callable[[], tuple[CardType, ModelFiles]],
    makers: Mapping[str, Callable[[CardType, ModelFiles], DriftFinding]],
) -> list[DriftFinding]:
    """One finding of each kind, whatever happens: what fails is told as not measured, and stops nobody."""
    found = isolated(context, lambda: in_use(), lambda _: None)  # noqa: PLW0108 - its stand-in is of another type

    def of(kind: str, make: Callable[[CardType, ModelFiles], DriftFinding]) -> DriftFinding:
        if found.value is None:
            return not_measured(model, "", kind, found.failure)
        card, files = found.value
        made = isolated(context, lambda: make(card, files), lambda why: not_measured(model, card.version, kind, why))
        return made.value

    return [of(kind, make) for kind, make in makers.items()]


def _check(finding: DriftFinding) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=f"{finding.model}_{finding.kind}",
        passed=finding.health is Health.HEALTHY,
        severity=dg.AssetCheckSeverity.WARN,
        description=finding.told,
        metadata={"version": finding.version or "none", **finding.figures},
    )


def _metadata(report: DriftReport) -> dict[str, Any]:
    rows = [(each.model, each.kind, each.health.value, each.told) for each in report.findings]
    return {
        "not_healthy": sum(each.health is not Health.HEALTHY for each in report.findings),
        "retrain": ", ".join(sorted({each.model for each in report.findings if each.retrain})) or "none",
        "findings": markdown(["model", "kind", "health", "told"], rows),
    }
