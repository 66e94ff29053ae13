"""`<name>_reward`: the label of a learned allocator's week, once its holding week is over."""

import warnings
from typing import Any

import dagster as dg

from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.allocation.rl.experience import Experience, Reward, from_mark, reward_of
from learnfinance_dagster.calendar import session_close, week_from_key
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor
from learnfinance_dagster.orchestration.labels import Records, experience_name, newest_known, reward_name
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.orchestration.tables import markdown, stored_type
from learnfinance_dagster.ports import Ledger, Market
from learnfinance_dagster.returns import holding_returns
from learnfinance_dagster.values import Week


def percent(value: float | None) -> str:
    """A share or a return for people; empty where there is none."""
    return "" if value is None else f"{value:.2%}"


def reward_asset(allocator: Allocator) -> dg.AssetsDefinition:
    """The asset of one registry record."""
    account = allocator.name

    @dg.asset(
        name=reward_name(account),
        description=(
            f"What came of `{account}`'s experience by the open that ends its holding week: the log return of what it"
            " really held, costs paid. Made by the job `rewards`, never by the Monday run. Pending, with the reason,"
            " until that open and the next Monday's state are known, and where a held name has no return; once labelled"
            " it stays as it is."
        ),
        deps=[dg.AssetDep(experience_name(account), partition_mapping=_this_week_and_next())],
        partitions_def=WEEKLY,
        group_name="evaluation",
        owners=["team:policies"],
        kinds={"json"},
        dagster_type=stored_type("Reward", Reward),
    )
    def reward(
        context: dg.AssetExecutionContext,
        artifacts: dg.ResourceParam[Artifacts],
        floor: dg.ResourceParam[TradingFloor],
        market: dg.ResourceParam[MarketDoor],
    ) -> dg.MaterializeResult:
        with translated(context):
            records = Records(artifacts, floor.ledger.open())
            found = label(records, account, week_from_key(context.partition_key), floor, market.open())
        return dg.MaterializeResult(value=found, metadata=_reward_metadata(found, artifacts))

    return reward


def _this_week_and_next() -> dg.TimeWindowPartitionMapping:
    """Lineage alone: what is read, `label` decides."""
    with warnings.catch_warnings():  # the flag is beta; it only matters for the newest week, which has no next one
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.TimeWindowPartitionMapping(end_offset=1, allow_nonexistent_upstream_partitions=True)


def label(records: Records, account: str, week: Week, floor: TradingFloor, market: Market) -> Reward:
    """The label of a week, the stored one if there is one already.

    How far the market may be looked at: this is never the run that decided the week, so what has closed by the wall
    clock and is in the market source may be known, for simulated and other accounts alike. Only the open of
    `week.next_session` is needed, so the question ends with that session: asked years later, the answer is the same.

    Raises:
        ConfigurationError: the week's experience was never stored; the message says what to run.
    """
    stored = records.reward(account, week)
    if stored is not None and not stored.pending:
        return stored
    experience: Experience = records.artifacts.read(experience_name(account), [week.key])
    next_state, waits = records.next_state(account, week)
    if newest_known(floor.clock(), market.info) < week.next_session:
        waits = f"the holding week ends with the open of {week.next_session}, which is not known yet"
    if waits and not experience.pending:
        return Reward(account, week.key, None, {}, None, waits)
    returns = _returns(records.ledger, account, week, market) if experience.executed else {}
    return reward_of(experience, returns, next_state)


def _returns(ledger: Ledger, account: str, week: Week, market: Market) -> dict[str, float | None]:
    """What each held name brought from the equity mark on, which the ledger recorded, to the next week's first open."""
    positions = ledger.positions(account, week.run_id)
    bars = market.bars(week.sessions[0], week.next_session, session_close(week.next_session))
    found = holding_returns(from_mark(bars, positions, week.sessions[0]), [week])
    return dict(zip(found["symbol"], found["holding_return"], strict=True))


def _reward_metadata(found: Reward, artifacts: Artifacts) -> dict[str, Any]:
    executed = artifacts.read(experience_name(found.allocator), [found.week]).executed
    return {
        "pending": found.pending or "nothing",
        **({} if found.log_return is None else {"log_return": round(found.log_return, 8)}),
        "next_state": "known" if found.next_state else "none",
        "table": markdown(
            ["symbol", "executed", "a week later"],
            [(each, percent(weight), percent(found.next_weights.get(each))) for each, weight in executed.items()],
        ),
    }
