"""`<forecaster>_forecast`: next week's return of every screened name."""

from collections.abc import Sequence

import dagster as dg
import numpy as np
import pandas as pd

from assets.forecasting.shared import device_of
from assets.forecasting.signals import loaded
from assets.gathering import gathered
from learnfinance_dagster.errors import LookAheadError
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.forecasting.forecasts import forecast_rows, no_forecasts
from learnfinance_dagster.forecasting.in_use import version_for
from learnfinance_dagster.forecasting.panel import panel_of
from learnfinance_dagster.orchestration.failures import COMPLETED, completed
from learnfinance_dagster.orchestration.floor import Shelf
from learnfinance_dagster.orchestration.handles import Artifacts, Parameters, Training
from learnfinance_dagster.orchestration.partitions import EVERY, HISTORY_WEEKS, WEEKLY, history, weeks_of
from learnfinance_dagster.orchestration.tables import column_schema, markdown
from learnfinance_dagster.returns import History
from learnfinance_dagster.schemas.artifacts import FRAMES
from learnfinance_dagster.values import Week


def forecast_asset(forecaster: Forecaster, reads: Sequence[str]) -> dg.AssetsDefinition:
    """The asset of one registry record; `reads` names signals that must be there before it."""
    name = f"{forecaster.name}_forecast"

    @dg.asset(
        name=name,
        description=(
            f"{forecaster.summary} The model is the version in use at that time; for a past week one that had been"
            " promoted by then, or the yearly snapshot before it: no forecast comes from a model that knows the week"
            " (`model_version` says which). A name with too little history has no forecast, and a reason. When the"
            " check `completed` is red there is none at all. How good they are is told on the page of the model."
        ),
        ins={"daily_bars": dg.AssetIn(partition_mapping=history())},
        deps=[
            *(dg.AssetDep(f"{forecaster.name}_{kind}", partition_mapping=EVERY) for kind in ("model", "snapshot")),
            *reads,
        ],
        partitions_def=WEEKLY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="forecasting",
        owners=["team:forecasting"],
        kinds={"torch", "parquet"},
        dagster_type=dg.Any,  # pyright: ignore[reportArgumentType] - Dagster turns it into its own
        metadata={"dagster/column_schema": column_schema(FRAMES[name])},
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=name)],
    )
    def forecast(
        context: dg.AssetExecutionContext,
        screened_universe: pd.DataFrame,
        daily_bars: pd.DataFrame,
        artifacts: dg.ResourceParam[Artifacts],
        shelf: dg.ResourceParam[Shelf],
        training: dg.ResourceParam[Training],
        parameters: dg.ResourceParam[Parameters],
    ) -> dg.MaterializeResult:
        bars = History(daily_bars)

        def names_of(week: Week) -> list[str]:
            kept = (screened_universe["week"] == week.key) & screened_universe["kept"]
            return sorted(screened_universe.loc[kept, "symbol"])

        def produce(weeks: list[Week]) -> dict[str, pd.DataFrame]:
            return {name: pd.concat([of(week) for week in weeks], ignore_index=True)}

        def of(week: Week) -> pd.DataFrame:
            store = training.models.open()
            card = version_for(store, forecaster.name, week)
            if card.known_until > week.last_session:
                msg = f"{forecaster.name} {card.version} knows {card.known_until}, after the decision of {week.key}"
                raise LookAheadError(msg)
            files = store.read(forecaster.name, card.version)
            predictor = loaded(forecaster, files, device_of(parameters.forecasting.device), artifacts)
            panel = panel_of(bars.of(week, HISTORY_WEEKS))
            return forecast_rows([week], {week.key: names_of(week)}, panel, predictor, card.version)

        def stand_in(week: Week, why: str) -> dict[str, pd.DataFrame]:
            return {name: no_forecasts(week, names_of(week), why)}

        outcome = gathered(context, shelf, (name,), produce, stand_in)
        found = outcome.value[name]
        newest = found[found["week"] == weeks_of(context)[-1].key]
        return dg.MaterializeResult(
            value=found,
            metadata={
                "dagster/row_count": len(found),
                "forecast": int(newest["weekly_return"].notna().sum()),
                "not_forecast": int(newest["weekly_return"].isna().sum()),
                "model_version": ", ".join(sorted(set(newest["model_version"]) - {""})) or "none",
                "table": _table(newest),
            },
            check_results=[completed({weeks_of(context)[-1].key: outcome}, name)],
        )

    return forecast


def _table(rows: pd.DataFrame) -> dg.MetadataValue:
    ranked = rows.sort_values("weekly_return", ascending=False, na_position="last")
    columns = ranked[["symbol", "weekly_return", "direction", "reason"]].itertuples(index=False, name=None)
    cells = [(name, "" if np.isnan(value) else f"{value:+.2%}", *words) for name, value, *words in columns]
    return markdown(["symbol", "next week", "direction", "why not"], cells)
