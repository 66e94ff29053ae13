"""Analyst notes: what is known of one name, in a few sentences. Stance and confidence come from the tables below.

No word of a note decides anything: the tables read forecast, news and skill, and the prose only tells what they say.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import mean

from learnfinance_dagster.commentary.facts import Claim, Fact, called, change, count, quote, share, tone
from learnfinance_dagster.commentary.paragraphs import Letter, Outline
from learnfinance_dagster.values import Narration

KIND = "notes"
BATCH = 12
"""Names in one question: an answer must fit its tokens."""
FLAT, STRONG = 0.001, 0.01
"""A mean forecast below the first, as a fraction a week, has no direction; one above the second is strong."""
MIXED_NEWS = 0.15
"""A tone below this, either way, has none."""


class View(StrEnum):
    """What one source says of a name."""

    UP = "up"
    DOWN = "down"
    FLAT = "flat"
    UNKNOWN = "unknown"


class Stance(StrEnum):
    """What forecast and news together say."""

    FAVOURABLE = "favourable"
    UNFAVOURABLE = "unfavourable"
    MIXED = "mixed"
    NEUTRAL = "neutral"
    UNCLEAR = "unclear"


class Confidence(StrEnum):
    """How much a stance is worth."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


_PROS = {View.UP: Stance.FAVOURABLE, View.FLAT: Stance.NEUTRAL, View.DOWN: Stance.UNFAVOURABLE}
STANCES: dict[tuple[View, View], Stance] = {
    **{(forecast, View.UNKNOWN): stance for forecast, stance in _PROS.items()},
    **{(View.UNKNOWN, news): Stance.UNCLEAR for news in View},
    (View.UP, View.UP): Stance.FAVOURABLE,
    (View.UP, View.FLAT): Stance.FAVOURABLE,
    (View.UP, View.DOWN): Stance.MIXED,
    (View.FLAT, View.UP): Stance.MIXED,
    (View.FLAT, View.FLAT): Stance.NEUTRAL,
    (View.FLAT, View.DOWN): Stance.MIXED,
    (View.DOWN, View.UP): Stance.MIXED,
    (View.DOWN, View.FLAT): Stance.UNFAVOURABLE,
    (View.DOWN, View.DOWN): Stance.UNFAVOURABLE,
}
"""(forecast, news) → stance."""
CONFIDENCES: dict[tuple[bool, bool, bool], Confidence] = {
    (True, True, True): Confidence.HIGH,
    (True, True, False): Confidence.MEDIUM,
    (True, False, True): Confidence.MEDIUM,
    (True, False, False): Confidence.LOW,
    **{(False, agree, strong): Confidence.LOW for agree in (True, False) for strong in (True, False)},
}
"""(a forecaster has shown skill, forecast and news agree, the forecast is strong) → confidence."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What is known of one name before anybody writes. None is not known."""

    symbol: str
    forecasts: dict[str, float]
    """Forecaster → return over the week."""
    momentum: float | None
    """Return of the last twenty sessions."""
    volatility: float | None
    """A year, as a fraction."""
    sentiment: float | None
    """Tone of the week's articles; None also where they are too few."""
    articles: int
    headline: str


@dataclass(frozen=True, slots=True)
class NameStance:
    """One name's row."""

    symbol: str
    forecast: View
    news: View
    stance: Stance
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class AnalystNotes:
    """All notes of a week: the table, and a paragraph a name in the same order."""

    week: str
    rows: tuple[NameStance, ...]
    words: Narration


def stance_of(brief: Brief, *, skilled: bool) -> NameStance:
    """Stance and confidence of a name, from the tables.

    Args:
        brief: what is known.
        skilled: a forecaster's skill was found to be more than chance.
    """
    expected = mean(brief.forecasts.values()) if brief.forecasts else None
    forecast, news = _view(expected, FLAT), _view(brief.sentiment, MIXED_NEWS)
    strong = expected is not None and abs(expected) >= STRONG
    confidence = CONFIDENCES[skilled, forecast is news, strong]
    return NameStance(brief.symbol, forecast, news, STANCES[forecast, news], confidence)


def note_letters(briefs: Sequence[Brief], rows: Sequence[NameStance], names: Collection[str]) -> tuple[Letter, ...]:
    """The notes as letters of a few names each."""
    outlines = [_outline(brief, row) for brief, row in zip(briefs, rows, strict=True)]
    starts = range(0, len(outlines), BATCH)
    return tuple(
        Letter(f"{KIND}-{number}", tuple(outlines[start : start + BATCH]), names)
        for number, start in enumerate(starts, start=1)
    )


def _view(value: float | None, flat: float) -> View:
    if value is None:
        return View.UNKNOWN
    return View.FLAT if abs(value) < flat else View.UP if value > 0 else View.DOWN


def _outline(brief: Brief, row: NameStance) -> Outline:
    facts = _facts(brief, row)
    key = f"note_{re.sub('[^a-z0-9]', '_', brief.symbol.lower())}"
    about = "what forecasters expect of the name, how its price moved, how its news sounds, and the stance"
    return Outline(key, brief.symbol, about, "it", facts, _draft({fact.name: fact for fact in facts}))


def _facts(brief: Brief, row: NameStance) -> tuple[Fact, ...]:
    facts = [
        called("it.name", brief.symbol),
        called("it.stance", row.stance),
        called("it.confidence", row.confidence),
        count("it.articles", brief.articles, "article", "articles"),
    ]
    if brief.forecasts:
        facts.append(change("it.forecast", mean(brief.forecasts.values()), "forecast", "expects", "expected"))
        facts.append(count("it.forecasters", len(brief.forecasts), "forecaster", "forecasters"))
    if brief.momentum is not None:
        facts.append(change("it.momentum", brief.momentum, "month", "momentum"))
    if brief.volatility is not None:
        facts.append(share("it.volatility", brief.volatility, "volatility", "risk"))
    if brief.sentiment is not None:
        facts.append(tone("it.tone", brief.sentiment, "tone", "news"))
    return (*facts, *quote("it.headline", brief.headline))


def _draft(facts: dict[str, Fact]) -> str:
    said = []
    if "it.forecast" in facts:
        said.append(f"The forecast for {{it.name}} is {_word(facts['it.forecast'])} {{it.forecast}} over the week.")
    else:
        said.append("No forecaster spoke of {it.name} this week.")
    if "it.momentum" in facts:
        said.append(f"Over the past month the price shows {_word(facts['it.momentum'])} {{it.momentum}}.")
    if "it.tone" in facts:
        said.append("The tone of its news is {it.tone}, drawn from {it.articles} articles.")
    if "it.headline" in facts:
        said.append("The headline that moved it reads {it.headline}.")
    said.append("The stance is {it.stance}, held with {it.confidence} confidence.")
    return " ".join(said)


def _word(fact: Fact) -> str:
    return "a gain of" if Claim.UP in fact.claims else "a loss of" if Claim.DOWN in fact.claims else "flat at"
