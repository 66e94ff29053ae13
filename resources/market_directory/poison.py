"""Spoil everything in a market that became known after a moment. What is left the same cannot have looked there."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

import numpy as np
import pandas as pd

from learnfinance_dagster.calendar import NEW_YORK, last_closed_session
from resources.market_directory.load import MarketFrames


class Poison(StrEnum):
    """How the future is spoilt."""

    MISSING = "missing"
    """Numbers become NaN, texts become nonsense."""
    NOISE = "noise"
    """Numbers become seeded noise."""
    SHOCK = "shock"
    """Numbers become ten times what they were."""


NONSENSE = "POISON"
TEXTS = ("symbol", "headline", "summary", "source", "fund", "index")
"""Columns of words. Keys are left where spoiling them would only hide the rows."""


def poisoned(frames: MarketFrames, known_at: datetime, how: Poison, seed: int = 0) -> MarketFrames:
    """A copy of `frames` in which every row that was not public at `known_at` is spoilt.

    Bars and actions are public once their session has closed, holdings and filings from the day after their date,
    members on the day itself, news from its minute on. An index membership that ends later is still open as far as
    anybody knew.
    """
    session, day = last_closed_session(known_at), known_at.astimezone(NEW_YORK).date()
    rng = np.random.default_rng(seed)

    def spoil(frame: pd.DataFrame | None, column: str, *, is_known: "pd.Series[bool] | None") -> pd.DataFrame | None:
        if frame is None or is_known is None:
            return frame
        return _spoilt(frame, ~is_known, how, rng, keep=(column,))

    def before(frame: pd.DataFrame | None, column: str, limit: object, *, included: bool) -> "pd.Series[bool] | None":
        if frame is None:
            return None
        return frame[column] <= limit if included else frame[column] < limit

    return replace(
        frames,
        bars=_spoilt(frames.bars, frames.bars["date"] > session, how, rng, keep=("date", "symbol")),
        actions=spoil(frames.actions, "ex_date", is_known=before(frames.actions, "ex_date", session, included=True)),
        holdings=spoil(frames.holdings, "date", is_known=before(frames.holdings, "date", day, included=False)),
        membership=_forgotten_members(frames.membership, day, how),
        news=spoil(frames.news, "published_at", is_known=before(frames.news, "published_at", known_at, included=True)),
        fundamentals=spoil(
            frames.fundamentals,
            "available_on",
            is_known=before(frames.fundamentals, "available_on", day, included=False),
        ),
    )


def _spoilt(
    frame: pd.DataFrame, rows: "pd.Series[bool]", how: Poison, rng: np.random.Generator, keep: tuple[str, ...]
) -> pd.DataFrame:
    out = frame.copy()
    for column in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[column]):
            values = frame[column].astype("float64")
            out[column] = values.mask(rows, _replacement(values, how, rng))
        elif column in TEXTS and column not in keep and how is Poison.MISSING:
            out[column] = frame[column].mask(rows, NONSENSE)
    return out


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
