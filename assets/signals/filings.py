"""Filings: the statements that were public, their ratios, and the house's own halal screen."""

from datetime import timedelta

import dagster as dg
import pandas as pd

from assets.signals.shared import (
    SCHEMA,
    SHOWN,
    WEEKLY_FRAME,
    names_of,
    of_week,
    schema_check,
    spec,
    tolerated,
    warned,
)
from learnfinance_dagster.calendar import NEW_YORK
from learnfinance_dagster.orchestration.failures import COMPLETED, completed
from learnfinance_dagster.orchestration.handles import MarketDoor, Parameters, Sources
from learnfinance_dagster.orchestration.partitions import HISTORY_WEEKS, history, weeks_of
from learnfinance_dagster.orchestration.tables import markdown
from learnfinance_dagster.ports import PriceBasis
from learnfinance_dagster.returns import History
from learnfinance_dagster.schemas.market import Fundamentals
from learnfinance_dagster.signals.filings import newest_filings
from learnfinance_dagster.signals.fundamentals import DAYS_A_QUARTER
from learnfinance_dagster.signals.fundamentals import fundamentals as ratios_of
from learnfinance_dagster.signals.halal_screen import disagreements
from learnfinance_dagster.signals.halal_screen import halal_screen as screened
from learnfinance_dagster.signals.market_value import prices_at_filing
from learnfinance_dagster.values import Week

NO_FILINGS = pd.DataFrame(columns=pd.Index(Fundamentals.to_schema().columns))
LATE_SHARE = 0.1
"""Of the names, whose newest filing may be late or absent before the check warns."""


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec(COMPLETED, asset="filings"),
        dg.AssetCheckSpec("stale_filings", asset="filings"),
    ],
    dagster_type=dg.Any,
    **WEEKLY_FRAME,
    **spec("filings"),
)
def filings(
    context: dg.AssetExecutionContext,
    halal_universe: pd.DataFrame,
    sources: dg.ResourceParam[Sources],
    parameters: dg.ResourceParam[Parameters],
) -> dg.MaterializeResult:
    """The newest quarterly statements of each name that were public before the day of the decision.

    A statement counts from the day after it became public: a date has no hour, and most come after the close. A name
    without any has an empty row that says why. Distrust old ones: the check `stale_filings` names them.
    """
    weeks = weeks_of(context)

    def asked() -> pd.DataFrame:
        source = sources.filings.open(context.log.info)
        names = sorted({name for week in weeks for name in names_of(halal_universe, week)})
        answer = source.filings(names, weeks[-1].as_of)
        return pd.concat(
            [_newest(answer.filings, halal_universe, week, answer.missing) for week in weeks], ignore_index=True
        )

    def nothing(why: str) -> pd.DataFrame:
        [week] = weeks
        names = names_of(halal_universe, week)
        return _newest(NO_FILINGS, halal_universe, week, dict.fromkeys(names, why))

    outcome = tolerated(context, asked, nothing)
    found = outcome.value
    newest = of_week(found, weeks[-1])
    return dg.MaterializeResult(
        value=found,
        metadata={
            "dagster/row_count": len(found),
            "names": int((newest["missing"] == "").groupby(newest["symbol"]).any().sum()),
            "without": int((newest["missing"] != "").sum()),
            "sources": ", ".join(sorted(set(newest["source"]) - {""})) or "none",
            "why_without": markdown(
                ["reason", "names"],
                newest.loc[newest["missing"] != "", "missing"].value_counts().head(SHOWN).items(),
            ),
        },
        check_results=[
            completed({weeks[-1].key: outcome}),
            _stale(newest, weeks[-1], parameters.signals.stale_filing_quarters),
        ],
    )


def _newest(known: pd.DataFrame, halal_universe: pd.DataFrame, week: Week, missing: dict[str, str]) -> pd.DataFrame:
    today = week.as_of.astimezone(NEW_YORK).date()
    return newest_filings(known, names_of(halal_universe, week), today, missing).assign(week=week.key)


def _stale(newest: pd.DataFrame, week: Week, quarters: float) -> dg.AssetCheckResult:
    """Whether many names' newest filing is older than companies may take."""
    oldest = week.as_of.astimezone(NEW_YORK).date() - timedelta(days=quarters * DAYS_A_QUARTER)
    on_time = set(newest.loc[[day is not None and day >= oldest for day in newest["available_on"]], "symbol"])
    late = sorted(set(newest["symbol"]) - on_time)
    share = len(late) / max(newest["symbol"].nunique(), 1)
    told = f"{share:.0%} of the names filed nothing for {quarters:g} quarters; up to {LATE_SHARE:.0%} is tolerated"
    if late:
        told += f": {', '.join(late[:SHOWN])}"
    return warned("stale_filings", "filings", passed=share <= LATE_SHARE, told=told)


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec(COMPLETED, asset="fundamentals"),
        dg.AssetCheckSpec(SCHEMA, asset="fundamentals"),
    ],
    dagster_type=dg.Any,
    **WEEKLY_FRAME,
    **spec("fundamentals"),
)
def fundamentals(context: dg.AssetExecutionContext, filings: pd.DataFrame) -> dg.MaterializeResult:
    """Margins, current ratio and debt to equity of each name's newest public filing, and its age in quarters.

    Single-quarter and trailing-twelve-month margins are kept apart. A ratio that cannot be formed is null, and
    `reason` says why: an item is missing, equity is negative. Nothing is carried over from an older filing.
    """
    weeks = weeks_of(context)

    def nothing(why: str) -> pd.DataFrame:
        return ratios_of(_empty_rows(filings, why), _points(filings, weeks))

    outcome = tolerated(context, lambda: ratios_of(filings, _points(filings, weeks)), nothing)
    found = outcome.value
    newest = of_week(found, weeks[-1])
    clauses = newest["reason"].str.split("; ").explode().str.replace(r" of \d{4}-\d\d-\d\d", "", regex=True)
    ratios = [column for column in newest.columns if newest[column].dtype == "float64"]
    return dg.MaterializeResult(
        value=found,
        metadata={
            "dagster/row_count": len(found),
            "known": markdown(
                ["figure", "names", "median"],
                [(name, int(newest[name].notna().sum()), f"{newest[name].median():.3f}") for name in ratios],
            ),
            "why_null": markdown(["reason", "names"], clauses[clauses != ""].value_counts().head(SHOWN).items()),
        },
        check_results=[completed({weeks[-1].key: outcome}), schema_check("fundamentals", found)],
    )


def _points(filings: pd.DataFrame, weeks: list[Week]) -> pd.DataFrame:
    """The (week, symbol) pairs of stored filings, with the New York day of each decision."""
    days = {week.key: week.as_of.astimezone(NEW_YORK).date() for week in weeks}
    pairs = filings[["week", "symbol"]].drop_duplicates(ignore_index=True)
    return pairs.assign(today=pairs["week"].map(days).astype(object))


def _empty_rows(filings: pd.DataFrame, why: str) -> pd.DataFrame:
    """One row without a statement for every name, as if nothing had been filed."""
    rows = filings[["week", "symbol"]].drop_duplicates(ignore_index=True)
    return rows.reindex(columns=filings.columns).assign(missing=why, source="")


@dg.asset(
    ins={"daily_bars": dg.AssetIn(partition_mapping=history())},
    check_specs=[dg.AssetCheckSpec(COMPLETED, asset="halal_screen")],
    dagster_type=dg.Any,
    **WEEKLY_FRAME,
    **spec("halal_screen"),
)
def halal_screen(
    context: dg.AssetExecutionContext,
    filings: pd.DataFrame,
    halal_universe: pd.DataFrame,
    daily_bars: pd.DataFrame,
    market: dg.ResourceParam[MarketDoor],
    parameters: dg.ResourceParam[Parameters],
) -> dg.MaterializeResult:
    """The house's own ratio screen, beside what the halal funds do: pass, fail or unknown, with each ratio.

    It decides nothing: who may be held is decided by the funds. It shows where a name that funds hold carries more
    debt, cash or receivables than the usual thresholds. Unknown means that the filing lacks an item.
    """
    weeks = weeks_of(context)

    def screen(week: Week, statements: pd.DataFrame) -> pd.DataFrame:
        in_funds = set(names_of(halal_universe, week))
        prices = None
        if parameters.signals.halal_basis == "market_value":
            is_as_traded = market.open().info.price_basis is PriceBasis.AS_TRADED
            bars = History(daily_bars).of(week, HISTORY_WEEKS)
            prices = prices_at_filing(bars, statements) if is_as_traded else None
        today = week.as_of.astimezone(NEW_YORK).date()
        return screened(statements, today, prices, in_funds, parameters.signals).assign(week=week.key)

    def every(statements: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([screen(week, of_week(statements, week)) for week in weeks], ignore_index=True)

    outcome = tolerated(context, lambda: every(filings), lambda why: every(_empty_rows(filings, why)))
    found = outcome.value
    newest = of_week(found, weeks[-1])
    differing = disagreements(newest)
    return dg.MaterializeResult(
        value=found,
        metadata={
            "dagster/row_count": len(found),
            "basis": parameters.signals.halal_basis,
            **{verdict: int((newest["verdict"] == verdict).sum()) for verdict in ("pass", "fail", "unknown")},
            "funds_hold_and_screen_fails": markdown(
                ["symbol", "reason", "filing"],
                differing[["symbol", "reason", "available_on"]].head(SHOWN).itertuples(index=False),
            ),
        },
        check_results=[completed({weeks[-1].key: outcome})],
    )
