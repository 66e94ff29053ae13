"""Stage allocation: one `<allocator>_weights` asset per registry record."""

from collections.abc import Sequence

import dagster as dg
import pandas as pd

from learnfinance_dagster.allocation.allocator import AllocationInputs, Allocator, allocate
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.orchestration.failures import COMPLETED, isolated
from learnfinance_dagster.orchestration.handles import Parameters
from learnfinance_dagster.orchestration.partitions import WEEKLY, history
from learnfinance_dagster.orchestration.tables import markdown
from learnfinance_dagster.returns import total_returns
from learnfinance_dagster.values import CASH, TargetWeights, Week

HISTORY_WEEKS = 60


def weights_assets(allocators: Sequence[Allocator]) -> list[dg.AssetsDefinition]:
    """One asset per allocator; it waits for what the record reads, and for nothing else."""
    return [_weights_asset(allocator) for allocator in allocators]


def _weights_asset(allocator: Allocator) -> dg.AssetsDefinition:
    mappings = {"daily_bars": history(HISTORY_WEEKS)}
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
        group_name="allocation",
        owners=["team:allocation"],
        kinds={"json", "numpy"},
        dagster_type=dg.Any,
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=name)],
    )
    def weights(context: dg.AssetExecutionContext, parameters: dg.ResourceParam[Parameters], **evidence: pd.DataFrame
    ) -> dg.MaterializeResult:
        week = week_from_key(context.partition_key)
        outcome = isolated(
            context,
            lambda: allocate(allocator, _inputs(week, evidence, parameters), parameters.allocation),
            lambda failure: TargetWeights(allocator.name, week.key, {}, {}, {}, failure),
        )
        return dg.MaterializeResult(
            value=outcome.value, metadata=_metadata(outcome.value), check_results=[outcome.check()]
        )

    return weights


def _inputs(week: Week, evidence: dict[str, pd.DataFrame], parameters: Parameters) -> AllocationInputs:
    universe = evidence["screened_universe"]
    bars = evidence.get("daily_bars", pd.DataFrame())
    if len(bars):
        known = bars[bars["date"] <= week.last_session].sort_values(["symbol", "date"], kind="stable")
        bars = total_returns(known, parameters.allocation.lookback_returns)
    return AllocationInputs(week, tuple(universe.loc[universe["kept"], "symbol"]), bars, parameters.seed)


def _metadata(target: TargetWeights) -> dict[str, object]:
    ranked = sorted(target.weights.items(), key=lambda item: -item[1])
    rows = [(symbol, f"{weight:.2%}", f"{target.raw_weights[symbol]:.2%}") for symbol, weight in ranked]
    rows += [(CASH, f"{target.cash:.2%}", "")]
    rows += [(symbol, "", reason) for symbol, reason in target.excluded.items()]
    return {
        "names": len(ranked),
        "cash": target.cash,
        "largest": ranked[0][1] if ranked else 0.0,
        "failure": target.failure or "none",
        "table": markdown(["symbol", "weight", "before constraints"], rows),
        **target.provenance,
    }
