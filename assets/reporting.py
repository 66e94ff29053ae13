"""Stage reporting: the comparison e-mail of a Monday."""

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from assets.reconciliation import NAME as RECONCILIATION
from assets.report_evidence import FRAMES, evidence_summary
from assets.report_forecasts import forecast_summary
from assets.trading import STEPS
from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.allocation.rl.card import policy_card
from learnfinance_dagster.calendar import sessions_back, week_from_key
from learnfinance_dagster.errors import LearnFinanceError
from learnfinance_dagster.forecasting.forecaster import Forecaster
from learnfinance_dagster.orchestration.failures import translated
from learnfinance_dagster.orchestration.floor import TradingFloor
from learnfinance_dagster.orchestration.handles import MarketDoor, Outbox, Parameters, Training
from learnfinance_dagster.orchestration.partitions import WEEKLY
from learnfinance_dagster.orchestration.tables import png, stored_type
from learnfinance_dagster.ports import CAVEAT, Ledger, Market, MarketInfo, ModelStore
from learnfinance_dagster.reporting.content import AccountSection, UniverseSummary, WeeklyReport
from learnfinance_dagster.reporting.evidence import EvidenceSummary
from learnfinance_dagster.reporting.forecasts import ForecastSummary
from learnfinance_dagster.reporting.policies import PolicyLine
from learnfinance_dagster.reporting.post import SENDER
from learnfinance_dagster.trading.desk import FRESH_SESSIONS
from learnfinance_dagster.trading.guard import read_only
from learnfinance_dagster.trading.reconciliation import Reconciliation
from learnfinance_dagster.values import EquityMark, Week

READER = "reader@localhost"
"""The letter in the outbox is addressed to whoever opens it; `weekly_mail` addresses the one that is sent."""


def weekly_report(
    allocators: Sequence[Allocator], forecasters: Sequence[Forecaster], words: Sequence[str] = ("weekly_summary",)
) -> dg.AssetsDefinition:
    """The report waits for every account's branch; a branch that failed is a section that says so.

    Args:
        allocators: who have an account.
        forecasters: of the Monday graph.
        words: assets that put the week into words: `weekly_summary`, and `analyst_notes` where they are wanted.
    """

    @dg.asset(
        name="weekly_report",
        description=(
            "The comparison e-mail: every account's weights beside the news and filings of each name, what forecasters"
            " expect and how good they were, orders and their fate, equity curve and week's return net of costs, what"
            " was skipped and why, and where each number comes from. Written to the outbox as .eml and .html. Paper"
            " trading only; not financial advice."
        ),
        ins=report_inputs(allocators, forecasters) | {name: dg.AssetIn() for name in words},
        partitions_def=WEEKLY,
        group_name="reporting",
        owners=["team:reporting"],
        kinds={"html", "email"},
        dagster_type=stored_type("WeeklyReport", WeeklyReport),
    )
    def report(
        context: dg.AssetExecutionContext,
        market: dg.ResourceParam[MarketDoor],
        floor: dg.ResourceParam[TradingFloor],
        outbox: dg.ResourceParam[Outbox],
        training: dg.ResourceParam[Training],
        parameters: dg.ResourceParam[Parameters],
        **found: Any,
    ) -> dg.MaterializeResult:
        from learnfinance_dagster.reporting.eml import render_eml
        from learnfinance_dagster.reporting.html import render_html

        with translated(context):
            week = week_from_key(context.partition_key)
            content = report_content(week, allocators, forecasters, found, market, floor, training, parameters)
            notes = len(found["analyst_notes"].rows) if "analyst_notes" in words else None
            content = replace(content, words=found["weekly_summary"], notes=notes)
            name = f"weekly-{week.key}"
            if read_only(floor.facts(context)) and floor.keeps("screened_universe", week.key):
                paths = outbox.paths(name)  # the letter of a traded week is the live run's
            else:
                paths = outbox.put(name, render_eml(content, SENDER, (READER,)), render_html(content))
        return dg.MaterializeResult(value=content, metadata=_metadata(content, *paths))

    return report


def report_inputs(allocators: Sequence[Allocator], forecasters: Sequence[Forecaster]) -> dict[str, dg.AssetIn]:
    """Assets that a report is made of: every account's branch, the evidence, the forecasts, and drift."""
    steps = (f"{a.name}_{step}" for a in allocators for step in ("weights", *STEPS))
    forecasts = (f"{each.name}_forecast" for each in forecasters)
    names = (
        *steps,
        "halal_universe",
        "screened_universe",
        *FRAMES,
        *forecasts,
        "drift",
        "forward_record",
        RECONCILIATION,
    )
    return {name: dg.AssetIn() for name in names}


def report_content(
    week: Week,
    allocators: Sequence[Allocator],
    forecasters: Sequence[Forecaster],
    found: dict[str, Any],
    market: MarketDoor,
    floor: TradingFloor,
    training: Training,
    parameters: Parameters,
) -> WeeklyReport:
    """The report without its words; `found` holds what the assets of `report_inputs` stored."""
    readers = tuple(a.name for a in allocators if "state_features" in a.reads)
    ledger, models = floor.ledger.open(), training.models.open()
    sections = tuple(_section(allocator, found, ledger, week.monday) for allocator in allocators)
    halal, screened = found["halal_universe"], found["screened_universe"]
    names = screened.loc[screened["kept"], "symbol"].tolist()
    evidence = evidence_summary(found, names, readers, parameters.signals)
    forecasts = forecast_summary(forecasters, found, names, allocators, models)
    content = _content(week, market.open(), halal, screened, sections, evidence, forecasts, parameters)
    lines = _policies(allocators, sections, models)
    told = (*content.warnings, *_trading_warnings(floor.switch(), found[RECONCILIATION]))
    return replace(content, policies=lines, drift=found["drift"], record=found["forward_record"], warnings=told)


def _content(
    week: Week,
    source: Market,
    halal: pd.DataFrame,
    screened: pd.DataFrame,
    sections: tuple[AccountSection, ...],
    evidence: EvidenceSummary,
    forecasts: ForecastSummary,
    parameters: Parameters,
) -> WeeklyReport:
    is_dated, notes = source.members(week.as_of) is not None, source.notes(week.as_of)
    return WeeklyReport(
        week=week,
        market=replace(source.info, last_session=min(source.info.last_session, week.last_session)),
        initial_cash=parameters.initial_cash,
        universe=_universe(halal, screened),
        accounts=sections,
        evidence=evidence,
        forecasts=forecasts,
        warnings=(
            *_warnings(halal, source.info, parameters, is_dated=is_dated),
            *(note.text for note in notes if note.topic == CAVEAT),
            *_old_prices(sections, week),
        ),
        provenance=(
            ("Software", _versions()),
            *((note.topic.capitalize(), note.text) for note in notes if note.topic != CAVEAT),
        ),
    )


def _metadata(content: WeeklyReport, eml: Path, page: Path) -> dict[str, Any]:
    from learnfinance_dagster.reporting.html import picture
    from learnfinance_dagster.reporting.text import comparison_table, render_text
    from learnfinance_dagster.reporting.wording import subject

    curve = picture(content)
    return {
        "subject": subject(content),
        **({"equity_curves": png(curve)} if curve else {}),
        "eml": dg.MetadataValue.path(str(eml)),
        "html": dg.MetadataValue.path(str(page)),
        "comparison": dg.MetadataValue.md(f"```\n{comparison_table(content)}\n```"),
        "text": dg.MetadataValue.md(f"```\n{render_text(content)}\n```"),
    }


def _section(allocator: Allocator, found: dict[str, Any], ledger: Ledger, monday: date) -> AccountSection:
    name = allocator.name
    steps = {step: found[f"{name}_{step}"] for step in ("weights", *STEPS)}
    marks: tuple[EquityMark, ...] = ledger.marks(name, monday)
    if steps["fills"].mark is None:  # a mark recorded by a later run must not enter the report of this one
        marks = tuple(mark for mark in marks if mark.monday < monday)
    return AccountSection(
        name=name,
        summary=allocator.summary,
        weights=steps["weights"],
        portfolio=steps["portfolio"],
        plan=steps["order_plan"],
        submission=steps["submission"],
        fills=steps["fills"],
        marks=marks,
    )


def _policies(
    allocators: Sequence[Allocator], sections: Sequence[AccountSection], store: ModelStore
) -> tuple[PolicyLine, ...]:
    """Which version decided for each learned allocator, as its weights tell."""
    found = []
    for allocator, section in zip(allocators, sections, strict=True):
        version = section.weights.provenance.get("policy", "")
        if allocator.policy is None:
            continue
        if not version:
            found.append(PolicyLine(allocator.name, "", None, None, "", section.weights.failure))
            continue
        try:
            card = policy_card(store.read(allocator.name, version))
        except LearnFinanceError as error:  # the account has traded by then, and the report must tell of it
            found.append(PolicyLine(allocator.name, version, None, None, "", f"its card cannot be read: {error}"))
            continue
        reason = card.decision.reason if card.decision else ""
        found.append(PolicyLine(allocator.name, version, card.kind, card.serves, reason, ""))
    return tuple(found)


def _universe(halal: pd.DataFrame, screened: pd.DataFrame) -> UniverseSummary:
    newest: dict[str, date] = {}
    for sources, day in zip(halal["sources"], halal["holdings_date"], strict=True):
        for fund in sources.split(","):
            newest[fund] = max(newest.get(fund, day), day)
    held_over = screened["kept"] & screened["reason"].str.startswith("held;")
    return UniverseSummary(
        halal=int((halal["excluded"] == "").sum()),
        screened=int(screened["kept"].sum()),
        held_over=int(held_over.sum()),
        funds=tuple(f"{fund} {day}" for fund, day in sorted(newest.items())),
        excluded=dict(sorted(Tally(reason for reason in halal["excluded"] if reason).items())),
    )


def _warnings(halal: pd.DataFrame, market: MarketInfo, parameters: Parameters, *, is_dated: bool) -> tuple[str, ...]:
    found = []
    if halal.empty:
        found.append("No halal fund's holdings were known at the decision: there is nothing to choose from.")
    elif (age := int(halal["age_days"].min())) > parameters.universe.stale_holdings_days:
        found.append(f"The newest fund holdings known at the decision were {age} days old.")
    if not is_dated and not any(text.startswith("survivorship") for text in market.caveats):
        found.append("survivorship: current constituents")
    return tuple(found)


def _trading_warnings(off: str, found: Reconciliation) -> tuple[str, ...]:
    """What stands between the accounts and their orders, or between the ledger and the brokers."""
    switched = (f"{off[:1].upper()}{off[1:]}: no orders are sent.",) if off else ()
    return (*switched, *(f"Ledger and broker differ: {told}." for told in found.told))


def _old_prices(sections: Sequence[AccountSection], week: Week) -> tuple[str, ...]:
    fresh = sessions_back(week.last_session, FRESH_SESSIONS)
    found = []
    for section in sections:
        stale = [p for p in section.portfolio.positions if p.price_date < fresh]
        if stale:
            names = ", ".join(f"{p.symbol} (price of {p.price_date})" for p in stale)
            found.append(f"{section.name} holds names without recent bars; they cannot be sold: {names}.")
    return tuple(found)


@cache
def _versions() -> str:
    return ", ".join(f"{name} {version(name)}" for name in ("learnfinance-dagster", "dagster", "pyportfolioopt"))
