"""What the report tells of the evidence: one line a name, beside the weights."""

from typing import Any

import pandas as pd

from learnfinance_dagster.orchestration.handles import Sources
from learnfinance_dagster.ports import Coverage
from learnfinance_dagster.reporting.evidence import EvidenceSummary, NameEvidence
from learnfinance_dagster.signals.halal_screen import disagreements
from learnfinance_dagster.signals.sentiment import FAILED

FRAMES = ("news_coverage", "news_sentiment", "fundamentals", "halal_screen")
"""Assets that the summary is made of."""
SHOWN = 3
"""Reasons that the report tells; the others are in the metadata of `news_coverage`."""
MANY = 0.2
"""Share of names without filings above which the report says why."""


def evidence_summary(found: dict[str, Any], names: list[str], sources: Sources) -> EvidenceSummary:
    """The week's signals of the screened names, and how far the evidence reaches."""
    coverage, sentiment, ratios, screen = (found[name] for name in FRAMES)
    table = (
        pd.DataFrame({"symbol": names})
        .merge(sentiment.assign(scoring_failed=_broken(sentiment)).drop(columns="reason"), on="symbol", how="left")
        .merge(ratios.drop(columns=["week", "reason", "available_on"]), on="symbol", how="left")
        .merge(screen.drop(columns="week"), on="symbol", how="left")
    )
    differing = disagreements(screen)
    return EvidenceSummary(
        news_source=sources.news.name,
        filings_source=", ".join(sorted(set(ratios["source"]) - {""})) or sources.filings.name,
        model=sentiment["model"].iloc[0] if len(sentiment) else sources.model.name,
        names=tuple(_of_name(row) for row in table.to_dict("records")),
        not_fetched_share=float((coverage["state"] == Coverage.NOT_FETCHED).mean()) if len(coverage) else 0.0,
        disagreements=tuple(zip(differing["symbol"], differing["reason"], strict=True)),
        unknown=int((screen["verdict"] == "unknown").sum()),
        failures=_failures(coverage, sentiment, ratios),
    )


def _of_name(row: dict[Any, Any]) -> NameEvidence:
    known = {name: value for name, value in row.items() if not pd.isna(value)}

    def figure(column: str) -> float | None:
        return float(known[column]) if column in known else None

    return NameEvidence(
        symbol=known["symbol"],
        sentiment=figure("sentiment"),
        scoring_failed=bool(known.get("scoring_failed", False)),
        articles=int(known.get("article_count", 0)),
        insufficient_news=bool(known.get("insufficient_news", True)),
        days_missing=int(known.get("days_missing", 0)),
        headline=known.get("headline", ""),
        headline_score=figure("headline_score"),
        headline_at=known["headline_at"].to_pydatetime() if "headline_at" in known else None,
        publisher=known.get("headline_publisher", ""),
        gross_margin=figure("gross_margin_ttm"),
        operating_margin=figure("operating_margin_ttm"),
        net_margin=figure("net_margin_ttm"),
        current_ratio=figure("current_ratio"),
        debt_to_equity=figure("debt_to_equity"),
        fundamental_age=figure("fundamental_age"),
        filed_on=known.get("available_on"),
        screen=known.get("verdict", ""),
        screen_reason=known.get("reason", ""),
    )


def _broken(sentiment: pd.DataFrame) -> "pd.Series[bool]":
    """Rows that the model's failure left without a score: neither news nor their absence explains it."""
    return sentiment["reason"].str.startswith(FAILED)


def _failures(coverage: pd.DataFrame, sentiment: pd.DataFrame, ratios: pd.DataFrame) -> tuple[str, ...]:
    """What a person should mend: a source that did not answer, a model that failed, companies without filings."""
    missing = coverage.loc[coverage["state"] == Coverage.NOT_FETCHED, "reason"].value_counts()
    found = [f"news of {n} of {len(coverage)} (day, name) pairs: {why}" for why, n in missing.head(SHOWN).items()]
    found += [f"no article was scored: {why}" for why in sentiment.loc[_broken(sentiment), "reason"].unique()[:1]]
    unfiled = ratios[ratios["available_on"].isna()]
    if len(unfiled) > MANY * len(ratios):
        found.append(f"filings of {len(unfiled)} of {len(ratios)} names: {unfiled['reason'].iloc[0]}")
    return tuple(found)
