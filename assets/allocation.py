"""Stage allocation: one `<allocator>_weights` asset per registry record."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import pandas as pd

from learnfinance_dagster.allocation.allocator import AllocationInputs, Allocator, PolicyInUse, allocate
from learnfinance_dagster.allocation.rl.algorithm import PolicySpec
from learnfinance_dagster.allocation.rl.card import policy_card
from learnfinance_dagster.allocation.rl.state import PolicyState, state_of, weights_of
from learnfinance_dagster.errors import ConfigurationError, DataError
from learnfinance_dagster.in_use import promoted_for
from learnfinance_dagster.orchestration.failures import COMPLETED, Outcome, completed, isolated
from learnfinance_dagster.orchestration.handles import Parameters, Training
from learnfinance_dagster.orchestration.partitions import EVERY, HISTORY_WEEKS, WEEKLY, history, weeks_of
from learnfinance_dagster.orchestration.tables import markdown, stored_type
from learnfinance_dagster.returns import History, total_returns
from learnfinance_dagster.values import CASH, TargetWeights, Week


def weights_assets(allocators: Sequence[Allocator]) -> list[dg.AssetsDefinition]:
    """One asset per allocator; it waits for what the record reads, and for nothing else."""
    return [_weights_asset(allocator) for allocator in allocators]


def _weights_asset(allocator: Allocator) -> dg.AssetsDefinition:
    mappings = {"daily_bars": history()}
    name, policy = f"{allocator.name}_weights", allocator.policy
    own = [f"{allocator.name}_portfolio"] if policy else []

    @dg.asset(
        name=name,
        description=(
            f"{allocator.summary} Target weights after the common constraints: at most 20 % a name, at least 2 % cash"
            " (by default). A name that could not be weighed is listed with its reason. When the check `completed` is"
            " red there are no weights, and the account is left alone this week."
        ),
        ins={key: dg.AssetIn(partition_mapping=mappings.get(key)) for key in (*allocator.reads, *own)},
        deps=[dg.AssetDep(f"{allocator.name}_policy", partition_mapping=EVERY)] if policy else [],
        partitions_def=WEEKLY,
        backfill_policy=None if policy else dg.BackfillPolicy.single_run(),  # a policy reads its account, week by week
        group_name="allocation",
        owners=["team:allocation"],
        kinds={"json", "torch" if policy else "numpy"},
        dagster_type=stored_type("TargetWeights", TargetWeights, dict),
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=name)],
    )
    def weights(
        context: dg.AssetExecutionContext,
        parameters: dg.ResourceParam[Parameters],
        training: dg.ResourceParam[Training],
        **evidence: Any,
    ) -> dg.MaterializeResult:
        bars = History(evidence["daily_bars"]) if "daily_bars" in evidence else None

        def decide(week: Week) -> TargetWeights:
            inputs = _inputs(week, evidence, bars, parameters)
            if policy is not None:
                state, chosen = _state(policy, inputs, evidence), _in_use(policy, week, training)
                inputs = replace(inputs, state=state, policy=chosen)
            return allocate(allocator, inputs, parameters.allocation)

        def of(week: Week) -> Outcome[TargetWeights]:
            return isolated(
                context,
                lambda: decide(week),
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


def _state(policy: PolicySpec, inputs: AllocationInputs, evidence: Mapping[str, Any]) -> PolicyState:
    portfolio = evidence[f"{policy.name}_portfolio"]
    if portfolio.failure:
        msg = f"what the account holds is not known, so its policy is not asked: {portfolio.failure}"
        raise DataError(msg)
    features, forecast = evidence["state_features"], evidence[f"{policy.forecaster}_forecast"]
    return state_of(inputs.symbols, features, forecast, weights_of(portfolio))


def _in_use(policy: PolicySpec, week: Week, training: Training) -> PolicyInUse:
    store = training.models.open()
    card = promoted_for(store, policy.name, week, policy_card)
    if card is None:
        msg = f"no {policy.name} policy had been put in use by {week.key}: run make sunday WEEK={week.key}"
        raise ConfigurationError(msg)
    return PolicyInUse(card, store.read(policy.name, card.version))


def _inputs(week: Week, evidence: Mapping[str, Any], bars: History | None, parameters: Parameters) -> AllocationInputs:
    universe = evidence["screened_universe"]
    kept = universe.loc[(universe["week"] == week.key) & universe["kept"], "symbol"]
    returns = pd.DataFrame()
    if bars is not None:
        known = bars.of(week, HISTORY_WEEKS)
        returns = total_returns(known[known["symbol"].isin(kept)], parameters.allocation.lookback_returns)
    return AllocationInputs(week, tuple(kept), returns, parameters.seed)


def _metadata(target: TargetWeights) -> dict[str, Any]:
    ranked = sorted(target.weights.items(), key=lambda item: -item[1])
    rows: list[tuple[str, ...]] = [
        (symbol, f"{weight:.2%}", f"{target.raw_weights[symbol]:.2%}") for symbol, weight in ranked
    ]
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
