"""Stage universe: who may be held, and why."""

from collections.abc import Sequence

import dagster as dg
import pandas as pd

from learnfinance_dagster.calendar import new_york_day
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import MarketDoor, Parameters
from learnfinance_dagster.orchestration.partitions import HISTORY_WEEKS, WEEKLY, history, weeks_of
from learnfinance_dagster.orchestration.tables import column_schema, markdown
from learnfinance_dagster.returns import History
from learnfinance_dagster.schemas.artifacts import HalalUniverse, ScreenedUniverse
from learnfinance_dagster.trading.holdings import held_before
from learnfinance_dagster.universe.halal import halal_universe as merge_holdings
from learnfinance_dagster.universe.screen import Evidence
from learnfinance_dagster.universe.screen import screened_universe as screen

SHOWN = 16
"""Rows of a table in the UI; the rest is in the file."""


@dg.asset(
    partitions_def=WEEKLY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="universe",
    owners=["team:universe"],
    kinds={"parquet", "pandas"},
    metadata={"dagster/column_schema": column_schema(HalalUniverse)},
)
def halal_universe(
    context: dg.AssetExecutionContext,
    market: dg.ResourceParam[MarketDoor],
    parameters: dg.ResourceParam[Parameters],
) -> pd.DataFrame:
    """The names that halal funds held, as far as that was known at the decision.

    One row each, with the largest weight in any fund, the funds, and the reason where a name is left out. Distrust
    it when `holdings_age_days` is large: the newest holdings known then were old.
    """
    frames = []
    with translated(context):
        source = market.open()
        for week in weeks_of(context):
            known = source.holdings(parameters.universe.funds, week.as_of)
            today = new_york_day(week.as_of)
            merged = merge_holdings(known, frozenset(parameters.universe.blocked), today)
            frames.append(merged.assign(week=week.key))
    out = pd.concat(frames, ignore_index=True)
    newest = out[out["week"] == frames[-1]["week"].iloc[0]] if len(frames[-1]) else out.iloc[:0]
    may = newest[newest["excluded"] == ""]
    context.add_output_metadata(
        {
            "dagster/row_count": len(out),
            "names": len(may),
            "excluded": len(newest) - len(may),
            "holdings_age_days": int(newest["age_days"].min()) if len(newest) else -1,
            "survivorship": _survivorship(source.info.caveats),
            "table": markdown(
                ["symbol", "max weight %", "funds", "excluded because"],
                newest[["symbol", "max_weight", "sources", "excluded"]].head(SHOWN).itertuples(index=False),
            ),
        }
    )
    return out


def _survivorship(caveats: tuple[str, ...]) -> str:
    return "; ".join(text for text in caveats if text.startswith("survivorship")) or "holdings and membership are dated"


def screened_universe_asset(accounts: Sequence[str]) -> dg.AssetsDefinition:
    """What all allocators may hold; `accounts` are those whose holdings stay candidates."""

    @dg.asset(
        partitions_def=WEEKLY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        ins={"daily_bars": dg.AssetIn(partition_mapping=history())},
        deps=[f"{account}_portfolio" for account in accounts],  # they bring the ledger up to date
        group_name="universe",
        owners=["team:universe"],
        kinds={"parquet", "pandas"},
        metadata={"dagster/column_schema": column_schema(ScreenedUniverse)},
    )
    def screened_universe(
        context: dg.AssetExecutionContext,
        halal_universe: pd.DataFrame,
        daily_bars: pd.DataFrame,
        market: dg.ResourceParam[MarketDoor],
        floor: dg.ResourceParam[TradingFloor],
        parameters: dg.ResourceParam[Parameters],
    ) -> pd.DataFrame:
        """What every allocator may hold this week: what accounts hold now, and the best of the halal universe.

        Filtered by history, freshness, index membership, price and dollar volume, ranked by dollar volume; one row per
        candidate, with its reason. Distrust it when `index_membership` is not dated: then only today's winners were
        ever candidates.
        """
        frames = []
        with translated(context):
            source = market.open()
            bars = History(daily_bars)
            for week in weeks_of(context):
                members = source.members(week.as_of)
                evidence = Evidence(
                    halal=halal_universe[halal_universe["week"] == week.key],
                    bars=bars.of(week, HISTORY_WEEKS),
                    members=members,
                    held=held_before(floor.ledger.open(), floor.accounts, week.monday),
                    price_basis=source.info.price_basis,
                )
                frames.append(screen(week, evidence, parameters.universe).assign(week=week.key))
        out = pd.concat(frames, ignore_index=True)
        kept = frames[-1][frames[-1]["kept"]]
        context.add_output_metadata(
            {
                "dagster/row_count": len(out),
                "kept": len(kept),
                "dropped": len(frames[-1]) - len(kept),
                "index_membership": "survivorship: current constituents" if members is None else "dated",
                "table": markdown(
                    ["symbol", "rank", "kept", "reason", "median $ volume, M"],
                    [
                        (row.symbol, row.rank or "", "yes" * row.kept, row.reason, f"{row.dollar_volume / 1e6:.1f}")
                        for row in frames[-1].head(SHOWN).itertuples()
                    ],
                ),
            }
        )
        return out

    return screened_universe
