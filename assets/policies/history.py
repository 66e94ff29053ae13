"""`policy_history`: past Mondays as a decision could have seen them, and what each holding week brought."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from assets.forecasting.walk_forward import FIRST_YEAR_END, names_panel, walked
from assets.market_data import every_bar
from learnfinance_dagster.calendar import mondays_between, week_from_key, week_of
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.forecasting.walk_forward import outdated
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor, Parameters, Training
from learnfinance_dagster.orchestration.jobs import POLICY_EVIDENCE
from learnfinance_dagster.orchestration.partitions import EVERY, FIRST_MONDAY, HISTORY_WEEKS, TRAINING
from learnfinance_dagster.orchestration.tables import column_schema, markdown
from learnfinance_dagster.ports import MarketInfo, ModelStore
from learnfinance_dagster.returns import holding_returns
from learnfinance_dagster.schemas.policies import PolicyHistory
from learnfinance_dagster.signals.state import FEATURES
from learnfinance_dagster.values import Week

NAME = "policy_history"
FORECASTS, WEIGHTS = "walk_forward_forecasts", "hrp_weights"
COLUMNS = list(PolicyHistory.to_schema().columns)
FORECASTERS = [column.removesuffix("_forecast") for column in COLUMNS if column.endswith("_forecast")]
KEY = ["week", "symbol"]
NOBODY_KNOWS = {"insufficient_news": 1.0, "news_unknown": 1.0}
"""State of a kept name that has no row, as `state_features` itself says it: nobody looked for its news."""
SUGGESTED_WEEKS = 260
"""What the defaults of a training need: 156 weeks to learn from and 104 to be judged on."""


def policy_history_asset(enabled: Sequence[Forecaster]) -> dg.AssetsDefinition:
    """The asset; `enabled` forecasters speak in it."""

    @dg.asset(
        name=NAME,
        description=(
            "What policies for a Monday learn from: every Monday before it whose universe and signals are stored, the"
            " kept names by rank, what was known of them then, walk-forward forecasts, what HRP would have held, and"
            " the holding week's return where it is over. Missing forecasts are made and stored in the same go."
            " Distrust it where few features or forecasts are known, or where their source is `momentum`. The job"
            " `history` makes more of it."
        ),
        deps=[dg.AssetDep(name, partition_mapping=EVERY) for name in POLICY_EVIDENCE],
        partitions_def=TRAINING,
        group_name="training",
        owners=["team:allocation"],
        kinds={"parquet", "pandas"},
        dagster_type=dg.Any,  # pyright: ignore[reportArgumentType] - Dagster turns it into its own
        metadata={"dagster/column_schema": column_schema(PolicyHistory)},
    )
    def policy_history(
        context: dg.AssetExecutionContext,
        market: dg.ResourceParam[MarketDoor],
        artifacts: dg.ResourceParam[Artifacts],
        floor: dg.ResourceParam[TradingFloor],
        training: dg.ResourceParam[Training],
        parameters: dg.ResourceParam[Parameters],
    ) -> dg.MaterializeResult:
        week = week_from_key(context.partition_key)
        with translated(context):
            source = market.open()
            past = _past(artifacts, week, source.info)
            bars = every_bar(context, source, artifacts, week.last_session, floor.clock())
            forecasts, filled = _forecasts(context, enabled, past, bars, training, parameters, artifacts)
            found = _joined(artifacts, past, bars, forecasts).assign(week=week.key)[COLUMNS]
        return dg.MaterializeResult(value=found, metadata=_metadata(found, forecasts, filled))

    return policy_history


def _past(artifacts: Artifacts, served: Week, market: MarketInfo) -> list[Week]:
    """Mondays before the one served of which a policy's state is stored.

    Raises:
        ConfigurationError: there is none; the message has the command that makes some.
    """
    mondays = mondays_between(FIRST_MONDAY, served.monday - timedelta(days=7))
    needed = ("screened_universe", "state_features")
    past = [week_of(each) for each in mondays if all(artifacts.has(name, each.isoformat()) for name in needed)]
    if past:
        return past
    last = served.monday - timedelta(days=7)
    first_known = market.first_session + timedelta(weeks=HISTORY_WEEKS)
    first = max(FIRST_MONDAY, last - timedelta(weeks=SUGGESTED_WEEKS - 1), first_known)
    first = min(first + timedelta(days=-first.weekday() % 7), last)
    msg = (
        f"no Monday before {served.key} has a stored screened_universe and state_features: run the job `history` for a"
        " range of weeks first, e.g.\ndagster asset materialize -m learnfinance_dagster.definitions --select"
        f" {','.join(POLICY_EVIDENCE)} --partition-range {first}...{last}"
    )
    raise ConfigurationError(msg)


def _forecasts(
    context: dg.AssetExecutionContext,
    enabled: Sequence[Forecaster],
    weeks: list[Week],
    bars: pd.DataFrame,
    training: Training,
    parameters: Parameters,
    artifacts: Artifacts,
) -> tuple[pd.DataFrame, list[Week]]:
    """Walk-forward forecasts of all weeks, stored ones as they are; and the weeks for which they had to be made.

    A stored week is made anew where it lacks a forecaster, which was not enabled then, or where something stood in for
    a snapshot that is there now. No decision reads these rows, so this may happen to weeks that were traded, too.
    """
    names = {each.name for each in enabled}
    if not names & set(FORECASTERS):
        return pd.DataFrame(columns=pd.Index(["week", "symbol", "forecaster", "weekly_return", "source"])), []
    there = [week.key for week in weeks if artifacts.has(FORECASTS, week.key)]
    stored = artifacts.read(FORECASTS, there) if there else pd.DataFrame(columns=pd.Index(["week", "forecaster"]))
    told = stored.groupby("week")["forecaster"].agg(set).to_dict()
    store = training.models.open()
    stale = _stale(stored, names, weeks, store, parameters)
    missing = [week for week in weeks if week in stale or not names <= told.get(week.key, set())]
    if missing:
        made = walked(enabled, missing, names_panel(bars), store, parameters, artifacts)
        keys = [week.key for week in missing]
        for key, rows in artifacts.write_weeks(FORECASTS, keys, made).items():
            event = dg.AssetMaterialization(FORECASTS, partition=key, metadata={"dagster/row_count": rows})
            context.log_event(event)
        context.log.info("made forecasts of %d weeks, from %s; %d anew", len(missing), keys[0], len(stale))
        stored = pd.concat([stored[~stored["week"].isin(keys)], made], ignore_index=True)
    return stored[stored["forecaster"].isin(names & set(FORECASTERS))], missing


def _stale(
    stored: pd.DataFrame, names: set[str], weeks: list[Week], store: ModelStore, parameters: Parameters
) -> set[Week]:
    """Weeks for one of whose forecasters there is a better source now."""
    by_key, missing = {week.key: week for week in weeks}, parameters.forecasting.missing_snapshot
    found: set[Week] = set()
    for name in sorted(names & set(stored["forecaster"])):
        rows = stored[stored["forecaster"] == name].drop_duplicates("week")
        sources = {by_key[key]: source for key, source in zip(rows["week"], rows["source"], strict=True)}
        found |= set(outdated(sources, FIRST_YEAR_END, store.versions(name), missing))
    return found


def _joined(artifacts: Artifacts, weeks: list[Week], bars: pd.DataFrame, forecasts: pd.DataFrame) -> pd.DataFrame:
    """One row per week and kept name; `monday` is the decision."""
    keys = [week.key for week in weeks]
    universe = artifacts.read("screened_universe", keys)
    table = universe.loc[universe["kept"], [*KEY, "rank"]]
    state = artifacts.read("state_features", keys)[[*KEY, *FEATURES]]
    table = table.merge(state, on=KEY, how="left", validate="one_to_one").fillna(NOBODY_KNOWS)
    for name in FORECASTERS:
        rows = forecasts.loc[forecasts["forecaster"] == name, [*KEY, "weekly_return"]]
        answers = rows.rename(columns={"weekly_return": f"{name}_forecast"})
        table = table.merge(answers, on=KEY, how="left", validate="one_to_one")
    table = table.merge(holding_returns(bars, weeks), on=KEY, how="left", validate="one_to_one")
    table["tradable"] = table["tradable"].astype("boolean").fillna(value=False).astype(bool)
    table["hrp_weight"] = _hrp(artifacts, keys, table)
    return table.assign(monday=table["week"].map({week.key: week.monday for week in weeks}).astype(object))


def _hrp(artifacts: Artifacts, weeks: list[str], rows: pd.DataFrame) -> np.ndarray:
    """Per row, the weight in HRP's target: 0 for a name not in it, NaN for a week in which HRP did not run."""
    targets = {week: artifacts.read(WEIGHTS, [week]) for week in weeks if artifacts.has(WEIGHTS, week)}
    ran = {week: target.weights for week, target in targets.items() if not target.failure}
    pairs = zip(rows["week"], rows["symbol"], strict=True)
    return np.array([ran[week].get(symbol, 0.0) if week in ran else np.nan for week, symbol in pairs])


def _metadata(found: pd.DataFrame, forecasts: pd.DataFrame, filled: list[Week]) -> dict[str, Any]:
    kept = forecasts.merge(found[["monday", "symbol"]].assign(week=found["monday"].astype(str)), on=KEY)
    sources = kept.groupby(["forecaster", "source"]).size().reset_index(name="rows")
    shown = [name for name in COLUMNS if name not in ("week", "symbol", "monday", "rank")]
    return {
        "dagster/row_count": len(found),
        "weeks": int(found["monday"].nunique()),
        "first_monday": str(found["monday"].min()),
        "last_monday": str(found["monday"].max()),
        "known": markdown(["column", "known"], [(name, f"{found[name].notna().mean():.1%}") for name in shown]),
        "forecasts_from": markdown(["forecaster", "source", "rows"], sources.itertuples(index=False)),
        "weeks_of_forecasts_made": len(filled),
    }
