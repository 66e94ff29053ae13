"""`<name>_experience`: what a learned allocator saw, wanted and got on one Monday. Its label is in `rewards`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from assets.policies.rewards import percent, reward_asset
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.allocation.rl.experience import Experience, Reward, experience_of
from learnfinance_dagster.allocation.rl.state import state_of, weights_of
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.orchestration.failures import COMPLETED, completed, isolated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts
from learnfinance_dagster.orchestration.labels import Records, experience_name
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.orchestration.tables import markdown, stored_type
from learnfinance_dagster.ports import Ledger
from learnfinance_dagster.values import CASH, FillReport, Mode, OrderPlan, Week

STEPS: dict[str, type] = {"experience": Experience, "reward": Reward}
"""Step after an account's branch → what its asset stores."""


def experience_assets(allocators: Sequence[Allocator]) -> list[dg.AssetsDefinition]:
    """Two assets for every learned allocator among these."""
    learned = [each for each in allocators if each.policy is not None]
    return [make(each) for each in learned for make in (experience_asset, reward_asset)]


def evidence_of(allocator: Allocator) -> dict[str, str]:
    """What an experience is made of: its part → the asset that stores it."""
    if allocator.policy is None:
        msg = f"{allocator.name} learns nothing, so it has no experience"
        raise ConfigurationError(msg)
    steps = {step: f"{allocator.name}_{step}" for step in ("portfolio", "weights", "order_plan", "fills")}
    shared = {name: name for name in ("screened_universe", "state_features")}
    return {**shared, "forecast": f"{allocator.policy.forecaster}_forecast", **steps}


def experience_asset(allocator: Allocator) -> dg.AssetsDefinition:
    """The asset of one registry record."""
    account, name = allocator.name, experience_name(allocator.name)

    @dg.asset(
        name=name,
        description=(
            f"What `{account}` lived through: the state as its policy saw it, the weights that it wanted, and what it"
            " had after the fills, at the first session's open. Pending, with the reason, where nothing was executed or"
            " it is not known yet; once known it stays as it is, whatever runs later."
        ),
        ins={part: dg.AssetIn(asset) for part, asset in evidence_of(allocator).items()},
        partitions_def=WEEKLY,
        group_name="evaluation",
        owners=["team:policies"],
        kinds={"json"},
        dagster_type=stored_type("Experience", Experience),
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=name)],
    )
    def experience(
        context: dg.AssetExecutionContext,
        artifacts: dg.ResourceParam[Artifacts],
        floor: dg.ResourceParam[TradingFloor],
        **evidence: Any,
    ) -> dg.MaterializeResult:
        week = week_from_key(context.partition_key)

        def produce() -> Experience:
            records = Records(artifacts, floor.ledger.open())
            return kept(records, account, week) or lived(account, week, evidence, records.ledger)

        outcome = isolated(
            context,
            produce,
            lambda failure: Experience(account, week.key, "", None, {}, {}, 0.0, 0.0, f"failed: {failure}"),
        )
        return dg.MaterializeResult(
            value=outcome.value,
            metadata=_experience_metadata(outcome.value),
            check_results=[completed({week.key: outcome})],
        )

    return experience


def kept(records: Records, account: str, week: Week) -> Experience | None:
    """A stored experience with executed weights: it is never made again."""
    stored = records.experience(account, week)
    return stored if stored is not None and not stored.pending else None


def lived(account: str, week: Week, evidence: Mapping[str, Any], ledger: Ledger) -> Experience:
    """A week's experience, from what was stored of it (parts as `evidence_of` names them).

    Raises:
        DataError: the evidence contradicts itself.
    """
    screened, plan = evidence["screened_universe"], evidence["order_plan"]
    names = screened.loc[screened["kept"], "symbol"].tolist()
    state = state_of(names, evidence["state_features"], evidence["forecast"], weights_of(evidence["portfolio"]))
    fills = _as_recorded(evidence["fills"], plan, week, ledger)
    return experience_of(account, week.key, state, evidence["weights"], plan, fills)


def _as_recorded(fills: FillReport, plan: OrderPlan, week: Week, ledger: Ledger) -> FillReport:
    """The stored report; where it still waited, with what the ledger learned since."""
    newest = ledger.marks(plan.account, week.monday)[-1:]
    if not fills.pending or plan.mode is not Mode.LIVE or not newest or newest[0].monday != week.monday:
        return fills
    return replace(
        fills,
        fills=ledger.fills(plan.account, week.run_id),
        positions=ledger.positions(plan.account, week.run_id),
        cash=newest[0].cash,
        mark=newest[0],
        pending="",
    )


def _experience_metadata(found: Experience) -> dict[str, Any]:
    forecast = found.state.forecast if found.state else {}
    names = sorted({*forecast, *found.intended, *found.executed}, key=lambda each: (-found.intended.get(each, 0), each))
    rows = [
        (each, percent(forecast.get(each)), percent(found.intended.get(each)), percent(found.executed.get(each)))
        for each in names
    ]
    wanted, had = (1 - sum(weights.values()) if weights else None for weights in (found.intended, found.executed))
    return {
        "pending": found.pending or "nothing",
        "policy": found.version or "none",
        **({} if found.pending else {"turnover": round(found.turnover, 6), "cost": round(found.cost, 8)}),
        "table": markdown(
            ["symbol", "saw forecast", "intended", "executed"], [*rows, (CASH, "", percent(wanted), percent(had))]
        ),
    }
