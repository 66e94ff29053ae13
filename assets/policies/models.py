"""`<name>_policy`: a candidate trained for a Monday, judged beside the version in use, and perhaps put in use."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pandas as pd

from assets.policies.labelling import label_due
from assets.policies.shared import policy_metadata, workshop
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.allocation.rl.algorithm import PolicySpec
from learnfinance_dagster.allocation.rl.experience import Experience, Reward
from learnfinance_dagster.allocation.rl.outcome import PolicyOutcome
from learnfinance_dagster.calendar import mondays_between, week_from_key, week_of
from learnfinance_dagster.orchestration.failures import COMPLETED, completed, isolated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor, Parameters, Training
from learnfinance_dagster.orchestration.labels import Records
from learnfinance_dagster.orchestration.partitions import TRAINING
from learnfinance_dagster.orchestration.tables import stored_type
from learnfinance_dagster.values import Week


class PolicyConfig(dg.Config):
    """What a run may ask of a training."""

    full: bool = False
    """From random weights on all history, even where a version is in use."""


def policy_asset(allocator: Allocator, spec: PolicySpec, peers: Sequence[PolicySpec]) -> dg.AssetsDefinition:
    """The asset of one learned allocator."""
    name = f"{allocator.name}_policy"

    @dg.asset(
        name=name,
        description=(
            f"{allocator.summary} The first version is trained on all history but the newest weeks; later ones go on"
            " from the version in use with the newest half year (`full: true` in the launchpad begins anew). Each is"
            " judged on weeks that neither it nor anything before it learned from, net of costs, beside the version in"
            " use, HRP and equal weight, and put in use only when it is better beyond chance. Most Sundays it is not,"
            " and that is well. Distrust a promotion that came after many trials."
        ),
        ins={"policy_history": dg.AssetIn()},
        deps=[f"{spec.algorithm.name}_certificate"],
        partitions_def=TRAINING,
        group_name="training",
        owners=["team:policies"],
        kinds={"torch", "json"},
        dagster_type=stored_type("PolicyOutcome", PolicyOutcome),
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=name)],
    )
    def policy(
        context: dg.AssetExecutionContext,
        config: PolicyConfig,
        policy_history: pd.DataFrame,
        market: dg.ResourceParam[MarketDoor],
        artifacts: dg.ResourceParam[Artifacts],
        floor: dg.ResourceParam[TradingFloor],
        training: dg.ResourceParam[Training],
        parameters: dg.ResourceParam[Parameters],
    ) -> dg.MaterializeResult:
        from learnfinance_dagster.allocation.rl.candidate import MadePolicy, PolicyRequest, make_policy

        week = week_from_key(context.partition_key)
        metadata: dict[str, Any] = {}
        shown: list[MadePolicy] = []

        def produce() -> PolicyOutcome:
            labels = label_due(context, [allocator], artifacts, floor, market.open(), week.last_session)
            lived, damaged = lived_before(Records(artifacts, floor.ledger.open()), allocator.name, policy_history, week)
            left_out = {key: why for (_, key), why in labels.items() if why} | damaged
            metadata["weeks_without_a_label"] = "; ".join(f"{key}: {why}" for key, why in left_out.items()) or "none"
            request = PolicyRequest(
                spec=spec,
                week=week,
                rows=policy_history,
                lived=lived,
                peers=peers,
                settings=parameters.policies,
                rules=parameters.allocation,
                costs=parameters.costs,
                seed=parameters.seed,
                full=config.full,
            )
            with workshop(context, training, parameters) as where:
                made = make_policy(request, where)
            shown.append(made)
            return PolicyOutcome(allocator.name, made.card, made.is_cached, "")

        outcome = isolated(
            context, produce, lambda why: PolicyOutcome(allocator.name, None, is_cached=False, failure=why)
        )
        found = outcome.value
        told = isolated(context, lambda: _as_first_told(found, artifacts, name, week), lambda _: found)
        for made in shown:  # from here on it may be in use, and nothing that is only told may hide that
            metadata |= policy_metadata(context, made, _in_use(context, training, allocator.name))
        return dg.MaterializeResult(
            value=told.value,
            metadata={"failure": outcome.failure or "none", **metadata},
            check_results=[completed({week.key: outcome})],
        )

    return policy


def _in_use(context: dg.AssetExecutionContext, training: Training, name: str) -> str:
    """The version in use, for the page."""
    return isolated(
        context, lambda: training.models.open().current(name) or "none", lambda why: f"not known: {why}"
    ).value


def _as_first_told(found: PolicyOutcome, artifacts: Artifacts, asset: str, week: Week) -> PolicyOutcome:
    """A run that made no new version repeats what was told when it was made: its letter stays as it is."""
    stored: PolicyOutcome | None = artifacts.read(asset, [week.key]) if artifacts.has(asset, week.key) else None
    return stored if stored and found.is_cached and stored.card == found.card else found


def lived_before(
    records: Records, account: str, rows: pd.DataFrame, week: Week
) -> tuple[list[tuple[Experience, Reward]], dict[str, str]]:
    """Experience of an account with its labels, of weeks that were over before a Monday's decision.

    Also, by week, what cannot be read: one damaged file keeps no policy from learning from the rest.
    """
    found: list[tuple[Experience, Reward]] = []
    damaged: dict[str, str] = {}
    for monday in mondays_between(min(rows["monday"]), max(rows["monday"])) if len(rows) else ():
        past = week_of(monday)
        if past.next_session > week.last_session:
            continue
        if why := records.damage(account, past):
            damaged[past.key] = f"damaged: {why}"
            continue
        experience, reward = records.experience(account, past), records.reward(account, past)
        if experience is not None and reward is not None and not reward.pending:
            found.append((experience, reward))
    return found, damaged
