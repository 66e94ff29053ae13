"""Article texts as models and people should see them: plain, said once."""

import html
import re
from collections.abc import Sequence
from datetime import date
from html.entities import html5

import numpy as np
import pandas as pd

from learnfinance_dagster.ports import Coverage, NewsAnswer
from learnfinance_dagster.schemas.evidence import Articles, NewsCoverage

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
"""With its semicolon only: HTML also knows `&LT` without, and would read AT&LTD as AT<D."""
ELEMENTS = (
    "a|abbr|acronym|address|amp-img|article|aside|audio|b|big|blockquote|body|br|button|center|cite|code|dd|del|div|dl"
    "|dt|em|embed|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|label|li|link"
    "|main|mark|meta|nav|noscript|object|ol|o:p|option|p|param|pre|q|s|section|select|small|source|span|strike|strong"
    "|sub|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|title|tr|tt|u|ul|video|wbr"
)
"""A list, because headlines write tickers in angle brackets: <TSLA> is no tag."""
HIDDEN = re.compile(
    r"<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|<[!?][a-z][^<>]*>", re.DOTALL | re.IGNORECASE
)
TAG = re.compile(
    rf"</?(?:{ELEMENTS})(?:\s*/?>|\s+[\w:.-]+\s*=(?:[^<>\"']|\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z))*(?:>|\Z))",
    re.IGNORECASE,
)
"""Attributes have an equals sign, so `a <b and c> d` is no tag; one that is cut off at the end of the text is."""
INLINE = re.compile(
    r"</?(?:a|abbr|acronym|b|big|cite|code|del|em|font|i|ins|mark|q|s|small|span|strike|strong|sub|sup|u|wbr)\b",
    re.IGNORECASE,
)
"""Elements that stand inside a word or a sentence; all others end a word."""
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and half characters that no file can store."""
INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""Soft hyphens, zero-width spaces and marks of writing direction."""
ROUNDS = 8
"""Escapes within escapes that are undone. Beyond that nobody meant to be read."""
MARKUP = re.compile("[<>&]")
ENDS = (".", "!", "?", "…", ":")


def clean(text: object) -> str:
    """Plain text on one line: no entities (however often escaped), tags, scripts or control characters.

    Cleaning what is clean changes nothing. What is no text (None, NaN, a number) is empty.
    """
    if not isinstance(text, str):
        return ""
    for _ in range(ROUNDS):
        plain = _cleaned_once(text)
        if plain == text:
            return plain
        text = plain
    return _cleaned_once(MARKUP.sub(" ", text))


def _cleaned_once(text: str) -> str:
    if "&" in text:
        text = ENTITY.sub(_character, text)
    if "<" in text:
        text = TAG.sub(_gap, HIDDEN.sub(" ", text))
    return " ".join(UNPRINTABLE.sub(" ", INVISIBLE.sub("", text)).split())


def _character(entity: re.Match[str]) -> str:
    written = entity[0]
    return html.unescape(written) if written[1] == "#" else html5.get(written[1:], written)


def _gap(tag: re.Match[str]) -> str:
    return "" if INLINE.match(tag[0]) else " "


def text_of(headline: str, summary: str) -> str:
    """What a model reads of an article: `headline. summary`, or the headline where the summary only repeats it."""
    if not headline or not summary:
        return headline or summary
    said, again = headline.casefold().rstrip(". …"), summary.casefold().rstrip(". …")
    if said.startswith(again):
        return headline
    return f"{headline} {summary}" if headline.endswith(ENDS) else f"{headline}. {summary}"


def deduplicated(articles: pd.DataFrame) -> pd.DataFrame:
    """Drop what says nothing new.

    Args:
        articles: columns of `schemas.evidence.Articles`.

    Returns:
        The rows in their order, without a name's second row of one article_id, and without a headline that the name
        already had on that news day (in any case). The earliest is kept: what came later was known already.
    """
    plain = articles.reset_index(drop=True)
    first = plain.sort_values(["published_at", "article_id", "headline"], kind="stable")
    first = first.drop_duplicates(["symbol", "article_id"])
    said = first.assign(headline=first["headline"].str.casefold())
    kept = said.drop_duplicates(["symbol", "day", "headline"]).index
    return plain.loc[np.sort(kept.to_numpy())].reset_index(drop=True)


def nothing_fetched(symbols: Sequence[str], days: Sequence[date], reason: str) -> NewsAnswer:
    """The answer of a source that could not be asked: every day of every name, and why."""
    pairs = [(day, symbol, Coverage.NOT_FETCHED.value, reason) for day in days for symbol in symbols]
    coverage = pd.DataFrame(pairs, columns=list(NewsCoverage.to_schema().columns))
    return NewsAnswer(Articles.empty(), NewsCoverage.validate(coverage))
