"""`walk_forward_forecasts`: for every past week, what the snapshot of the year before would have said."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from assets.forecasting.shared import SKILL_HEADER, device_of, skill_rows
from assets.forecasting.signals import loaded
from learnfinance_dagster.forecasting.card import card_of
from learnfinance_dagster.forecasting.forecaster import Forecaster, Predictor
from learnfinance_dagster.forecasting.panel import Panel, panel_of
from learnfinance_dagster.forecasting.skill import skill_table
from learnfinance_dagster.forecasting.walk_forward import plan, walk_forward_rows
from learnfinance_dagster.forecasting.windows import history_used, windows_at
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.handles import Artifacts, Parameters, Training
from learnfinance_dagster.orchestration.partitions import EVERY, FIRST_SNAPSHOT_YEAR, WEEKLY, history, weeks_of
from learnfinance_dagster.orchestration.tables import column_schema, markdown
from learnfinance_dagster.ports import ModelStore
from learnfinance_dagster.schemas.forecasts import WalkForward
from learnfinance_dagster.symbols import is_index
from learnfinance_dagster.values import Week

FIRST_YEAR_END = date(FIRST_SNAPSHOT_YEAR, 12, 31)


def walk_forward_asset(forecasters: tuple[Forecaster, ...]) -> dg.AssetsDefinition:
    """The asset over all forecasters in use."""

    @dg.asset(
        name="walk_forward_forecasts",
        description=(
            "What each forecaster would have said in every past week, by the yearly snapshot of the year before:"
            " history for training, free of hindsight. `source` names the snapshot, or says `momentum`: before the"
            " first snapshot there is only the last four weeks' mean return. A snapshot that was never made is an error"
            " that says what to run, unless a setting lets something stand in; then `source` tells. Launch it for a"
            " range of weeks."
        ),
        ins={"daily_bars": dg.AssetIn(partition_mapping=history())},
        deps=[dg.AssetDep(f"{each.name}_snapshot", partition_mapping=EVERY) for each in forecasters],
        partitions_def=WEEKLY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="forecasting",
        owners=["team:forecasting"],
        kinds={"torch", "parquet"},
        dagster_type=dg.Any,  # pyright: ignore[reportArgumentType] - Dagster turns it into its own
        metadata={"dagster/column_schema": column_schema(WalkForward)},
    )
    def walk_forward_forecasts(
        context: dg.AssetExecutionContext,
        daily_bars: pd.DataFrame,
        artifacts: dg.ResourceParam[Artifacts],
        training: dg.ResourceParam[Training],
        parameters: dg.ResourceParam[Parameters],
    ) -> dg.MaterializeResult:
        weeks = weeks_of(context)
        with translated(context):
            panel = names_panel(daily_bars)
            found = walked(forecasters, weeks, panel, training.models.open(), parameters, artifacts)
        return dg.MaterializeResult(value=found, metadata=_metadata(found, panel, weeks))

    return walk_forward_forecasts


def names_panel(bars: pd.DataFrame) -> Panel:
    """Bars of everything that can be held."""
    return panel_of(bars[~bars["symbol"].map(is_index)])


def walked(
    forecasters: Sequence[Forecaster],
    weeks: list[Week],
    panel: Panel,
    store: ModelStore,
    parameters: Parameters,
    artifacts: Artifacts,
) -> pd.DataFrame:
    """Rows of `schemas.forecasts.WalkForward`: each forecaster about every name that traded lately.

    Raises:
        ConfigurationError: a snapshot was never made; the message has the command that makes it.
    """
    used = history_used(panel)
    names = {week.key: _traded_lately(panel, used, week) for week in weeks}
    parts = [_of(each, weeks, names, panel, store, parameters, artifacts) for each in forecasters]
    return pd.concat(parts, ignore_index=True)


def _traded_lately(panel: Panel, used: np.ndarray, week: Week) -> list[str]:
    """Names with a bar among the sessions that a forecast of that week looks at."""
    lately = used[:, panel.position(week.last_session)] > 0
    return [symbol for symbol, traded in zip(panel.symbols, lately, strict=True) if traded]


def _of(
    forecaster: Forecaster,
    weeks: list[Week],
    names: dict[str, list[str]],
    panel: Panel,
    store: ModelStore,
    parameters: Parameters,
    artifacts: Artifacts,
) -> pd.DataFrame:
    settings, device = parameters.forecasting, device_of(parameters.forecasting.device)
    planned = plan(weeks, FIRST_YEAR_END, store.versions(forecaster.name), settings.missing_snapshot, forecaster.name)

    def load(version: str) -> tuple[Predictor, date]:
        files = store.read(forecaster.name, version)
        return loaded(forecaster, files, device, artifacts), card_of(files).known_until

    return walk_forward_rows(forecaster.name, planned, names, panel, load)


def _metadata(found: pd.DataFrame, panel: Panel, weeks: list[Week]) -> dict[str, Any]:
    sources = found.groupby(["forecaster", "source"]).size().reset_index(name="rows")
    told: dict[str, Any] = {
        "dagster/row_count": len(found),
        "sources": markdown(["forecaster", "source", "rows"], sources.itertuples(index=False)),
        "without_forecast": int(found["weekly_return"].isna().sum()),
    }
    known = windows_at(panel, weeks, with_targets=True)
    for name, rows in found.groupby("forecaster"):
        answers = rows.set_index(["week", "symbol"])["weekly_return"]
        keys = pd.MultiIndex.from_arrays([known.monday.astype(str), np.array(panel.symbols)[known.name]])
        forecast = answers.reindex(keys).to_numpy()
        judged = ~np.isnan(forecast)
        if judged.any():
            table = skill_table(str(name), forecast[judged], known[judged])
            told[f"skill_{name}"] = markdown(SKILL_HEADER, skill_rows(table))
    return told
