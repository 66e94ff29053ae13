from datetime import UTC, date, datetime, timedelta
from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.calendar import news_day
from learnfinance_dagster.schemas.evidence import Articles
from learnfinance_dagster.signals.news import clean, deduplicated, text_of

NOON = datetime(2025, 12, 22, 12, 0, tzinfo=UTC)
PIECES = [
    "a",
    "&",
    "amp;",
    "lt;",
    "&gt;",
    "<",
    ">",
    "b",
    "/",
    "script",
    "<p>",
    "</b>",
    " ",
    "\x00",
    "\xa0",
    '"',
    "=",
    "#38;",
]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("AT&amp;T", "AT&T"),
        ("AT&amp;amp;T &amp;quot;up&amp;quot;", 'AT&T "up"'),
        ("Johnson &#38; Johnson&#x27;s", "Johnson & Johnson's"),
        ("&lt;b&gt;Apple&lt;/b&gt; rises", "Apple rises"),
        ("<p>One.</p><p>T<b>w</b>o.</p>", "One. Two."),
        ('See <a href="https://example.org/?a>b" target=_blank>this</a>, <EM>now</EM>', "See this, now"),
        ("Up<script>if (a < b) { x = '<p>' }</script> 3%<style>p {}</style><!-- ad -->", "Up 3%"),
        ("one<br/>two<BR />three", "one two three"),
        ("  a\tb\r\n c\x00d\u2028e\xa0f ", "a b c d e f"),
        ("soft\u00adware \u202eright\u202c\u200b", "software right"),
        ("half \ud83d a face", "half a face"),
        ('cut off <a href="https://exam', "cut off"),
    ],
)
def test_a_text_is_read_as_it_is_meant(written, meant):
    assert clean(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "a <b and c> d",
        "Apple <AAPL.O> beats <TSLA>",
        "AT&LTD & M&A, R&D",
        "P/E <20, >5% up",
        "&unknown;",
    ],
)
def test_what_only_looks_like_markup_is_kept(text):
    assert clean(text) == text


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, 7, b"bytes", ["x"], "", " \n "])
def test_what_is_no_text_is_empty(value):
    assert clean(value) == ""


@settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_cleaning_twice_changes_nothing_and_leaves_one_storable_line(text):
    once = clean(text)
    assert clean(once) == once
    assert once == " ".join(once.split())
    assert once.encode().decode() == once


@pytest.mark.parametrize(
    "text", ["&" + "amp;" * 5000, "<a href='" * 5000, "<script " * 5000, "<b" * 3000 + ">" * 3000, "<!a" * 5000]
)
def test_a_hostile_text_ends_and_stays_clean(text):
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("headline", "summary", "text"),
    [
        ("Apple rises", "Sales were good.", "Apple rises. Sales were good."),
        ("Will Apple rise?", "Perhaps.", "Will Apple rise? Perhaps."),
        ("Apple rises", "", "Apple rises"),
        ("Apple rises", "APPLE RISES.", "Apple rises"),
        ("Apple rises on good sales", "Apple rises on…", "Apple rises on good sales"),
        ("", "Only a summary.", "Only a summary."),
        ("", "", ""),
    ],
)
def test_a_summary_is_read_unless_it_only_repeats_the_headline(headline, summary, text):
    assert text_of(headline, summary) == text


def articles(*rows):
    """Rows of (symbol, minutes after noon, headline, article_id)."""
    times = [NOON + timedelta(minutes=minutes) for _, minutes, _, _ in rows]
    frame = pd.DataFrame(
        {
            "day": pd.Series([news_day(each) for each in times], dtype=object),
            "symbol": pd.Series([row[0] for row in rows], dtype="str"),
            "published_at": pd.Series(times, dtype="datetime64[us, UTC]"),
            "headline": pd.Series([row[2] for row in rows], dtype="str"),
            "article_id": pd.Series([row[3] for row in rows], dtype="str"),
        }
    )
    return frame.assign(summary="", publisher="Wire", url="", raw="{}")


def ids(frame):
    return frame["article_id"].tolist()


def test_the_same_headline_of_a_day_counts_once_in_any_case_and_the_earliest_is_kept():
    table = articles(("AAPL", 9, "APPLE RISES", "late"), ("AAPL", 1, "Apple rises", "early"), ("AAPL", 2, "Other", "x"))
    assert ids(deduplicated(table)) == ["early", "x"]


def test_the_same_article_counts_once_also_with_a_later_headline():
    table = articles(("AAPL", 5, "Apple rises (update)", "1"), ("AAPL", 1, "Apple rises", "1"))
    assert deduplicated(table)["headline"].tolist() == ["Apple rises"]


def test_the_same_article_counts_for_each_of_its_names():
    table = articles(("AAPL", 1, "Two rise", "1"), ("MSFT", 1, "Two rise", "1"))
    assert len(deduplicated(table)) == 2


def test_a_headline_of_another_news_day_is_new():
    table = articles(("AAPL", 30, "Daily wrap", "1"), ("AAPL", 31, "Daily wrap", "2"))
    assert table["day"].tolist() == [date(2025, 12, 22), date(2025, 12, 23)]
    assert ids(deduplicated(table)) == ["1", "2"]


def test_what_is_kept_keeps_its_order_and_can_be_stored():
    table = articles(("MSFT", 3, "c", "3"), ("AAPL", 2, "b", "2"), ("AAPL", 1, "a", "1"))
    assert ids(deduplicated(table)) == ["3", "2", "1"]
    Articles.validate(deduplicated(table))
    assert len(Articles.validate(deduplicated(articles()))) == 0


ROWS = st.tuples(
    st.sampled_from(["AAPL", "MSFT"]), st.integers(0, 60), st.sampled_from(["x", "X", "y"]), st.sampled_from("1234")
)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROWS, max_size=12, unique=True), st.integers())
def test_the_order_in_which_a_source_lists_articles_does_not_decide_which_are_kept(rows, seed):
    shuffled = Random(seed).sample(rows, len(rows))  # noqa: S311 - a shuffle, no secret
    once, other = (deduplicated(articles(*each)) for each in (rows, shuffled))
    order = ["symbol", "published_at", "article_id", "headline"]
    pd.testing.assert_frame_equal(
        once.sort_values(order, ignore_index=True), other.sort_values(order, ignore_index=True)
    )
    pd.testing.assert_frame_equal(deduplicated(once), once)
