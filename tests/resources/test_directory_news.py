"""The news of a market directory: what was public, and a hole in the file is never a day without news."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.calendar import (
    decision_time,
    last_whole_news_day,
    news_day,
    news_days,
    sessions_between,
    week_of,
)
from learnfinance_dagster.ports import NewsSource
from learnfinance_dagster.schemas.evidence import Articles, NewsCoverage
from resources.market_directory.days import micros, news_days_of
from resources.market_directory.news import DirectoryNews

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "market" / "news.parquet"
COLUMNS = ["published_at", "symbol", "headline", "summary", "source"]
LATE = datetime(2022, 1, 1, tzinfo=UTC)
WEEK = week_of(date(2020, 3, 9))
TUESDAY, MONDAY = news_days(WEEK)[0], WEEK.monday


def news(*rows):
    """Rows of (UTC time, symbol[, headline[, summary[, source]]])."""
    full = [(*row, *("headline", "", "wire")[len(row) - 2 :]) for row in rows]
    frame = pd.DataFrame(full, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[1:], "str"))
    return frame.assign(published_at=pd.to_datetime(frame["published_at"], utc=True).astype("datetime64[us, UTC]"))


def spans(*rows):
    return pd.DataFrame(list(rows), columns=["symbol", "first_day", "last_day"]).astype({"symbol": "str"})


def bars(*rows):
    """Rows of (symbol, session): no other columns of bars are read here."""
    return pd.DataFrame(list(rows), columns=["symbol", "date"]).astype({"symbol": "str", "date": "object"})


TRADED = bars(*((name, date(2019, 1, 2)) for name in ("AAPL", "FB", "MSFT", "NVDA")))


def source(frame, covered=None, traded=TRADED) -> NewsSource:
    return DirectoryNews("mine", frame, covered, traded)


def states(answer):
    return {(row.day, row.symbol): row.state for row in answer.coverage.itertuples()}


def reasons(answer):
    return set(answer.coverage["reason"])


def week_of_news(wire, symbols=("AAPL",), week=WEEK, known_at=None):
    days = news_days(week)
    return wire.articles(symbols, days[0], days[-1], known_at or week.as_of)


def assert_same(answer, other):
    pd.testing.assert_frame_equal(answer.articles, other.articles)
    pd.testing.assert_frame_equal(answer.coverage, other.coverage)
    assert answer.skipped == other.skipped


@pytest.mark.parametrize("frame", [None, news(), news(("2020-03-04 14:00", "AAPL"))])
@pytest.mark.parametrize("covered", [None, spans(), spans(("*", TUESDAY, MONDAY))])
@pytest.mark.parametrize("symbols", [(), ("AAPL", "MSFT")])
def test_answers_have_the_columns_and_dtypes_of_the_port_even_when_empty(frame, covered, symbols):
    answer = week_of_news(source(frame, covered), symbols)
    for table, schema in ((answer.articles, Articles), (answer.coverage, NewsCoverage)):
        schema.validate(table)
        assert list(table.columns) == list(schema.to_schema().columns)
        kinds = {"day": "object", "published_at": "datetime64[us, UTC]"}
        assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
            name: kinds.get(name, "str") for name in table.columns
        }
    assert len(answer.coverage) == 7 * len(symbols)


def test_the_source_is_named_after_its_market():
    assert source(news()).name == "mine"


@pytest.mark.parametrize(
    ("published", "day"),
    [
        ("2020-03-04 12:30:00", date(2020, 3, 4)),
        ("2020-03-04 12:30:00.000001", date(2020, 3, 5)),
        ("2020-03-04 00:00:00", date(2020, 3, 4)),
        ("2020-03-03 23:59:59", date(2020, 3, 4)),
        ("2020-03-06 13:00:00", date(2020, 3, 7)),
    ],
)
def test_a_news_day_ends_at_half_past_twelve_utc(published, day):
    answer = week_of_news(source(news((published, "AAPL"))))
    assert answer.articles["day"].tolist() == [day]
    assert type(answer.articles["day"][0]) is date
    assert [key[0] for key, state in states(answer).items() if state == "articles"] == [day]


@given(st.lists(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), max_size=30))  # noqa: DTZ001 - hypothesis adds the zone itself
def test_the_news_day_of_many_moments_is_that_of_the_calendar(moments):
    found = news_days_of(np.array([micros(moment) for moment in moments], dtype=np.int64))
    assert found.astype(object).tolist() == [news_day(moment) for moment in moments]


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - as above
def test_the_last_whole_news_day_is_over_and_the_next_one_is_not(moment):
    day = last_whole_news_day(moment)
    assert decision_time(day) <= moment < decision_time(day + timedelta(days=1))


def test_an_article_is_public_at_its_minute_and_not_before():
    wire, moment = source(news(("2020-03-09 12:00", "AAPL"))), datetime(2020, 3, 9, 12, tzinfo=UTC)
    assert len(week_of_news(wire, known_at=moment).articles) == 1
    assert week_of_news(wire, known_at=moment - timedelta(microseconds=1)).articles.empty


def test_d2_a_decision_reads_nothing_that_was_published_after_it():
    """Symptom: the state of a Monday held the news of the week that it was to trade."""
    rows = [(str(WEEK.as_of + timedelta(hours=hours)), "AAPL", f"at {hours}") for hours in range(-240, 241, 12)]
    known = week_of_news(source(news(*rows))).articles
    assert known["published_at"].max() == WEEK.as_of
    assert known["headline"].tolist() == [f"at {hours}" for hours in range(-156, 1, 12)]


def test_the_articles_of_a_day_that_is_not_over_are_given_but_the_day_is_not_fetched():
    wire = source(news(("2020-03-04 14:00", "AAPL"), ("2020-03-05 14:00", "AAPL")), spans(("*", TUESDAY, MONDAY)))
    answer = week_of_news(wire, known_at=datetime(2020, 3, 5, 20, tzinfo=UTC))
    assert len(answer.articles) == 2
    assert states(answer)[date(2020, 3, 5), "AAPL"] == "articles"
    assert states(answer)[date(2020, 3, 6), "AAPL"] == "not_fetched"
    assert answer.coverage["reason"].tolist() == ["", "", "", *["the day is not over"] * 4]


def test_a_monday_decision_knows_seven_whole_days():
    answer = week_of_news(source(news(), spans(("*", TUESDAY, MONDAY))))
    assert answer.coverage["day"].tolist() == list(news_days(WEEK))
    assert set(answer.coverage["state"]) == {"no_articles"}


def test_d11_a_day_outside_the_spans_was_not_fetched_although_the_file_is_there():
    """Symptom: days that nobody had asked about became permanent rows without articles that counted as covered."""
    wire = source(news(("2020-03-04 14:00", "AAPL")), spans(("*", date(2020, 3, 5), date(2020, 3, 6))))
    answer = week_of_news(wire, ["AAPL", "MSFT"])
    assert states(answer)[date(2020, 3, 5), "AAPL"] == "articles"
    covered = {key for key, state in states(answer).items() if state != "not_fetched"}
    assert covered == {(date(2020, 3, day), name) for day in (5, 6) for name in ("AAPL", "MSFT")}
    outside = answer.coverage.loc[answer.coverage["state"] == "not_fetched", "reason"]
    assert set(outside) == {"the directory holds no news of that day"}


def test_articles_outside_the_spans_are_given_but_their_day_is_not_covered():
    answer = week_of_news(source(news(("2020-03-04 14:00", "AAPL")), spans(("MSFT", TUESDAY, MONDAY))))
    assert len(answer.articles) == 1
    assert set(answer.coverage["state"]) == {"not_fetched"}
    assert answer.coverage["reason"][2] == "the directory holds only part of that day's news"


def test_spans_of_a_name_and_of_every_name_add_up():
    covered = spans(
        ("*", TUESDAY, TUESDAY),
        ("AAPL", TUESDAY, date(2020, 3, 4)),
        ("AAPL", date(2020, 3, 6), date(2020, 3, 6)),
        ("MSFT", date(2000, 1, 1), date(2001, 1, 1)),
    )
    answer = week_of_news(source(news(), covered), ["AAPL", "MSFT"])
    held = {(day.day, name) for (day, name), state in states(answer).items() if state == "no_articles"}
    assert held == {(3, "AAPL"), (3, "MSFT"), (4, "AAPL"), (6, "AAPL")}


@pytest.mark.parametrize("asked", ["META", "FB", "fb", " Meta "])
@pytest.mark.parametrize("covered", [spans(("*", TUESDAY, MONDAY)), spans(("FB", TUESDAY, MONDAY)), None])
def test_the_headlines_of_a_name_that_the_file_knows_by_its_old_ticker_are_not_no_articles(asked, covered):
    """Symptom: the universe says META, the file FB, and a day with a headline read "no articles"."""
    rows = news(("2020-03-04 14:00", "FB", "old"), ("2020-03-05 14:00", "META", "new"), ("2020-03-04 15:00", "AAPL"))
    answer = week_of_news(source(rows, covered), [asked])
    assert answer.articles[["symbol", "headline"]].to_numpy().tolist() == [["META", "old"], ["META", "new"]]
    assert [json.loads(raw)["symbol"] for raw in answer.articles["raw"]] == ["FB", "META"]
    assert {key for key, state in states(answer).items() if state == "articles"} == {
        (date(2020, 3, 5), "META"),
        (date(2020, 3, 6), "META"),
    }
    assert set(answer.coverage["symbol"]) == {"META"}
    assert (set(answer.coverage["state"]) == {"articles", "no_articles"}) == (covered is not None)


def test_the_old_and_the_new_ticker_are_one_name_with_one_row_for_a_day():
    row = ("2020-03-04 14:00", "FB", "words")
    wire = source(news(row, ("2020-03-04 14:00", "META", "words")), spans(("META", TUESDAY, MONDAY)))
    answer = week_of_news(wire, ["META", "FB", "BKNG", "PCLN"])
    assert len(answer.coverage) == 14
    assert not answer.coverage.duplicated(["day", "symbol"]).any()
    assert len(answer.articles) == 1
    assert "META: an article that is in the file twice" in answer.skipped[0]


def test_a_name_asked_in_lower_case_is_not_a_name_without_articles():
    """Symptom: `aapl` had no articles under a span of every name, while AAPL had some."""
    wire = source(news(("2020-03-04 14:00", "AAPL")), spans(("*", TUESDAY, MONDAY)))
    assert_same(week_of_news(wire, ["aapl"]), week_of_news(wire, ["AAPL"]))
    assert len(week_of_news(wire, ["aapl"]).articles) == 1


def test_a_name_that_the_market_does_not_know_is_not_a_name_without_articles():
    """Symptom: ZZZZ, which no file of the folder names, had "no articles" under a span of every name."""
    covered = spans(("*", TUESDAY, MONDAY), ("OWN", TUESDAY, MONDAY))
    answer = week_of_news(source(news(("2020-03-04 14:00", "NEWS")), covered), ["AAPL", "NEWS", "OWN", "ZZZZ"])
    told = {name: rows["state"].tolist() for name, rows in answer.coverage.groupby("symbol")}
    assert told == {
        "AAPL": ["no_articles"] * 7,
        "NEWS": ["not_fetched"] * 2 + ["articles"] + ["no_articles"] * 4,
        "OWN": ["no_articles"] * 7,
        "ZZZZ": ["not_fetched"] * 7,
    }
    assert reasons(answer) == {"", "the market does not know this name"}


def test_the_market_knows_a_name_by_its_bars_under_its_old_ticker_too():
    wire = source(news(), spans(("*", TUESDAY, MONDAY)), bars(("FB", date(2012, 5, 18))))
    assert set(week_of_news(wire, ["META"]).coverage["state"]) == {"no_articles"}


def test_bars_that_come_later_do_not_make_a_name_known_before():
    """Else a day that was "not fetched" at its decision would read "no articles" in a longer file."""
    listed = bars(("AAPL", date(2020, 3, 6)), ("AAPL", date(2020, 3, 5)), ("AAPL", date(2020, 3, 9)))
    answer = week_of_news(source(news(), spans(("*", TUESDAY, MONDAY)), listed))
    assert answer.coverage["state"].tolist() == ["not_fetched"] * 3 + ["no_articles"] * 4


def test_a_market_without_a_news_file_has_fetched_nothing():
    answer = week_of_news(source(None))
    assert reasons(answer) == {"this market has no news"}
    assert set(answer.coverage["state"]) == {"not_fetched"}


def test_d11_without_spans_four_silent_days_are_a_hole_and_not_days_without_news():
    """Symptom: as above; here the file itself has the hole."""
    wire = source(news(("2020-03-02 14:00", "AAPL"), ("2020-03-08 14:00", "MSFT")))
    answer = week_of_news(wire)
    # Written about on the third, quiet until the sixth, and nobody knows from the seventh on until MSFT appears.
    assert answer.coverage["state"].tolist() == [
        *["articles", "no_articles", "no_articles", "no_articles", "not_fetched", "not_fetched", "no_articles"]
    ]
    assert reasons(answer) == {"", "the directory holds no news of that day"}


def test_without_spans_a_name_is_covered_from_its_own_first_article_on():
    rows = [(f"2020-03-0{day} 14:00", "MSFT") for day in range(1, 9)]
    wire = source(news(*rows, ("2020-03-05 14:00", "AAPL")))
    answer = week_of_news(wire, ["AAPL", "ZZZ"])
    apple = answer.coverage[answer.coverage["symbol"] == "AAPL"]
    assert apple["state"].tolist() == ["not_fetched"] * 3 + ["articles"] + ["no_articles"] * 3
    assert reasons(answer) == {"", "the directory held no news of this name until that day"}
    assert set(answer.coverage.loc[answer.coverage["symbol"] == "ZZZ", "state"]) == {"not_fetched"}


def test_a_weekend_with_its_monday_off_is_no_hole():
    friday = ("2020-02-14 21:00", "AAPL")  # news day Saturday; Monday the 17th is Washington's birthday
    monday = week_of(date(2020, 2, 17))
    answer = week_of_news(source(news(friday)), week=monday)
    assert answer.coverage["state"].tolist()[-3:] == ["articles", "no_articles", "no_articles"]


def test_an_article_whose_headline_is_only_markup_is_skipped_with_its_reason_and_is_no_article():
    wire = source(news(("2020-03-04 14:00", "AAPL", "<b> </b>&nbsp;"), ("2020-03-05 14:00", "AAPL", "words")))
    answer = week_of_news(wire)
    assert answer.articles["headline"].tolist() == ["words"]
    assert answer.skipped == ("AAPL: an article without a headline (wire, 2020-03-04T14:00:00.000000Z)",)
    assert states(answer)[date(2020, 3, 5), "AAPL"] == "no_articles"


def test_a_row_that_stands_in_the_file_twice_is_one_article():
    row = ("2020-03-04 14:00", "AAPL", "words")
    answer = week_of_news(source(news(row, row, (*row, "", "another wire"), ("2020-03-04 14:00", "MSFT", "words"))))
    assert len(answer.articles) == 2
    assert answer.articles["article_id"].is_unique
    assert len(answer.skipped) == 1
    assert "in the file twice" in answer.skipped[0]


def test_texts_are_plain_and_the_raw_row_is_kept():
    row = ("2020-03-04 14:00", "AAPL", "<p>A&amp;B  rise</p>", "<i>up</i>\n5%", "wire")
    article = week_of_news(source(news(row))).articles.iloc[0]
    assert (article["headline"], article["summary"], article["publisher"], article["url"]) == (
        "A&B rise",
        "up 5%",
        "wire",
        "",
    )
    assert json.loads(article["raw"]) == dict(zip(COLUMNS, ("2020-03-04T14:00:00.000000Z", *row[1:]), strict=True))


def test_answers_are_sorted_and_do_not_depend_on_the_order_of_the_file():
    rows = [(f"2020-03-0{1 + n % 8} 14:00", name, f"words {n}") for n in range(40) for name in ("MSFT", "AAPL")]
    answer = week_of_news(source(news(*rows)), ["MSFT", "AAPL", "MSFT"])
    keys = answer.articles[["symbol", "published_at", "article_id"]]
    pd.testing.assert_frame_equal(keys, keys.sort_values(list(keys.columns), ignore_index=True))
    assert_same(answer, week_of_news(source(news(*reversed(rows))), ["AAPL", "MSFT"]))
    assert not answer.coverage.duplicated(["day", "symbol"]).any()


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        source(news()).articles(["AAPL"], TUESDAY, MONDAY, datetime(2020, 3, 9))  # noqa: DTZ001 - the fault under test


def test_a_question_about_no_days_is_answered_with_nothing():
    answer = source(news(("2020-03-04 14:00", "AAPL"))).articles(["AAPL"], MONDAY, TUESDAY, LATE)
    assert answer.articles.empty
    assert answer.coverage.empty


START = datetime(2020, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 40 * 24 * 2).map(lambda half_hours: START + timedelta(minutes=30 * half_hours))
NAMES = st.sampled_from(["AAPL", "FB", "META", "MSFT", "NVDA"])
ROWS = st.tuples(MOMENTS, NAMES, st.sampled_from(["up", "down", "<br>", "A &amp; B"]), st.just(""), st.just("wire"))
DAYS = st.integers(-3, 45).map(lambda n: date(2020, 1, 1) + timedelta(days=n))
SPANS = st.tuples(st.sampled_from(["*", "AAPL", "NVDA"]), DAYS, DAYS)
BARS = st.lists(st.tuples(st.sampled_from(["AAPL", "MSFT", "NVDA", "FB"]), DAYS), max_size=6)


def ask(wire, known_at):
    return wire.articles(["AAPL", "META", "MSFT", "ZZZ"], date(2019, 12, 25), date(2020, 2, 15), known_at)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(ROWS, max_size=25),
    covered=st.none() | st.lists(SPANS, max_size=4),
    known_at=MOMENTS,
    garbage=st.lists(st.tuples(MOMENTS, NAMES, st.just("garbage"), st.just(""), st.just("?")), max_size=8),
    keep=st.booleans(),
    traded=BARS,
)
def test_rows_after_known_at_may_be_missing_or_garbled_or_others(rows, covered, known_at, garbage, keep, traded):
    past = [row for row in rows if row[0] <= known_at]
    spoilt = [(row[0], "MSFT", "POISON", "POISON", "POISON") for row in rows if row[0] > known_at and keep]
    later = [(row[0] + (known_at - START) + timedelta(minutes=1), *row[1:]) for row in garbage]
    last = last_whole_news_day(known_at)
    told = None if covered is None else spans(*covered)
    clipped = None if covered is None else spans(*((s, a, min(b, last)) for s, a, b in covered if a <= last))
    closed = bars(*(row for row in traded if row[1] < known_at.date()))
    truth = ask(source(news(*rows), told, bars(*traded)), known_at)
    assert (truth.articles["published_at"] <= known_at).all()
    assert_same(truth, ask(source(news(*past, *spoilt, *later), told, bars(*traded)), known_at))
    assert_same(truth, ask(source(news(*past), clipped, closed), known_at))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(ROWS, max_size=25),
    covered=st.none() | st.lists(SPANS, max_size=4),
    moments=st.tuples(MOMENTS, MOMENTS),
    traded=BARS,
)
def test_what_was_said_of_a_day_that_was_over_is_never_taken_back(rows, covered, moments, traded):
    wire = source(news(*rows), None if covered is None else spans(*covered), bars(*traded))
    before, after = (ask(wire, moment) for moment in sorted(moments))
    is_over = before.coverage["day"] <= last_whole_news_day(min(moments))
    pd.testing.assert_frame_equal(before.coverage[is_over], after.coverage[is_over])
    known = after.articles["published_at"] <= min(moments)
    pd.testing.assert_frame_equal(before.articles, after.articles[known].reset_index(drop=True))


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROWS, max_size=25), covered=st.none() | st.lists(SPANS, max_size=4), known_at=MOMENTS)
def test_a_covered_day_says_articles_exactly_where_there_are_some(rows, covered, known_at):
    answer = ask(source(news(*rows), None if covered is None else spans(*covered)), known_at)
    told = set(zip(answer.articles["day"], answer.articles["symbol"], strict=True))
    found = states(answer)
    assert len(found) == len(answer.coverage)
    assert all((state == "articles") == (key in told) for key, state in found.items() if state != "not_fetched")
    assert told <= set(found)
    assert ((answer.coverage["reason"] != "") == (answer.coverage["state"] == "not_fetched")).all()


@pytest.fixture(scope="module")
def real():
    if not REAL.is_file():
        pytest.skip("../shared/data is not here")
    return pd.read_parquet(REAL)


@pytest.fixture(scope="module")
def covered(real):
    """Every (day, name) of the real news, with whether it is covered, and whether a session lies on it."""
    answer = source(real).articles(sorted(set(real["symbol"])), date(2011, 1, 1), date(2018, 12, 31), LATE)
    coverage = answer.coverage
    sessions = set(sessions_between(date(2011, 1, 1), date(2018, 12, 31)))
    return coverage.assign(
        covered=coverage["state"] != "not_fetched",
        session=[day in sessions for day in coverage["day"]],
        year=[day.year for day in coverage["day"]],
    )


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2012, 1, 6), date(2012, 7, 31)),
        (date(2013, 1, 8), date(2013, 5, 31)),
        (date(2014, 1, 8), date(2014, 4, 30)),
        (date(2018, 7, 10), date(2018, 12, 31)),
    ],
)
def test_d11_the_holes_of_the_real_news_are_not_fetched(covered, first, last):
    """Symptom: months without a download passed for months without news."""
    inside = covered[(covered["day"] >= first) & (covered["day"] <= last)]
    assert not inside["covered"].any()
    assert set(inside["reason"]) == {"the directory holds no news of that day"}


def test_the_share_of_covered_session_days_of_the_real_news_is_as_measured(covered):
    share = covered[covered["session"]].groupby("year")["covered"].mean()
    measured = {2011: 0.330, 2012: 0.266, 2013: 0.481, 2014: 0.615, 2015: 0.879, 2016: 0.977, 2017: 0.993, 2018: 0.506}
    assert share.round(3).to_dict() == measured


def test_a_monday_of_the_real_news_reads_the_same_when_the_file_ends_there(real):
    week, names = week_of(date(2018, 3, 12)), sorted(set(real["symbol"]))
    truth = week_of_news(source(real), names, week)
    assert len(truth.articles) > 200
    assert truth.articles["published_at"].max() <= week.as_of
    assert_same(truth, week_of_news(source(real[real["published_at"] <= week.as_of]), names, week))
    spoilt = real.assign(symbol=real["symbol"].mask(real["published_at"] > week.as_of, "POISON"))
    assert_same(truth, week_of_news(source(spoilt), names, week))


def test_the_real_headlines_have_no_markup_left_and_none_is_lost(real):
    names = sorted(set(real["symbol"]))[:20]
    answer = source(real).articles(names, date(2010, 1, 1), date(2019, 1, 1), LATE)
    assert len(answer.articles) + len(answer.skipped) == real["symbol"].isin(names).sum()
    assert not answer.articles["headline"].str.contains("&amp;|&quot;|&#39;|<b>|<br").any()
    assert answer.articles["article_id"].is_unique
