"""`<forecaster>_model`: a candidate trained for a Monday, judged beside the version in use, and perhaps put in use."""

from typing import Any

import dagster as dg
import numpy as np

from assets.forecasting.shared import SKILL_HEADER, card_metadata, skill_cells, skill_rows, training_panel, workshop
from assets.forecasting.signals import material_of
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.forecasting.candidate import make_model
from learnfinance_dagster.forecasting.card import Card, Evaluation
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import Artifacts, MarketDoor, Parameters, Training
from learnfinance_dagster.orchestration.partitions import EVERY, TRAINING
from learnfinance_dagster.orchestration.tables import markdown, png, stored_type

SKILL, PLACEBO = "skill", "placebo"
"""Names of the checks."""


def model_asset(forecaster: Forecaster) -> dg.AssetsDefinition:
    """The asset of one registry record."""
    name = f"{forecaster.name}_model"

    @dg.asset(
        name=name,
        description=(
            f"{forecaster.summary} Trained on every session up to the Friday before the Monday it serves, stopped by"
            " the weeks before the newest ones, and judged on the newest weeks, which it never saw, beside the version"
            " in use and four simple rules. It is put in use when it is the first or strictly better, and never when"
            " the check `skill` (worse than forecasting zero) or `placebo` (a training on shuffled targets shows skill:"
            " something leaks) is red. Distrust any skill below two standard errors. The same inputs are not trained"
            " again."
        ),
        deps=[dg.AssetDep("daily_bars", partition_mapping=EVERY)],
        partitions_def=TRAINING,
        group_name="training",
        owners=["team:forecasting"],
        kinds={"torch", "json"},
        dagster_type=stored_type("Card", Card),
        check_specs=[dg.AssetCheckSpec(SKILL, asset=name), dg.AssetCheckSpec(PLACEBO, asset=name)],
    )
    def model(
        context: dg.AssetExecutionContext,
        market: dg.ResourceParam[MarketDoor],
        artifacts: dg.ResourceParam[Artifacts],
        floor: dg.ResourceParam[TradingFloor],
        training: dg.ResourceParam[Training],
        parameters: dg.ResourceParam[Parameters],
    ) -> dg.MaterializeResult:
        week = week_from_key(context.partition_key)
        with translated(context), workshop(context, training, parameters, artifacts) as where:
            panel = training_panel(context, market, artifacts, floor, parameters, week.last_session)
            material = material_of(forecaster, panel, parameters, artifacts, parameters.forecasting.held_out_weeks)
            made = make_model(forecaster, material, week, parameters.forecasting, parameters.seed, where)
            in_use = where.store.current(forecaster.name) or "none"
        judged = made.card.evaluation
        return dg.MaterializeResult(
            value=made.card,
            metadata={
                "cached": made.is_cached,
                "in_use": in_use,
                **(_judgement(made.card, judged) if judged else {}),
                **card_metadata(made.card),
            },
            check_results=_checks(name, judged) if judged else [],
        )

    return model


def _checks(asset: str, judged: Evaluation) -> list[dg.AssetCheckResult]:
    found = {SKILL: (judged.skill_passed, judged.skill_told), PLACEBO: (judged.placebo_passed, judged.placebo_told)}
    return [
        dg.AssetCheckResult(check_name=check, asset_key=asset, passed=passed, description=told)
        for check, (passed, told) in found.items()
    ]


def _judgement(card: Card, judged: Evaluation) -> dict[str, Any]:
    from learnfinance_dagster.forecasting.plots import ic_over_time, skill_picture

    table, rows = judged.skill, skill_rows(judged.skill)
    zero = dict(table.rows)["zero"].mse
    in_use = [(f"in use: {judged.current_version}", *skill_cells(judged.current.model, zero))] if judged.current else []
    weeks = np.array(list(judged.weekly_rank_ic), dtype="datetime64[D]")
    ranked = np.array(list(judged.weekly_rank_ic.values()))
    return {
        "decision": card.decision.reason if card.decision else "none",
        "promoted": card.promoted,
        "held_out": f"{table.first_week} to {table.last_week}",
        "skill": markdown(SKILL_HEADER, [*rows[:1], *in_use, *rows[1:]]),
        "skill_picture": png(skill_picture(table)),
        "rank_ic_over_time": png(ic_over_time(weeks, ranked)),
        "verdict": judged.skill_told,
        "placebo": judged.placebo_told,
    }
