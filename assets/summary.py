"""`weekly_summary`: the week in words, for the weekly report."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.narration import Occasion, worded, words_metadata
from assets.reporting import report_content, report_inputs
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.commentary.weekly import weekly_letter
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.orchestration.failures import COMPLETED, completed, translated
from learnfinance_dagster.orchestration.floor import Shelf
from learnfinance_dagster.orchestration.handles import MarketDoor, Parameters, Training, Writer
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.orchestration.tables import stored_type
from learnfinance_dagster.values import Narration

NAME = "weekly_summary"


def weekly_summary_asset(allocators: Sequence[Allocator], forecasters: Sequence[Forecaster]) -> dg.AssetsDefinition:
    """It reads what the report reads, so it comes after every submission, and holds up none."""

    @dg.asset(
        name=NAME,
        description=(
            "The week in words: a paragraph about all accounts, each allocator, each forecaster, the news and the"
            " filings. The template writes it, or a language model where the settings name one. The model only"
            " narrates: it writes prose with slots, figures and names are filled in here, and a paragraph with anything"
            " else in it is the template's. Where a model fails, the template writes all of it and says why."
        ),
        ins=report_inputs(allocators, forecasters),
        partitions_def=WEEKLY,
        group_name="reporting",
        owners=["team:reporting"],
        kinds={"json"},
        dagster_type=stored_type("Narration", Narration),
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=NAME)],
    )
    def weekly_summary(
        context: dg.AssetExecutionContext,
        market: dg.ResourceParam[MarketDoor],
        shelf: dg.ResourceParam[Shelf],
        training: dg.ResourceParam[Training],
        writer: dg.ResourceParam[Writer],
        parameters: dg.ResourceParam[Parameters],
        **found: Any,
    ) -> dg.MaterializeResult:
        week, floor = week_from_key(context.partition_key), shelf.floor
        with translated(context):
            content = report_content(week, allocators, forecasters, found, market, floor, training, parameters)
        occasion = Occasion(
            run_id=week.run_id,
            may_ask=shelf.may_stand_in(context),
            is_final=floor.keeps("screened_universe", week.key),
            earlier=lambda: shelf.artifacts.read(NAME, [week.key]) if shelf.artifacts.has(NAME, week.key) else None,
        )
        outcome = worded(context, writer, lambda: weekly_letter(content), occasion)
        return dg.MaterializeResult(
            value=outcome.value,
            metadata=words_metadata(outcome.value),
            check_results=[completed({week.key: outcome})],
        )

    return weekly_summary
