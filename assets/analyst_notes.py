"""`analyst_notes`: a few sentences on every screened name. Off unless the settings ask for it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import pandas as pd

from assets.narration import Occasion, worded, words_metadata
from assets.report_forecasts import forecast_summary
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.commentary.notes import AnalystNotes, Brief, note_letters, stance_of
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.orchestration.failures import COMPLETED, completed, isolated
from learnfinance_dagster.orchestration.floor import Shelf
from learnfinance_dagster.orchestration.handles import Training, Writer
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.orchestration.tables import markdown, stored_type
from learnfinance_dagster.reporting.forecasts import ForecastSummary
from learnfinance_dagster.values import Narration

NAME = "analyst_notes"
SURE = 2.0
"""Standard errors by which a rank correlation must be above chance to count as skill."""


def analyst_notes_asset(allocators: Sequence[Allocator], forecasters: Sequence[Forecaster]) -> dg.AssetsDefinition:
    """It waits for every submission, although it reads none: nothing of it may keep orders waiting."""
    forecasts = {f"{each.name}_forecast": dg.AssetIn() for each in forecasters}
    read = ("screened_universe", "technical_features", "news_sentiment")

    @dg.asset(
        name=NAME,
        description=(
            "For every screened name: what the forecasters expect, how its price moved, how its news sounds, and a"
            " stance. Stance and confidence come from tables of forecast, news and the forecasters' skill, never from"
            " words. The sentences are the template's, or a language model's where every one of them fits the facts."
            " No allocator reads this. Not financial advice."
        ),
        ins={name: dg.AssetIn() for name in read} | forecasts,
        deps=[f"{allocator.name}_submission" for allocator in allocators],
        partitions_def=WEEKLY,
        group_name="reporting",
        owners=["team:reporting"],
        kinds={"json"},
        dagster_type=stored_type("AnalystNotes", AnalystNotes),
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=NAME)],
    )
    def analyst_notes(
        context: dg.AssetExecutionContext,
        shelf: dg.ResourceParam[Shelf],
        training: dg.ResourceParam[Training],
        writer: dg.ResourceParam[Writer],
        **found: Any,
    ) -> dg.MaterializeResult:
        week, store = week_from_key(context.partition_key), shelf.artifacts
        occasion = Occasion(
            run_id=week.run_id,
            may_ask=shelf.may_stand_in(context),
            is_final=shelf.floor.keeps("screened_universe", week.key),
            earlier=lambda: store.read(NAME, [week.key]).words if store.has(NAME, week.key) else None,
        )

        def produce() -> AnalystNotes:
            summary = forecast_summary(forecasters, found, _names(found), allocators, training.models.open())
            briefs = [_brief(name, summary, found) for name in _names(found)]
            rows = tuple(stance_of(brief, skilled=_skilled(summary)) for brief in briefs)
            taken = {*_names(found), *(each.name for each in (*allocators, *forecasters))}
            parts = [
                worded(context, writer, lambda letter=letter: letter, _of_part(occasion, number))
                for number, letter in enumerate(note_letters(briefs, rows, taken))
            ]
            return AnalystNotes(week.key, rows, _joined([part.value for part in parts], writer.language.name))

        outcome = isolated(
            context, produce, lambda why: AnalystNotes(week.key, (), Narration((), writer.language.name, why))
        )
        notes = outcome.value
        table = [(row.symbol, row.forecast, row.news, row.stance, row.confidence) for row in notes.rows]
        return dg.MaterializeResult(
            value=notes,
            metadata={
                "names": len(table),
                "stances": markdown(["name", "forecast", "news", "stance", "confidence"], table),
                **words_metadata(notes.words),
            },
            check_results=[completed({week.key: outcome})],
        )

    return analyst_notes


def _names(found: Mapping[str, Any]) -> list[str]:
    screened = found["screened_universe"]
    return sorted(screened.loc[screened["kept"], "symbol"])


def _brief(name: str, summary: ForecastSummary, found: Mapping[str, Any]) -> Brief:
    told = next(each for each in summary.names if each.symbol == name)
    spoken = zip(summary.forecasters, told.forecasts, strict=True)
    technical, news = _row(found["technical_features"], name), _row(found["news_sentiment"], name)
    thin = bool(news.get("insufficient_news", True))
    return Brief(
        symbol=name,
        forecasts={note.name: one.weekly_return for note, one in spoken if one.weekly_return is not None},
        momentum=_figure(technical, "momentum_4w"),
        volatility=_figure(technical, "volatility_21"),
        sentiment=None if thin else _figure(news, "sentiment"),
        articles=int(news.get("article_count", 0)),
        headline=str(news.get("headline", "")),
    )


def _row(frame: pd.DataFrame, name: str) -> dict[Any, Any]:
    rows = frame[frame["symbol"] == name].to_dict("records")
    return rows[0] if rows else {}


def _figure(row: Mapping[Any, Any], column: str) -> float | None:
    value = row.get(column)
    return None if value is None or pd.isna(value) else float(value)


def _skilled(summary: ForecastSummary) -> bool:
    """Whether any forecaster's rank correlation is above chance by more than luck explains."""
    own = [note.skill[0] for note in summary.forecasters if note.skill]
    return any(
        line.rank_ic is not None and line.rank_ic_se is not None and line.rank_ic > SURE * line.rank_ic_se
        for line in own
    )


def _of_part(occasion: Occasion, number: int) -> Occasion:
    """The occasion of one of several letters, whose questions are stored in one line."""

    def earlier() -> Narration | None:
        known = occasion.earlier()
        asked = known.question.split() if known else []
        return replace(known, question=asked[number] if number < len(asked) else "") if known else None

    return replace(occasion, earlier=earlier)


def _joined(parts: Sequence[Narration], writer: str) -> Narration:
    costs = [part.cost for part in parts if part.cost is not None]
    return Narration(
        paragraphs=tuple(paragraph for part in parts for paragraph in part.paragraphs),
        writer=writer,
        failure="; ".join(dict.fromkeys(part.failure for part in parts if part.failure)),
        asked=bool(parts) and all(part.asked for part in parts),
        question=" ".join(part.question or "-" for part in parts),
        input_tokens=sum(part.input_tokens for part in parts),
        output_tokens=sum(part.output_tokens for part in parts),
        cost=sum(costs) if costs else None,
    )
