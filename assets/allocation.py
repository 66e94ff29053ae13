"""Stage allocation: one `<allocator>_weights` asset per registry record."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pandas as pd

from learnfinance_dagster.allocation.allocator import AllocationInputs, Allocator, allocate
from learnfinance_dagster.orchestration.failures import COMPLETED, Outcome, completed, isolated
from learnfinance_dagster.orchestration.handles import Parameters
from learnfinance_dagster.orchestration.partitions import HISTORY_WEEKS, WEEKLY, history, weeks_of
from learnfinance_dagster.orchestration.tables import markdown, stored_type
from learnfinance_dagster.returns import History, total_returns
from learnfinance_dagster.values import CASH, TargetWeights, Week


def weights_assets(allocators: Sequence[Allocator]) -> list[dg.AssetsDefinition]:
    """One asset per allocator; it waits for what the record reads, and for nothing else."""
    return [_weights_asset(allocator) for allocator in allocators]


def _weights_asset(allocator: Allocator) -> dg.AssetsDefinition:
    mappings = {"daily_bars": history()}
    name = f"{allocator.name}_weights"

    @dg.asset(
        name=name,
        description=(
            f"{allocator.summary} Target weights after the common constraints: at most 20 % a name, at least 2 % cash"
            " (by default). A name that could not be weighed is listed with its reason. When the check `completed` is"
            " red there are no weights, and the account is left alone this week."
        ),
        ins={key: dg.AssetIn(partition_mapping=mappings.get(key)) for key in allocator.reads},
        partitions_def=WEEKLY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="allocation",
        owners=["team:allocation"],
        kinds={"json", "numpy"},
        dagster_type=stored_type("TargetWeights", TargetWeights, dict),
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=name)],
    )
    def weights(
        context: dg.AssetExecutionContext, parameters: dg.ResourceParam[Parameters], **evidence: pd.DataFrame
    ) -> dg.MaterializeResult:
        bars = History(evidence["daily_bars"]) if "daily_bars" in evidence else None

        def of(week: Week) -> Outcome[TargetWeights]:
            return isolated(
                context,
                lambda: allocate(allocator, _inputs(week, evidence, bars, parameters), parameters.allocation),
                lambda failure: TargetWeights(allocator.name, week.key, {}, {}, {}, failure),
            )

        outcomes = {week.key: of(week) for week in weeks_of(context)}
        newest = list(outcomes.values())[-1]
        return dg.MaterializeResult(
            value=newest.value if len(outcomes) == 1 else {key: found.value for key, found in outcomes.items()},
            metadata=_metadata(newest.value),
            check_results=[completed(outcomes)],
        )

    return weights


def _inputs(
    week: Week, evidence: dict[str, pd.DataFrame], bars: History | None, parameters: Parameters
) -> AllocationInputs:
    universe = evidence["screened_universe"]
    kept = universe.loc[(universe["week"] == week.key) & universe["kept"], "symbol"]
    returns = pd.DataFrame()
    if bars is not None:
        known = bars.of(week, HISTORY_WEEKS)
        returns = total_returns(known[known["symbol"].isin(kept)], parameters.allocation.lookback_returns)
    return AllocationInputs(week, tuple(kept), returns, parameters.seed)


def _metadata(target: TargetWeights) -> dict[str, Any]:
    ranked = sorted(target.weights.items(), key=lambda item: -item[1])
    rows = [(symbol, f"{weight:.2%}", f"{target.raw_weights[symbol]:.2%}") for symbol, weight in ranked]
    rows += [(CASH, f"{target.cash:.2%}", "")]
    rows += [(symbol, "", reason) for symbol, reason in target.excluded.items()]
    return {
        "names": len(ranked),
        "cash": round(target.cash, 6),
        "largest": round(ranked[0][1], 6) if ranked else 0.0,
        "failure": target.failure or "none",
        "table": markdown(["symbol", "weight", "before constraints"], rows),
        **target.provenance,
    }
