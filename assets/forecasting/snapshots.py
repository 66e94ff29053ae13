"""`<forecaster>_snapshot`: what the forecaster would have been at a year's end, knowing nothing after it."""

from datetime import date

import dagster as dg

from assets.forecasting.shared import card_metadata, training_panel, workshop
from assets.forecasting.signals import material_of
from learnfinance_dagster.calendar import sessions_between
from learnfinance_dagster.forecasting.card import Card
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.forecasting.snapshot import make_snapshot
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor, Parameters, Training
from learnfinance_dagster.orchestration.partitions import EVERY, YEAR_ENDS, year_ends_of
from learnfinance_dagster.orchestration.tables import markdown, stored_type


class SnapshotConfig(dg.Config):
    """How a run treats snapshots that are there already."""

    force: bool = False
    """Train them anew and replace them."""


def snapshot_asset(forecaster: Forecaster) -> dg.AssetsDefinition:
    """The asset of one registry record, partitioned by year-ends."""

    @dg.asset(
        name=f"{forecaster.name}_snapshot",
        description=(
            f"{forecaster.summary} One model per year-end, trained on sessions up to that day only, for forecasts of"
            " the past that never saw their own future: a week uses the newest snapshot strictly before its Monday. One"
            " that is there is kept (run with the config `force: true` to make it anew). It begins with the weights of"
            " the year before where there are any, so launch several years in one run."
        ),
        deps=[dg.AssetDep("daily_bars", partition_mapping=EVERY)],
        partitions_def=YEAR_ENDS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="snapshots",
        owners=["team:forecasting"],
        kinds={"torch", "json"},
        dagster_type=stored_type("Card", Card, dict),
    )
    def snapshot(
        context: dg.AssetExecutionContext,
        config: SnapshotConfig,
        market: dg.ResourceParam[MarketDoor],
        artifacts: dg.ResourceParam[Artifacts],
        floor: dg.ResourceParam[TradingFloor],
        training: dg.ResourceParam[Training],
        parameters: dg.ResourceParam[Parameters],
    ) -> dg.MaterializeResult:
        asked = year_ends_of(context)
        with translated(context), workshop(context, training, parameters, artifacts) as where:
            last = sessions_between(date(asked[-1].year, 12, 1), asked[-1])[-1]
            panel = training_panel(context, market, artifacts, floor, parameters, last)
            made = {}
            for day in asked:
                material = material_of(forecaster, panel.until(day), parameters, artifacts, held_out_weeks=0)
                made[day.isoformat()] = make_snapshot(
                    forecaster, material, day, parameters.forecasting, parameters.seed, where, force=config.force
                )
        rows = [
            (key, "kept" if each.is_cached else "trained", each.card.start or "random weights", len(each.card.history))
            for key, each in made.items()
        ]
        cards = {key: each.card for key, each in made.items()}
        newest = list(cards.values())[-1]
        return dg.MaterializeResult(
            value=newest if len(cards) == 1 else cards,
            metadata={
                **card_metadata(newest),
                "snapshots": markdown(["year-end", "this run", "begun with", "epochs"], rows),
            },
        )

    return snapshot
