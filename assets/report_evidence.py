"""What the report tells of the evidence: one line a name, beside the weights."""

from typing import Any

import pandas as pd

from learnfinance_dagster.parameters import SignalParameters
from learnfinance_dagster.ports import Coverage
from learnfinance_dagster.reporting.evidence import EvidenceSummary, NameEvidence
from learnfinance_dagster.signals.sentiment import FAILED

FRAMES = ("news_coverage", "news_sentiment", "fundamentals", "halal_screen")
"""Assets that the summary is made of."""
SHOWN = 3
"""Reasons that the report tells; the others are in the metadata of `news_coverage`."""
MANY = 0.2
"""Share of names without filings above which the report says why."""


def evidence_summary(
    found: dict[str, Any], names: list[str], readers: tuple[str, ...], parameters: SignalParameters
) -> EvidenceSummary:
    """The week's signals of the screened names, how far the evidence reaches, and who reads it."""
    coverage, sentiment, ratios, screen = (found[name] for name in FRAMES)
    unfiled = ratios["reason"].where(ratios["available_on"].isna(), "")
    table = (
        pd.DataFrame({"symbol": names})
        .merge(sentiment.assign(scoring_failed=_broken(sentiment)).drop(columns="reason"), on="symbol", how="left")
        .merge(
            ratios.assign(filing_reason=unfiled).drop(columns=["week", "reason", "available_on"]),
            on="symbol",
            how="left",
        )
        .merge(screen.drop(columns="week"), on="symbol", how="left")
    )
    failing = screen[screen["verdict"] == "fail"]
    verdicts = screen["verdict"].value_counts()
    return EvidenceSummary(
        news_source=", ".join(sorted(set(coverage["source"]))) or "none",
        filings_source=", ".join(sorted(set(ratios["source"]) - {""})) or "none",
        model=sentiment["model"].iloc[0] if len(sentiment) else "none",
        readers=readers,
        names=tuple(_of_name(row) for row in table.to_dict("records")),
        not_fetched_share=float((coverage["state"] == Coverage.NOT_FETCHED).mean()) if len(coverage) else 0.0,
        most_not_fetched=parameters.max_not_fetched,
        news_failures=_why_no_news(coverage),
        basis=parameters.halal_basis,
        passed=int(verdicts.get("pass", 0)),
        failed=int(verdicts.get("fail", 0)),
        unknown=int(verdicts.get("unknown", 0)),
        disagreements=tuple(zip(failing["symbol"], failing["reason"], strict=True)),
        failures=_failures(sentiment, ratios),
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
        filing_reason=known.get("filing_reason", ""),
        screen=known.get("verdict", ""),
        screen_reason=known.get("reason", ""),
    )


def _broken(sentiment: pd.DataFrame) -> "pd.Series[bool]":
    """Rows that the model's failure left without a score: neither news nor their absence explains it."""
    return sentiment["reason"].str.startswith(FAILED)


def _why_no_news(coverage: pd.DataFrame) -> tuple[str, ...]:
    """The commonest reasons why news was not fetched, each with how many days of how many names."""
    missing = coverage[coverage["state"] == Coverage.NOT_FETCHED]
    reasons = missing["reason"].value_counts().head(SHOWN).index
    told = [(why, missing[missing["reason"] == why]) for why in reasons]
    return tuple(f"{why} ({rows['day'].nunique()} days, {rows['symbol'].nunique()} names)" for why, rows in told)


def _failures(sentiment: pd.DataFrame, ratios: pd.DataFrame) -> tuple[str, ...]:
    """What a person should mend: a model that failed, companies without filings."""
    found = [f"no article was scored: {why}" for why in sentiment.loc[_broken(sentiment), "reason"].unique()[:1]]
    unfiled = ratios[ratios["available_on"].isna()]
    if len(unfiled) > MANY * len(ratios):
        why = unfiled["reason"].mode()[0]
        found.append(f"filings of {len(unfiled)} of {len(ratios)} names are missing: {why}")
    return tuple(found)
