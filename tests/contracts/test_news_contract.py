"""What every source of news must do, wherever its articles come from."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pandas as pd
import pytest
from alpaca_scene import FIRST, LAST, NAMES, NEWS, NOW, Alpaca, archived, busy_week, noon
from vendor_server import Reply, VendorServer

from learnfinance_dagster.calendar import decision_time, news_day
from learnfinance_dagster.ports import Coverage, MarketInfo, NewsSource, PriceBasis
from learnfinance_dagster.schemas.evidence import Articles, NewsCoverage
from resources.market_directory.load import MarketFrames
from resources.market_directory.market import DirectoryMarket
from resources.news.archive import ArchivedNews
from resources.news.yahoo import YahooNews
from resources.turns import Turns

ONE = timedelta(days=1)
MOMENTS = [
    pytest.param(NOW, id="long after"),
    pytest.param(decision_time(LAST), id="at the end"),
    pytest.param(decision_time(LAST) - timedelta(microseconds=1), id="just before the end"),
    pytest.param(noon(FIRST + 2 * ONE, 100), id="in the middle"),
    pytest.param(decision_time(FIRST - 3 * ONE), id="before"),
]


@pytest.fixture
def vendor():
    with VendorServer() as server:
        yield server


@pytest.fixture(params=["alpaca", "yahoo", "directory"])
def source(request) -> NewsSource:
    """One source with the busy week of `alpaca_scene` behind it."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def alpaca(vendor, tmp_path) -> NewsSource:
    vendor.answers(NEWS, Alpaca(busy_week()))
    return archived(vendor.url, tmp_path / "news.sqlite")


@pytest.fixture
def yahoo(vendor, tmp_path, monkeypatch) -> NewsSource:
    import yfinance
    from yfinance.data import SingletonMeta

    monkeypatch.setattr(SingletonMeta, "_instances", {})
    yfinance.set_tz_cache_location(str(tmp_path / "yfinance"))
    vendor.answers("/xhr/ncp", _yahoos_answer)
    return ArchivedNews(YahooNews(vendor.url, Turns(1e6)), tmp_path / "news.sqlite", lambda: NOW)


def _yahoos_answer(seen):
    (symbol,) = json.loads(seen.body)["serviceConfig"]["s"]
    items = [
        {"id": str(each["id"]), "content": {"title": each["headline"], "pubDate": each["updated_at"]}}
        for each in busy_week()
        if symbol in each["symbols"]
    ]
    return Reply({"data": {"tickerStream": {"stream": items}}})


@pytest.fixture
def directory() -> NewsSource:
    rows = [
        (pd.Timestamp(each["updated_at"]), symbol, each["headline"], each["summary"], each["source"])
        for each in busy_week()
        for symbol in each["symbols"]
    ]
    news = pd.DataFrame(rows, columns=["published_at", "symbol", "headline", "summary", "source"])
    news["published_at"] = news["published_at"].astype("datetime64[us, UTC]")
    spans = pd.DataFrame({"symbol": ["*"], "first_day": [FIRST - 9 * ONE], "last_day": [LAST]}).astype(
        {"symbol": "str"}
    )
    bars = pd.DataFrame(
        {"date": [FIRST], "symbol": ["AAPL"], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0], "volume": [1]}
    )
    info = MarketInfo("scene", True, PriceBasis.AS_TRADED, FIRST, LAST)  # noqa: FBT003  the port's own order
    return DirectoryMarket.from_frames(MarketFrames(info, bars, news=news, news_coverage=spans)).news


def ask(source, known_at=NOW, names=NAMES, first=FIRST, last=LAST):
    return source.articles(names, first, last, known_at)


def test_it_has_a_name(source):
    assert source.name


@pytest.mark.parametrize("known_at", MOMENTS)
def test_the_frames_are_exactly_as_their_schemas_say(source, known_at):
    answer = ask(source, known_at)
    pd.testing.assert_frame_equal(Articles.validate(answer.articles), answer.articles)
    pd.testing.assert_frame_equal(NewsCoverage.validate(answer.coverage), answer.coverage)


@pytest.mark.parametrize("known_at", MOMENTS)
def test_every_day_and_name_that_was_asked_for_has_one_row_in_order(source, known_at):
    pairs = ask(source, known_at).coverage[["day", "symbol"]].to_numpy().tolist()
    assert pairs == [[FIRST + n * ONE, name] for n in range(7) for name in sorted(NAMES)]


@pytest.mark.parametrize("known_at", MOMENTS)
def test_no_article_is_newer_than_what_was_known(source, known_at):
    published = ask(source, known_at).articles["published_at"]
    assert (published <= pd.Timestamp(known_at)).all()


@pytest.mark.parametrize("known_at", MOMENTS)
def test_every_article_is_of_a_name_and_a_day_that_was_asked_for(source, known_at):
    articles = ask(source, known_at, names=["MSFT", "NOSUCH"], first=FIRST + ONE, last=LAST - ONE).articles
    assert set(articles["symbol"]) <= {"MSFT"}
    assert all(FIRST + ONE <= day <= LAST - ONE for day in articles["day"])
    assert [news_day(moment) for moment in articles["published_at"]] == articles["day"].tolist()


@pytest.mark.parametrize("known_at", MOMENTS)
def test_states_say_what_the_articles_show(source, known_at):
    answer = ask(source, known_at)
    shown = set(answer.articles[["day", "symbol"]].itertuples(index=False, name=None))
    for row in answer.coverage.itertuples():
        if row.state == Coverage.NOT_FETCHED:
            assert row.reason
        else:
            assert (row.state == Coverage.ARTICLES) == ((row.day, row.symbol) in shown)
            assert row.reason == ""


@pytest.mark.parametrize("known_at", MOMENTS)
def test_a_day_that_is_not_over_is_not_covered_and_its_articles_so_far_are_given(source, known_at):
    answer = ask(source, known_at)
    covered = answer.coverage.loc[answer.coverage["state"] != Coverage.NOT_FETCHED, "day"]
    assert all(decision_time(day) <= known_at for day in covered)
    public = {
        (str(each["id"]), symbol)
        for each in busy_week()
        for symbol in each["symbols"]
        if datetime.fromisoformat(each["updated_at"]) <= known_at
    }
    assert len(answer.articles) == len(public)


def test_what_is_covered_is_covered_where_the_source_reaches_that_far(source):
    states = set(ask(source, first=FIRST + ONE).coverage["state"])
    assert states == {Coverage.ARTICLES, Coverage.NO_ARTICLES}


def test_articles_are_sorted_and_each_counts_once_for_a_name_and_a_day(source):
    articles = ask(source).articles
    keys = ["symbol", "published_at", "article_id"]
    pd.testing.assert_frame_equal(articles, articles.sort_values(keys, ignore_index=True))
    assert not articles.duplicated(["symbol", "day", "article_id"]).any()


@pytest.mark.parametrize("known_at", MOMENTS)
def test_the_same_question_has_the_same_answer(source, known_at):
    first, second = ask(source, known_at), ask(source, known_at, names=[*reversed(NAMES), NAMES[0]])
    pd.testing.assert_frame_equal(first.articles, second.articles)
    pd.testing.assert_frame_equal(first.coverage, second.coverage)
    assert first.skipped == second.skipped


@pytest.mark.parametrize("later_first", [True, False])
def test_what_was_known_earlier_does_not_change_by_what_came_later(source, later_first):
    early, late = noon(FIRST + 2 * ONE, 100), NOW
    answers = {moment: ask(source, moment) for moment in ((late, early) if later_first else (early, late))}
    known = answers[late].articles[answers[late].articles["published_at"] <= pd.Timestamp(early)]
    pd.testing.assert_frame_equal(answers[early].articles, known.reset_index(drop=True))
    both = answers[early].coverage.merge(answers[late].coverage, on=["day", "symbol"], suffixes=("", "_late"))
    over = both[both["state"] != Coverage.NOT_FETCHED]
    assert (over["state"] == over["state_late"]).all()


def test_a_narrow_question_has_the_same_answer_as_that_part_of_a_wide_one(source):
    wide, day = ask(source), FIRST + 2 * ONE
    narrow = ask(source, names=["META"], first=day, last=day)
    for part, whole in ((narrow.articles, wide.articles), (narrow.coverage, wide.coverage)):
        same = whole[(whole["day"] == day) & (whole["symbol"] == "META")]
        pd.testing.assert_frame_equal(part, same.reset_index(drop=True))


def test_of_a_name_that_nobody_wrote_about_there_are_no_articles(source):
    answer = ask(source, names=["NOSUCH"])
    assert answer.articles.empty
    assert len(answer.coverage) == 7
    assert Coverage.ARTICLES not in set(answer.coverage["state"])


def test_a_question_about_nobody_is_answered_with_nothing(source):
    answer = ask(source, names=[])
    assert answer.articles.empty
    assert answer.coverage.empty


FAULTS: list[Callable[[], Reply]] = [lambda: Reply({}, status=500), lambda: Reply(reset=True), lambda: Reply(b"<html>")]


@pytest.mark.parametrize("fault", FAULTS, ids=["500", "reset", "HTML"])
@pytest.mark.parametrize("kind", ["alpaca", "yahoo"])
def test_a_failure_is_no_exception_but_days_that_were_not_fetched(request, vendor, kind, fault):
    source = request.getfixturevalue(kind)
    for path in (NEWS, "/xhr/ncp"):
        vendor.answers(path, fault())
    answer = ask(source)
    assert set(answer.coverage["state"]) == {Coverage.NOT_FETCHED}
    assert "" not in set(answer.coverage["reason"])
