"""Rows of `news.parquet` as articles: plain text, an id of their own, and the row as it was."""

import json
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pandas as pd

from learnfinance_dagster.schemas.market import News
from learnfinance_dagster.signals.news import clean
from resources.market_directory.days import Micros, news_days_of

_COLUMNS = tuple(News.to_schema().columns)
_json = json.JSONEncoder(ensure_ascii=False).encode
"""Made once: `json.dumps` would make one for every row."""


def told(
    rows: pd.DataFrame, names: npt.NDArray, moments: Micros
) -> tuple[pd.DataFrame, npt.NDArray[np.int64], tuple[str, ...]]:
    """Clean rows, name them, and leave out what is empty or was there already.

    Args:
        rows: as in `news.parquet`.
        names: what the house calls the name that each row is about.
        moments: their published_at.

    Returns:
        The articles as `schemas.evidence.Articles` says, sorted by symbol, published_at, article_id; the row number of
        each; and what was skipped, with its reason.
    """
    written = np.datetime_as_string(moments.astype("datetime64[us]"), unit="us", timezone="UTC").tolist()
    columns = [rows[name].to_numpy(dtype=object) for name in _COLUMNS if name != "published_at"]
    lines = zip(names, written, *columns, strict=True)
    kept: list[tuple[str, str, str, int, str, str, str, str]] = []
    skipped: list[str] = []
    seen: set[str] = set()
    for row, (name, moment, symbol, headline, summary, source) in enumerate(lines):
        key, plain = _id(name, moment, headline, source), clean(headline)
        if not plain:
            skipped.append(f"{name}: an article without a headline ({source}, {moment})")
        elif key in seen:
            skipped.append(f"{name}: an article that is in the file twice ({source}, {moment}, id {key})")
        else:
            item = dict(zip(_COLUMNS, (moment, symbol, headline, summary, source), strict=True))
            kept.append((name, moment, key, row, plain, clean(summary), source, _json(item)))
        seen.add(key)
    kept.sort()
    used = np.array([row for _, _, _, row, *_ in kept], dtype=np.int64)
    return _frame(kept, moments[used]), used, tuple(skipped)


def _id(*words: str) -> str:
    """A short name that stays the same wherever the row stands in the file."""
    return blake2b("\x1f".join(words).encode(), digest_size=8).hexdigest()


def _frame(kept: list[tuple[str, str, str, int, str, str, str, str]], moments: Micros) -> pd.DataFrame:
    symbols, _, keys, _, headlines, summaries, sources, raw = zip(*kept, strict=True) if kept else [()] * 8
    days, place = np.unique(news_days_of(moments), return_inverse=True)
    return pd.DataFrame(
        {
            "day": days.astype(object)[place],
            "symbol": pd.array(symbols, dtype="str"),
            "published_at": pd.DatetimeIndex(moments.astype("datetime64[us]"), tz="UTC"),
            "headline": pd.array(headlines, dtype="str"),
            "summary": pd.array(summaries, dtype="str"),
            "publisher": pd.array(sources, dtype="str"),
            "url": pd.array([""] * len(kept), dtype="str"),
            "article_id": pd.array(keys, dtype="str"),
            "raw": pd.array(raw, dtype="str"),
        }
    )
