"""`forward_record`: every account's plan of a week, written down before its first session opens."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.evaluation.forward_record import WeekRecord
from learnfinance_dagster.orchestration.failures import COMPLETED, completed, isolated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import RecordsDoor
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.orchestration.tables import stored_type
from learnfinance_dagster.trading.guard import read_only
from learnfinance_dagster.trading.recording import remember
from learnfinance_dagster.values import OrderPlan

NAME = "forward_record"


def forward_record_asset(accounts: Sequence[str]) -> dg.AssetsDefinition:
    """The asset over every account's plan. No order waits for it, and its failure is a line in the report."""

    @dg.asset(
        name=NAME,
        description=(
            "Proof of what was planned when: the live plans of all accounts, hashed and chained to the week before"
            " (`make verify-record`). The hash is in the e-mail, so that nobody can plan better afterwards. A past week"
            " of a simulated market is recorded after its open, and says so. Dry runs record nothing."
        ),
        ins={f"{account}_order_plan": dg.AssetIn() for account in accounts},
        partitions_def=WEEKLY,
        group_name="trading",
        owners=["team:trading"],
        kinds={"json"},
        dagster_type=stored_type("WeekRecord", WeekRecord),
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=NAME)],
    )
    def forward_record(
        context: dg.AssetExecutionContext,
        floor: dg.ResourceParam[TradingFloor],
        records: dg.ResourceParam[RecordsDoor],
        **plans: OrderPlan,
    ) -> dg.MaterializeResult:
        week, why_not = week_from_key(context.partition_key), read_only(floor.facts(context))
        outcome = isolated(
            context,
            lambda: remember(records.open(), week, plans.values(), floor.clock, read_only=why_not),
            lambda failure: WeekRecord(week.key, failure=failure),
        )
        return dg.MaterializeResult(
            value=outcome.value,
            metadata=_metadata(outcome.value),
            check_results=[completed({week.key: outcome})],
        )

    return forward_record


def _metadata(record: WeekRecord) -> dict[str, Any]:
    if record.link is None or record.recorded_at is None or record.made is None:
        return {"recorded": record.failure or "nothing: no live plan"}
    return {
        "recorded": record.recorded_at.isoformat(),
        "made": record.made.value,
        "sha256": record.link.sha256,
        "after": f"{record.after.week} {record.after.sha256}" if record.after else "none: the first of its chain",
        "entry_of_week": record.link.sequence,
        "accounts": ", ".join(record.accounts),
    }
