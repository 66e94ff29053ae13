"""Filings: the statements that were public, their ratios, and the house's own halal screen."""

from datetime import timedelta

import dagster as dg
import numpy as np
import pandas as pd

from assets.gathering import Frames, gathered
from assets.signals.shared import (
    SHOWN,
    TRIED,
    WEEKLY_FRAME,
    names_of,
    of_week,
    spec,
    warned,
)
from learnfinance_dagster.calendar import new_york_day
from learnfinance_dagster.orchestration.failures import COMPLETED, completed
from learnfinance_dagster.orchestration.floor import Shelf
from learnfinance_dagster.orchestration.handles import MarketDoor, Parameters, Sources
from learnfinance_dagster.orchestration.partitions import HISTORY_WEEKS, history, weeks_of
from learnfinance_dagster.orchestration.tables import markdown
from learnfinance_dagster.ports import FilingsAnswer, PriceBasis
from learnfinance_dagster.returns import History
from learnfinance_dagster.schemas.market import Fundamentals
from learnfinance_dagster.signals.filings import newest_filings
from learnfinance_dagster.signals.fundamentals import DAYS_A_QUARTER
from learnfinance_dagster.signals.fundamentals import fundamentals as ratios_of
from learnfinance_dagster.signals.halal_screen import halal_screen as screened
from learnfinance_dagster.signals.market_value import prices_at_filing
from learnfinance_dagster.values import Week

FILINGS, FUNDAMENTALS, SCREEN = "filings", "fundamentals", "halal_screen"
NO_FILINGS = pd.DataFrame(columns=pd.Index(Fundamentals.to_schema().columns))
LATE_SHARE, MISSING_SHARE = 0.1, 0.2
"""Of the names: whose newest filing may be late, and of which none may be known, before the checks warn."""


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec(COMPLETED, asset=FILINGS, description=TRIED),
        dg.AssetCheckSpec("coverage", asset=FILINGS, description="Are filings known of nearly all names?"),
        dg.AssetCheckSpec("stale_filings", asset=FILINGS, description="Is the newest filing of each name recent?"),
    ],
    dagster_type=dg.Any,
    **WEEKLY_FRAME,
    **spec(FILINGS),
)
def filings(
    context: dg.AssetExecutionContext,
    halal_universe: pd.DataFrame,
    sources: dg.ResourceParam[Sources],
    shelf: dg.ResourceParam[Shelf],
    parameters: dg.ResourceParam[Parameters],
) -> dg.MaterializeResult:
    """The newest quarterly statements of each name that were public before the day of the decision.

    A statement counts from the day after it became public: a date has no hour, and most come after the close. A name
    without any has an empty row that says why. Distrust old ones: the check `stale_filings` names them.
    """
    last = weeks_of(context)[-1]

    def asked(weeks: list[Week]) -> Frames:
        source = sources.filings.open(context.log.info)
        names = sorted({name for week in weeks for name in names_of(halal_universe, week)})
        return {FILINGS: _newest(source.filings(names, weeks[-1].as_of), halal_universe, weeks)}

    def nothing(week: Week, why: str) -> Frames:
        missing = dict.fromkeys(names_of(halal_universe, week), why)
        return {FILINGS: _newest(FilingsAnswer(NO_FILINGS, missing), halal_universe, [week])}

    outcome = gathered(context, shelf, (FILINGS,), asked, nothing, says_nothing=_says_nothing)
    found = outcome.value[FILINGS]
    newest = of_week(found, last)
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
            completed({last.key: outcome}),
            _known(newest, last.key),
            _stale(newest, last, parameters.signals.stale_filing_quarters),
        ],
    )


def _says_nothing(frames: Frames) -> bool:
    return bool((frames[FILINGS]["missing"] != "").all())


def _newest(answer: FilingsAnswer, halal_universe: pd.DataFrame, weeks: list[Week]) -> pd.DataFrame:
    """What was public in each week of each name.

    That changes only when something of the name becomes public, so the first state of all names is looked up in one
    go, then the second, and so on.
    """
    day = pd.to_datetime(answer.filings["available_on"]).to_numpy("datetime64[D]").astype(np.int64)
    order = np.argsort(day, kind="stable")
    rows, day = answer.filings.iloc[order].reset_index(drop=True), day[order]
    days = {name: day[places] for name, places in rows.groupby("symbol").indices.items()}
    today = [new_york_day(week.as_of) for week in weeks]
    asked = [
        (week.key, name, int(np.searchsorted(days.get(name, day[:0]), np.datetime64(until, "D").astype(np.int64))))
        for week, until in zip(weeks, today, strict=True)
        for name in names_of(halal_universe, week)
    ]
    states = pd.DataFrame(asked, columns=["week", "symbol", "public"]).drop_duplicates(["symbol", "public"])
    nth, parts = rows.groupby("symbol").cumcount(), [newest_filings(NO_FILINGS, [], today[-1], {})]
    places: dict[tuple[str, int], np.ndarray] = {}
    for _, each in states.groupby(states.groupby("symbol").cumcount()):
        public = dict(zip(each["symbol"], each["public"], strict=True))
        start, known = sum(map(len, parts)), rows[nth < rows["symbol"].map(public).astype(float)]
        parts.append(newest_filings(known, list(public), today[-1], answer.missing))
        found = parts[-1].groupby("symbol").indices
        places |= {(name, count): start + np.asarray(found[name]) for name, count in public.items()}
    told = [places[name, public] for _, name, public in asked]
    keys = np.repeat([week for week, _, _ in asked], [len(each) for each in told])
    every = pd.concat(parts, ignore_index=True).iloc[np.concatenate([np.empty(0, dtype=np.int64), *told])]
    return every.assign(week=pd.array(keys, dtype="str")).reset_index(drop=True)


def _known(newest: pd.DataFrame, week: str) -> dg.AssetCheckResult:
    """Whether filings are missing of many names, and the commonest reason."""
    missing = newest.loc[newest["missing"] != "", "missing"]
    share = len(missing) / max(newest["symbol"].nunique(), 1)
    told = f"of {share:.0%} of the names no filing is known; more than {MISSING_SHARE:.0%} is too much"
    if len(missing):
        told += f". Mostly: {missing.mode()[0]}"
    return warned("coverage", FILINGS, week, passed=share <= MISSING_SHARE, told=told)


def _stale(newest: pd.DataFrame, week: Week, quarters: float) -> dg.AssetCheckResult:
    """Whether many names' newest filing is older than companies may take; names without any are not judged."""
    oldest = new_york_day(week.as_of) - timedelta(days=quarters * DAYS_A_QUARTER)
    last = newest.dropna(subset="available_on").groupby("symbol")["available_on"].max()
    late = [str(symbol) for symbol, day in last.items() if day < oldest]
    told = f"{len(late)} of {len(last)} names: newest filing older than {quarters:g} quarters"
    told += f" ({', '.join(late[:SHOWN])})" if late else ""
    return warned("stale_filings", FILINGS, week.key, passed=len(late) <= LATE_SHARE * len(last), told=told)


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec(COMPLETED, asset=FUNDAMENTALS, description=TRIED),
    ],
    dagster_type=dg.Any,
    **WEEKLY_FRAME,
    **spec(FUNDAMENTALS),
)
def fundamentals(
    context: dg.AssetExecutionContext, filings: pd.DataFrame, shelf: dg.ResourceParam[Shelf]
) -> dg.MaterializeResult:
    """Margins, current ratio and debt to equity of each name's newest public filing, and its age in quarters.

    Single-quarter and trailing-twelve-month margins are kept apart. A ratio that cannot be formed is null, and
    `reason` says why: an item is missing, equity is negative. Nothing is carried over from an older filing.
    """
    last = weeks_of(context)[-1]

    def known(weeks: list[Week]) -> Frames:
        rows = filings[filings["week"].isin([week.key for week in weeks])]
        return {FUNDAMENTALS: ratios_of(rows, _points(rows, weeks))}

    def nothing(week: Week, why: str) -> Frames:
        rows = _empty_rows(of_week(filings, week), why)
        return {FUNDAMENTALS: ratios_of(rows, _points(rows, [week]))}

    outcome = gathered(context, shelf, (FUNDAMENTALS,), known, nothing)
    found = outcome.value[FUNDAMENTALS]
    newest = of_week(found, last)
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
        check_results=[completed({last.key: outcome})],
    )


def _points(filings: pd.DataFrame, weeks: list[Week]) -> pd.DataFrame:
    """The (week, symbol) pairs of stored filings, with the New York day of each decision."""
    days = {week.key: new_york_day(week.as_of) for week in weeks}
    pairs = filings[["week", "symbol"]].drop_duplicates(ignore_index=True)
    return pairs.assign(today=pairs["week"].map(days).astype(object))


def _empty_rows(filings: pd.DataFrame, why: str) -> pd.DataFrame:
    """One row without a statement for every name, as if nothing had been filed."""
    rows = filings[["week", "symbol"]].drop_duplicates(ignore_index=True)
    return rows.reindex(columns=filings.columns).assign(missing=why, source="")


@dg.asset(
    ins={"daily_bars": dg.AssetIn(partition_mapping=history())},
    check_specs=[dg.AssetCheckSpec(COMPLETED, asset=SCREEN, description=TRIED)],
    dagster_type=dg.Any,
    **WEEKLY_FRAME,
    **spec(SCREEN),
)
def halal_screen(
    context: dg.AssetExecutionContext,
    filings: pd.DataFrame,
    daily_bars: pd.DataFrame,
    market: dg.ResourceParam[MarketDoor],
    shelf: dg.ResourceParam[Shelf],
    parameters: dg.ResourceParam[Parameters],
) -> dg.MaterializeResult:
    """The house's own ratio screen, beside what the halal funds do: pass, fail or unknown, with each ratio.

    It decides nothing: who may be held is decided by the funds. It shows where a name that funds hold carries more
    debt, cash or receivables than the usual thresholds. Unknown means that the filing lacks an item.
    """
    last = weeks_of(context)[-1]

    def judged(week: Week, statements: pd.DataFrame) -> pd.DataFrame:
        prices = None
        if parameters.signals.halal_basis == "market_value":
            is_as_traded = market.open().info.price_basis is PriceBasis.AS_TRADED
            bars = History(daily_bars).of(week, HISTORY_WEEKS)
            prices = prices_at_filing(bars, statements) if is_as_traded else None
        today = new_york_day(week.as_of)
        return screened(statements, today, prices, parameters.signals).assign(week=week.key)

    def every(weeks: list[Week]) -> Frames:
        return {SCREEN: pd.concat([judged(week, of_week(filings, week)) for week in weeks], ignore_index=True)}

    def nothing(week: Week, why: str) -> Frames:
        return {SCREEN: judged(week, _empty_rows(of_week(filings, week), why))}

    outcome = gathered(context, shelf, (SCREEN,), every, nothing)
    found = outcome.value[SCREEN]
    newest = of_week(found, last)
    differing = newest[newest["verdict"] == "fail"]
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
        check_results=[completed({last.key: outcome})],
    )
