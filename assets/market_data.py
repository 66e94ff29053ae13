"""Stage market_data: bars of the sessions that closed since the Monday before."""

from datetime import date, datetime, timedelta

import dagster as dg
import pandas as pd

from assets.latecomers import with_latecomers
from learnfinance_dagster.calendar import mondays_between, session_close, week_of
from learnfinance_dagster.errors import DataError, LookAheadError
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor
from learnfinance_dagster.orchestration.partitions import FIRST_MONDAY, HISTORY_WEEKS, WEEKLY, weeks_of
from learnfinance_dagster.orchestration.tables import column_schema
from learnfinance_dagster.ports import Market, MarketInfo
from learnfinance_dagster.schemas.artifacts import DailyBars
from learnfinance_dagster.values import Week


@dg.asset(
    partitions_def=WEEKLY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="market_data",
    owners=["team:market-data"],
    kinds={"parquet", "pandas"},
    metadata={"dagster/column_schema": column_schema(DailyBars)},
)
def daily_bars(
    context: dg.AssetExecutionContext,
    market: dg.ResourceParam[MarketDoor],
    artifacts: dg.ResourceParam[Artifacts],
) -> pd.DataFrame:
    """Bars of the sessions that closed since the Monday before, exactly as the source gave them.

    Open, high, low, close and volume, with splits, dividends and delistings on their ex-dates. Missing weeks of the
    history that a Monday needs are fetched in the same go. Distrust it when `price_basis` says
    split_adjusted: ratios are right, but price levels know later splits.
    """
    with translated(context):
        source = market.open()
        asked = weeks_of(context)
        _check_span(source.info, asked)
        missing = _missing_history(asked[0], artifacts, HISTORY_WEEKS)
        bars = _fetch(source, [*missing, *asked])
        is_asked = bars["week"].isin({week.key for week in asked})
        if missing:
            _fill_history(context, artifacts, [week.key for week in missing], bars[~is_asked])
    out = bars[is_asked].reset_index(drop=True)
    context.add_output_metadata(
        {
            "dagster/row_count": len(out),
            "symbols": int(out["symbol"].nunique()),
            "sessions": int(out["date"].nunique()),
            "source": source.info.name,
            "price_basis": source.info.price_basis.value,
            "splits": int((out["split_ratio"] != 1).sum()),
            "dividends": int((out["dividend"] > 0).sum()),
            "weeks_of_history_filled": len(missing),
        }
    )
    return out


def every_bar(
    context: dg.AssetExecutionContext, source: Market, artifacts: Artifacts, last: date, now: datetime
) -> pd.DataFrame:
    """All bars of the market up to the session `last`: stored weeks as they are, weeks that were never stored fetched.

    Sessions that belong to no week's partition at `now`, e.g. on the weekend before a Monday, are fetched and not kept.
    Those before the first partition are left out.

    Raises:
        DataError: the market does not reach from a week before that session to it.
    """
    info = source.info
    mondays = mondays_between(max(info.first_session + timedelta(days=7), FIRST_MONDAY), last + timedelta(days=7))
    weeks = [week for monday in mondays if (week := week_of(monday)).last_session <= last and week.as_of <= now]
    if not weeks or last > info.last_session:
        msg = f"{info.name} holds {info.first_session} to {info.last_session}; weeks of bars up to {last} are needed"
        raise DataError(msg)
    missing = [week for week in weeks if not artifacts.has("daily_bars", week.key)]
    if missing:
        fetched = _fetch(source, missing)
        _fill_history(context, artifacts, [week.key for week in missing], fetched)
    stored = artifacts.read("daily_bars", [week.key for week in weeks])
    first = weeks[-1].last_session + timedelta(days=1)
    newest = source.bars(first, last, session_close(last)) if first <= last else stored.iloc[:0]
    _check_known(source, newest, last)
    return pd.concat([stored.drop(columns="week"), newest], ignore_index=True) if len(newest) else stored


def _check_known(source: Market, bars: pd.DataFrame, last: date) -> None:
    if len(bars) and bars["date"].max() > last:
        msg = f"{source.info.name} gave a bar of {bars['date'].max()} to a question that ends with {last}"
        raise LookAheadError(msg)


def _fill_history(
    context: dg.AssetExecutionContext, artifacts: Artifacts, weeks: list[str], bars: pd.DataFrame
) -> None:
    """Store weeks that this run was not asked for but needs, and tell Dagster that they are there."""
    stored = artifacts.write_weeks("daily_bars", weeks, bars[bars["week"].isin(weeks)])
    for week, rows in stored.items():
        event = dg.AssetMaterialization("daily_bars", partition=week, metadata={"dagster/row_count": rows})
        context.log_event(event)
    context.log.info("filled %d missing weeks of history, from %s", len(weeks), weeks[0])


def _check_span(market: MarketInfo, weeks: list[Week]) -> None:
    """A week that the market does not reach must not pass for a week in which nothing could be bought."""
    for week in (weeks[0], weeks[-1]):
        if not market.first_session <= week.last_session <= market.last_session:
            msg = (
                f"{market.name} holds {market.first_session} to {market.last_session};"
                f" the week {week.key} needs bars up to {week.last_session}"
            )
            raise DataError(msg)


def _missing_history(first: Week, artifacts: Artifacts, count: int) -> list[Week]:
    """Weeks before `first` that were never stored, oldest first."""
    mondays = [first.monday - timedelta(days=7 * n) for n in range(count - 1, 0, -1)]
    weeks = [week_of(monday) for monday in mondays if monday >= FIRST_MONDAY]
    return [week for week in weeks if not artifacts.has("daily_bars", week.key)]


def _fetch(source: Market, weeks: list[Week]) -> pd.DataFrame:
    """One fetch over all weeks, then each session under the first Monday that could know it."""
    first = week_of(weeks[0].monday - timedelta(days=7)).last_session + timedelta(days=1)
    bars = source.bars(first, weeks[-1].last_session, weeks[-1].as_of)
    _check_known(source, bars, weeks[-1].last_session)
    every = mondays_between(weeks[0].monday, weeks[-1].monday)  # a stored week between them keeps its own sessions
    ends = pd.Series(pd.to_datetime([week_of(monday).last_session for monday in every]))
    slot = ends.searchsorted(pd.to_datetime(bars["date"]), side="left")
    keys = pd.Series([monday.isoformat() for monday in every])
    bars = with_latecomers(bars.assign(week=keys.to_numpy()[slot]), source, [week_of(monday) for monday in every])
    return bars.astype({"volume": "float64"})
