"""Spoil everything in a market that became known after a moment. What is left the same cannot have looked there."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import last_closed_session, last_whole_news_day, new_york_day
from resources.market_directory.days import arrivals_of, micros
from resources.market_directory.load import MarketFrames


class Poison(StrEnum):
    """How the future is spoilt."""

    MISSING = "missing"
    """Numbers become NaN; texts and the names of rows become nonsense."""
    NOISE = "noise"
    """Numbers become seeded noise, and so do texts."""
    SHOCK = "shock"
    """Numbers become ten times what they were, and texts cry disaster."""


NONSENSE = "POISON"
ALARM = "POISON: disaster, fraud, terrible losses and bankruptcy"
"""A reader of tone cannot miss it."""
TEXTS = ("headline", "summary", "source", "text")
"""Columns that are read. They are always spoilt, or a leak of words would pass under two of three futures."""
NAMES = ("symbol", "fund", "index")
"""Columns that name a row. Without their names rows are out of sight, so two of three futures keep them."""
EVER_AFTER = timedelta(days=3650)


def poisoned(frames: MarketFrames, known_at: datetime, how: Poison, seed: int = 0) -> MarketFrames:
    """A copy of `frames` in which every row that was not public at `known_at` is spoilt.

    Bars and actions are public once their session has closed, holdings and filings from the day after their date,
    members on the day itself, news and notes from their minute on; and no row before its `known_at`. An index
    membership that ends later is still open as far as anybody knew, and which days' news would be complete was known of
    no day that was not over.
    """
    session, day = last_closed_session(known_at), new_york_day(known_at)
    rng = np.random.default_rng(seed)

    def spoil(frame: pd.DataFrame | None, column: str, *, is_known: "pd.Series[bool] | None") -> pd.DataFrame | None:
        if frame is None or is_known is None:
            return frame
        return _spoilt(frame, ~is_known, how, rng, keep=(column,))

    def before(frame: pd.DataFrame | None, column: str, limit: object, *, included: bool) -> "pd.Series[bool] | None":
        if frame is None:
            return None
        is_public = frame[column] <= limit if included else frame[column] < limit
        return is_public & _had_arrived(frame, known_at)

    return replace(
        frames,
        bars=_spoilt(
            frames.bars,
            (frames.bars["date"] > session) | ~_had_arrived(frames.bars, known_at),
            how,
            rng,
            keep=("date", "symbol"),
        ),
        actions=spoil(frames.actions, "ex_date", is_known=before(frames.actions, "ex_date", session, included=True)),
        holdings=spoil(frames.holdings, "date", is_known=before(frames.holdings, "date", day, included=False)),
        membership=_forgotten_members(frames.membership, day, how),
        news=spoil(frames.news, "published_at", is_known=before(frames.news, "published_at", known_at, included=True)),
        news_coverage=_forgotten_spans(frames.news_coverage, last_whole_news_day(known_at), how),
        fundamentals=spoil(
            frames.fundamentals,
            "available_on",
            is_known=before(frames.fundamentals, "available_on", day, included=False),
        ),
        notes=spoil(frames.notes, "known_at", is_known=before(frames.notes, "known_at", known_at, included=True)),
    )


def _had_arrived(frame: pd.DataFrame, known_at: datetime) -> "pd.Series[bool]":
    return pd.Series(arrivals_of(frame) <= micros(known_at), index=frame.index)


def _spoilt(
    frame: pd.DataFrame, rows: "pd.Series[bool]", how: Poison, rng: np.random.Generator, keep: tuple[str, ...]
) -> pd.DataFrame:
    out = frame.copy()
    for column in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[column]):
            values = frame[column].astype("float64")
            out[column] = values.mask(rows, _replacement(values, how, rng))
        elif column in TEXTS:
            out[column] = frame[column].mask(rows, _words(frame[column], how, rng))
        elif column in NAMES and column not in keep and how is Poison.MISSING:
            out[column] = frame[column].mask(rows, NONSENSE)
    return out


def _words(texts: "pd.Series[str]", how: Poison, rng: np.random.Generator) -> "pd.Series[str]":
    words = {
        Poison.MISSING: [NONSENSE] * len(texts),
        Poison.NOISE: [f"{NONSENSE} {number}" for number in rng.integers(0, 10**9, len(texts))],
        Poison.SHOCK: [ALARM] * len(texts),
    }
    return pd.Series(words[how], index=texts.index, dtype=texts.dtype)


def _replacement(values: "pd.Series[float]", how: Poison, rng: np.random.Generator) -> "pd.Series[float] | float":
    if how is Poison.MISSING:
        return float("nan")
    if how is Poison.SHOCK:
        return values * 10
    return pd.Series(rng.uniform(0.01, 1000, len(values)), index=values.index)


def _forgotten_members(membership: pd.DataFrame | None, day: object, how: Poison) -> pd.DataFrame | None:
    if membership is None:
        return None
    started = membership["start_date"] <= day
    out = membership.copy()
    ends_later = pd.Series([end is not None and end == end and end > day for end in out["end_date"]], index=out.index)  # noqa: PLR0124 - NaT differs from itself
    out["end_date"] = out["end_date"].mask(ends_later, None)
    if how is Poison.MISSING:
        return out[started].reset_index(drop=True)
    out["symbol"] = out["symbol"].mask(~started, NONSENSE)
    return out


def _forgotten_spans(spans: pd.DataFrame | None, last_whole: date, how: Poison) -> pd.DataFrame | None:
    """Spans end at the newest day that was over, or go on for years; those that start later go, or are another's."""
    if spans is None:
        return None
    later, open_ended = spans["first_day"] > last_whole, spans["last_day"] > last_whole
    out = spans.copy()
    if how is Poison.MISSING:
        out["last_day"] = out["last_day"].mask(open_ended, last_whole)
        return out[~later].reset_index(drop=True)
    out["last_day"] = out["last_day"].mask(open_ended, last_whole + EVER_AFTER)
    out["symbol"] = out["symbol"].mask(later, NONSENSE)
    return out
