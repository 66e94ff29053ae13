"""The week's forecasts and their record, as the report tells them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.forecasting.card import card_of
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.forecasting.skill import Skill
from learnfinance_dagster.ports import ModelStore
from learnfinance_dagster.reporting.forecasts import (
    ForecasterNote,
    ForecastSummary,
    NameForecast,
    OneForecast,
    SkillLine,
)
from learnfinance_dagster.signals.sentiment import FAILED


def forecast_summary(
    forecasters: Sequence[Forecaster],
    found: Mapping[str, Any],
    names: Collection[str],
    allocators: Sequence[Allocator],
    store: ModelStore,
) -> ForecastSummary:
    """What the report tells of the week's forecasts.

    Args:
        forecasters: those of the Monday graph.
        found: asset → frame, with `<forecaster>_forecast` of each.
        names: the screened names.
        allocators: whose `reads` say who listens to whom.
        store: where the cards of the versions are.
    """
    frames = [found[f"{forecaster.name}_forecast"] for forecaster in forecasters]
    rows = [frame.set_index("symbol").to_dict("index") for frame in frames]
    notes = tuple(
        _note(forecaster.name, frame, [a.name for a in allocators if f"{forecaster.name}_forecast" in a.reads], store)
        for forecaster, frame in zip(forecasters, frames, strict=True)
    )
    told = tuple(NameForecast(name, tuple(_one(each.get(name, {})) for each in rows)) for name in sorted(names))
    return ForecastSummary(notes, told)


def _note(name: str, frame: pd.DataFrame, readers: Sequence[str], store: ModelStore) -> ForecasterNote:
    failures = frame.loc[frame["reason"].str.startswith(FAILED), "reason"]
    version = max(frame["model_version"], default="")
    card = card_of(store.read(name, version)) if version and store.has(name, version) else None
    judged = card.evaluation if card else None
    table = judged.skill if judged else None
    return ForecasterNote(
        name=name,
        version=version,
        trained_until=card.known_until if card else None,
        failure=failures.iloc[0].removeprefix(FAILED) if len(failures) else "",
        readers=tuple(readers),
        first_week=table.first_week if table else "",
        last_week=table.last_week if table else "",
        weeks=table.model.weeks if table else 0,
        skill=tuple(_line(label, skill) for label, skill in table.rows) if table else (),
        verdict=judged.skill_told.partition(":")[0] if judged else "",  # its numbers stand in the table
    )


def _line(label: str, skill: Skill) -> SkillLine:
    return SkillLine(label, skill.mse, skill.rank_ic, skill.rank_ic_se, skill.hit_rate, skill.hit_rate_se)


def _one(row: Mapping[str, Any]) -> OneForecast:
    value = row.get("weekly_return")
    reason = str(row.get("reason", "it was not asked for")).removeprefix(FAILED)
    return OneForecast(None if value is None or pd.isna(value) else float(value), row.get("direction", ""), reason)
