"""Labelling in passing: what job `rewards` would do, for a run that is about to learn from experience."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg

from assets.policies.experience import evidence_of, kept, lived
from assets.policies.rewards import label
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.errors import LearnFinanceError, LookAheadError
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts
from learnfinance_dagster.orchestration.labels import Records, experience_name, reward_name, unlabelled
from learnfinance_dagster.ports import Market
from learnfinance_dagster.values import Week


def label_due(
    context: dg.AssetExecutionContext,
    allocators: Sequence[Allocator],
    artifacts: Artifacts,
    floor: TradingFloor,
    market: Market,
    known: date,
) -> dict[tuple[str, str], str]:
    """Label every week that is over and has no label, and tell Dagster what was stored.

    A label that fails stops nobody: the others are made, and the run learns without it.

    Args:
        context: of the step that is about to learn.
        allocators: learned ones.
        artifacts: where experience and labels are.
        floor: for the clock and the ledger.
        market: for prices up to each week's next open.
        known: the newest session that the run may know.

    Returns:
        (account, week) → why there is still no label; empty where there is one now.
    """
    records = Records(artifacts, floor.ledger.open())
    learned = {each.name: each for each in allocators}
    told: dict[tuple[str, str], str] = {}
    for account, week in unlabelled(records, list(learned), known):
        try:
            if kept(records, account, week) is None:
                parts = {
                    part: artifacts.read(asset, [week.key]) for part, asset in evidence_of(learned[account]).items()
                }
                _store(context, artifacts, experience_name(account), week, lived(account, week, parts, records.ledger))
            found = label(records, account, week, floor, market)
            _store(context, artifacts, reward_name(account), week, found)
            told[account, week.key] = found.pending
        except LookAheadError:  # nobody may go on with anything that comes from such a source
            raise
        except LearnFinanceError as error:
            context.log.exception("no label for %s %s", account, week.key)
            told[account, week.key] = f"failed: {error}"
    return told


def _store(context: dg.AssetExecutionContext, artifacts: Artifacts, asset: str, week: Week, value: Any) -> None:
    artifacts.write_weeks(asset, [week.key], {week.key: value})
    context.log_event(
        dg.AssetMaterialization(asset, partition=week.key, metadata={"pending": value.pending or "nothing"})
    )
