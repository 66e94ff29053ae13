import json
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from vendor_server import Reply, VendorServer
from wild_json import ANYTHING, disturbed

from learnfinance_dagster.calendar import news_day
from learnfinance_dagster.schemas.evidence import Articles, NewsCoverage
from resources.news.archive import ArchivedNews
from resources.news.fetched import Article, Batch, Skip
from resources.news.yahoo import EMPTY, YahooNews, article_of
from resources.turns import Turns

NCP = "/xhr/ncp"
NOW = datetime(2025, 6, 16, 13, tzinfo=UTC)
SETTLED = NOW + timedelta(hours=6)
TODAY = date(2025, 6, 16)
ONE = timedelta(days=1)


def nested(number, published, **content):
    """An item as Yahoo writes it since 2024."""
    stamp = published if isinstance(published, str) else published.strftime("%Y-%m-%dT%H:%M:%SZ")
    plain = {
        "id": f"id-{number}",
        "contentType": "STORY",
        "title": f"Headline {number}",
        "description": "",
        "summary": f"Summary {number}.",
        "pubDate": stamp,
        "displayTime": stamp,
        "provider": {"displayName": "Example News", "url": "https://example.org/"},
        "canonicalUrl": {"url": f"https://example.org/{number}", "site": "finance"},
        "clickThroughUrl": None,
    }
    return {"id": f"id-{number}", "content": plain | content}


def flat(number, published, **fields):
    """An item as Yahoo wrote it until 2024."""
    plain = {
        "uuid": f"id-{number}",
        "title": f"Headline {number}",
        "publisher": "Example News",
        "link": f"https://example.org/{number}",
        "providerPublishTime": int(published.timestamp()),
        "type": "STORY",
        "relatedTickers": ["AAPL"],
    }
    return plain | fields


def noon(day, minutes=0):
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(minutes=minutes)


def stream(*items):
    return Reply({"data": {"tickerStream": {"stream": list(items)}}, "status": "OK"})


@pytest.fixture
def vendor(tmp_path_factory, monkeypatch):
    """A local Yahoo; yfinance keeps cookies in a folder and in a singleton, so each test gets its own."""
    import yfinance
    from yfinance.data import SingletonMeta

    monkeypatch.setattr(SingletonMeta, "_instances", {})
    yfinance.set_tz_cache_location(str(tmp_path_factory.mktemp("yfinance")))
    with VendorServer() as server:
        server.answers("/v1/test/getcrumb", Reply(b"crumb-1", headers={"Content-Type": "text/plain"}))
        yield server


def fetcher(vendor, **options):
    return YahooNews(vendor.url, **{"turns": Turns(1e6), **options})


@pytest.fixture
def source(vendor, tmp_path):
    return ArchivedNews(fetcher(vendor), tmp_path / "news.sqlite", lambda: NOW)


def asked(vendor):
    return [json.loads(seen.body)["serviceConfig"]["s"][0] for seen in vendor.seen if seen.path == NCP]


def told(answer):
    return answer.coverage.set_index(["symbol", "day"])[["state", "reason"]]


def test_the_question_is_put_by_yfinance_itself(vendor):
    vendor.answers(NCP, stream(nested(1, noon(TODAY))))
    fetcher(vendor, count=25).page(Batch("AAPL", ("AAPL",), (TODAY,)), None, NOW)
    question = vendor.seen[-1]
    assert (question.method, question.path) == ("POST", NCP)
    assert question.query == {"queryRef": "latestNews", "serviceKey": "ncp_fin", "crumb": "crumb-1"}
    assert json.loads(question.body) == {"serviceConfig": {"snippetCount": 25, "s": ["AAPL"]}}
    assert "Chrome" in question.headers["user-agent"]


def test_both_layouts_are_read(source, vendor):
    vendor.answers(NCP, stream(nested(1, noon(TODAY, 5)), flat(2, noon(TODAY)), nested(3, noon(TODAY - 3 * ONE))))
    answer = source.articles(["AAPL"], TODAY, TODAY, NOW)
    fields = ["article_id", "headline", "summary", "publisher", "url"]
    assert answer.articles[fields].to_numpy().tolist() == [
        ["id-1", "Headline 1", "Summary 1.", "Example News", "https://example.org/1"],
        ["id-2", "Headline 2", "", "Example News", "https://example.org/2"],
    ]
    assert answer.articles["published_at"].tolist() == [pd.Timestamp(noon(TODAY, 5)), pd.Timestamp(noon(TODAY))]
    assert answer.coverage["state"].tolist() == ["articles"]


def test_the_frames_are_as_the_port_says(source, vendor):
    vendor.answers(NCP, stream(nested(1, noon(TODAY)), nested(2, noon(TODAY - 2 * ONE))))
    answer = source.articles(["AAPL", "MSFT"], TODAY - 6 * ONE, TODAY, NOW)
    for frame, model in ((answer.articles, Articles), (answer.coverage, NewsCoverage)):
        pd.testing.assert_frame_equal(model.validate(frame), frame)


def test_only_the_days_after_the_oldest_article_are_covered(source, vendor):
    vendor.answers(NCP, stream(nested(1, noon(TODAY)), nested(2, noon(TODAY - 3 * ONE))))
    answer = source.articles(["AAPL"], TODAY - 6 * ONE, TODAY + ONE, NOW)
    days = told(answer).loc["AAPL"]
    assert days["state"].tolist() == [*["not_fetched"] * 4, "no_articles", "no_articles", "articles", "not_fetched"]
    assert set(days["reason"].iloc[:4]) == {"Yahoo gave 2 articles, without a gap only back to 2025-06-13"}
    assert days["reason"].iloc[-1].startswith("the day is not over")
    assert len(answer.articles) == 2, "the article of a day that may be cut is given all the same"


def test_an_old_article_that_was_dug_out_does_not_cover_years(source, vendor):
    vendor.answers(NCP, stream(nested(1, noon(TODAY)), nested(2, noon(date(1999, 1, 4)))))
    days = told(source.articles(["AAPL"], TODAY - 60 * ONE, TODAY, NOW)).loc["AAPL"]
    assert set(days["state"]) == {"not_fetched"}


def test_articles_one_after_the_other_cover_what_they_reach_but_never_more_than_a_month(source, vendor):
    vendor.answers(NCP, stream(*[nested(n, noon(TODAY - 3 * n * ONE)) for n in range(20)]))
    days = told(source.articles(["AAPL"], TODAY - 60 * ONE, TODAY, NOW)).loc["AAPL"]
    assert days["state"].value_counts().to_dict() == {"not_fetched": 31, "no_articles": 20, "articles": 10}


def test_one_old_article_does_not_cover_days_that_a_busy_name_pushed_out_of_the_list(source, vendor):
    """99 articles of the last half day and one of three weeks ago: the days between were never seen."""
    busy = [nested(n, NOW - timedelta(minutes=7 * n)) for n in range(99)]
    vendor.answers(NCP, stream(*busy, nested(99, noon(TODAY - 20 * ONE))))
    answer = source.articles(["AAPL"], TODAY - 6 * ONE, TODAY, NOW)
    assert set(answer.coverage["state"]) == {"not_fetched"}
    assert set(answer.coverage["reason"]) == {"Yahoo gave 100 articles, without a gap only back to 2025-06-16"}
    assert len(answer.articles) > 90


@pytest.mark.parametrize(("minutes", "covered"), [(0, 6), (1, 2)])
def test_a_long_weekend_without_articles_is_no_gap_and_more_than_four_days_are(source, vendor, minutes, covered):
    two_days_ago = TODAY - 2 * ONE
    vendor.answers(
        NCP, stream(nested(1, noon(TODAY)), nested(2, noon(two_days_ago)), nested(3, noon(TODAY - 6 * ONE, minutes)))
    )
    answer = source.articles(["AAPL"], TODAY - 9 * ONE, TODAY, NOW)
    assert (answer.coverage["state"] != "not_fetched").sum() == covered


UNDATED = [
    nested(9, "", title="x"),
    nested(9, noon(TODAY), pubDate="lately"),
    {"id": "q", "content": {"title": "x"}},
    {"id": "q", "content": "x"},
]


@pytest.mark.parametrize("item", UNDATED)
def test_an_item_without_a_date_leaves_nothing_covered(source, vendor, item):
    vendor.answers(NCP, stream(nested(1, noon(TODAY)), nested(2, noon(TODAY - 3 * ONE)), item))
    answer = source.articles(["AAPL"], TODAY - 6 * ONE, TODAY, NOW)
    assert set(answer.coverage["state"]) == {"not_fetched"}
    assert set(answer.coverage["reason"]) == {"an article could not be dated"}
    assert len(answer.articles) == 2
    (skipped,) = answer.skipped
    assert skipped.startswith("AAPL: an article without a date")


def test_days_that_are_long_over_are_not_asked_for_because_yahoo_has_no_history(source, vendor):
    answer = source.articles(["AAPL"], date(2016, 5, 2), date(2016, 5, 8), NOW)
    assert set(answer.coverage["state"]) == {"not_fetched"}
    assert set(answer.coverage["reason"]) == {"yahoo has no news from before 2025-05-18"}
    assert vendor.seen == []


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (stream(), EMPTY),
        (Reply({}), EMPTY),
        (Reply({"data": {}}), EMPTY),
        (Reply({"finance": {"error": {"code": "Unauthorized"}}}), EMPTY),
        (stream({"ad": ["buy"], "id": "x"}), EMPTY),
        (Reply(b"<html>Edge: not found</html>"), "Yahoo's answer is not whole JSON"),
        (Reply(b"Will be right back"), "Yahoo's answer is not whole JSON"),
        (Reply(b'{"data": {"ticker'), "Yahoo's answer is not whole JSON"),
        (Reply(b"null"), "Yahoo's answer cannot be read"),
        (Reply({"data": None}), "Yahoo's answer cannot be read"),
        (stream(1, "two"), "Yahoo's answer cannot be read"),
        (Reply({}, status=500), "Yahoo answers 500"),
        (Reply(b"<html>", status=503), "Yahoo answers 503"),
        (Reply({}, status=404), "Yahoo answers 404"),
        (Reply(b"Too Many Requests", status=429), "too many requests"),
        (Reply(reset=True), "Yahoo does not answer"),
        (stream(nested(1, noon(TODAY))).__class__({"data": {}}, cut=3), "Yahoo does not answer"),
        (stream(nested(1, "no date")), "an article could not be dated"),
        (stream(nested(1, noon(TODAY), title=None)), "1 items, none of them usable"),
    ],
)
def test_d11_a_failure_or_an_empty_answer_is_not_a_day_without_news(source, vendor, reply, says):
    vendor.answers(NCP, reply)
    answer = source.articles(["AAPL"], TODAY - ONE, TODAY, NOW)
    assert set(answer.coverage["state"]) == {"not_fetched"}
    assert all(says in reason for reason in answer.coverage["reason"]), answer.coverage["reason"].tolist()
    vendor.answers(NCP, stream(nested(1, noon(TODAY)), nested(2, noon(TODAY - 3 * ONE))))
    again = source.articles(["AAPL"], TODAY - ONE, TODAY, NOW)
    assert again.coverage["state"].tolist() == ["no_articles", "articles"]


def test_nobody_listening_is_a_reason(tmp_path, vendor):
    with VendorServer() as gone:
        url = gone.url
    source = ArchivedNews(YahooNews(url, Turns(1e6)), tmp_path / "news.sqlite", lambda: NOW)
    answer = source.articles(["AAPL"], TODAY, TODAY, NOW)
    assert answer.coverage["reason"].tolist() == ["Yahoo does not answer (ConnectionError)"]


SILENT = Reply({}, delay=5)


@pytest.mark.parametrize("is_only_the_news", [True, False], ids=["the news", "all of Yahoo"])
def test_when_yahoo_is_silent_one_name_is_asked_for(tmp_path, vendor, is_only_the_news, caplog):
    vendor.answers(NCP, SILENT)
    if not is_only_the_news:
        for path in ("/", "/consent", "/v1/test/getcrumb"):
            vendor.answers(path, SILENT)
    source = ArchivedNews(fetcher(vendor, timeout=(0.1, 0.1)), tmp_path / "news.sqlite", lambda: NOW)
    answer = source.articles([f"N{n:02d}" for n in range(20)], TODAY, TODAY, NOW)
    assert asked(vendor) == ["N00"]
    if not is_only_the_news:
        assert vendor.paths() == ["/", "/consent", NCP], "three time-outs, and no more"
    assert set(answer.coverage["state"]) == {"not_fetched"}
    reasons = answer.coverage["reason"].tolist()
    assert reasons[0] == "Yahoo does not answer (Timeout)"
    assert set(reasons[1:]) == {"not asked for, yahoo did not answer before: Yahoo does not answer (Timeout)"}
    assert caplog.text == "", "the reason says it all"


def test_when_yahoo_is_busy_the_other_names_are_not_asked_for(source, vendor):
    vendor.answers(NCP, Reply(b"Too Many Requests", status=429))
    names = [f"N{n:02d}" for n in range(20)]
    answer = source.articles(names, TODAY, TODAY, NOW)
    assert set(asked(vendor)) == {"N00", "N01", "N02"}
    assert set(answer.coverage["state"]) == {"not_fetched"}


def test_a_name_of_which_yahoo_knows_nothing_does_not_stop_the_others(source, vendor):
    vendor.answers(NCP, *[stream()] * 4, stream(nested(1, noon(TODAY)), nested(2, noon(TODAY - 3 * ONE))))
    names = [f"N{n:02d}" for n in range(6)]
    answer = source.articles(names, TODAY, TODAY, NOW)
    assert answer.coverage["state"].tolist() == [*["not_fetched"] * 4, "articles", "articles"]


def test_a_second_run_asks_nothing_where_all_is_covered(tmp_path, vendor):
    source = ArchivedNews(fetcher(vendor), tmp_path / "news.sqlite", lambda: SETTLED)
    vendor.answers(NCP, stream(*[nested(n, noon(TODAY - 4 * n * ONE)) for n in range(3)]))
    first = source.articles(["AAPL"], TODAY - 6 * ONE, TODAY, NOW)
    count = len(vendor.seen)
    second = source.articles(["AAPL"], TODAY - 6 * ONE, TODAY, NOW)
    assert len(vendor.seen) == count
    pd.testing.assert_frame_equal(first.articles, second.articles)
    pd.testing.assert_frame_equal(first.coverage, second.coverage)


def test_what_yahoo_no_longer_gives_stays_in_the_archive(tmp_path, vendor):
    path, week = tmp_path / "news.sqlite", timedelta(days=7)
    for monday, oldest in ((TODAY, TODAY - 9 * ONE), (TODAY + week, TODAY - ONE)):
        now = noon(monday, -60)
        days = [*range(0, (monday - oldest).days, 4), (monday - oldest).days]
        vendor.answers(NCP, stream(*[nested(f"{monday.day}-{n}", noon(monday - n * ONE, 9)) for n in days]))
        source = ArchivedNews(fetcher(vendor), path, lambda now=now: now)
        answer = source.articles(["AAPL"], TODAY - 6 * ONE, monday, now)
    assert "not_fetched" not in set(answer.coverage["state"])
    assert "id-16-0" in answer.articles["article_id"].tolist()


def test_yahoo_writes_share_classes_with_a_hyphen(source, vendor):
    vendor.answers(NCP, stream(nested(1, noon(TODAY)), nested(2, noon(TODAY - 3 * ONE))))
    answer = source.articles(["BRK.B"], TODAY, TODAY, NOW)
    assert asked(vendor) == ["BRK-B"]
    assert answer.articles["symbol"].tolist() == ["BRK.B"]


def test_what_was_shown_later_than_written_counts_from_when_it_was_shown():
    shown = nested(1, "2025-06-15T10:00:00Z", displayTime="2025-06-16T09:00:00Z")
    article = article_of(shown, "AAPL", NOW)
    assert article.published_at == datetime(2025, 6, 16, 9, tzinfo=UTC)


def test_the_address_to_click_on_stands_in_for_the_canonical_one():
    item = nested(1, noon(TODAY), canonicalUrl=None, clickThroughUrl={"url": "https://example.org/click"})
    assert article_of(item, "AAPL", NOW).url == "https://example.org/click"


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (nested(1, noon(TODAY), title=None), "an article without a headline (id id-1)"),
        (nested(1, noon(TODAY), title=" "), "an article without a headline (id id-1)"),
        (nested(1, noon(TODAY), title=7), "an article whose headline is no text (id id-1)"),
        (nested(1, noon(TODAY), pubDate=None, displayTime=None), "an article without a date (id id-1)"),
        (nested(1, noon(TODAY), pubDate="lately"), "an article without a date (id id-1)"),
        (nested(1, "2025-06-16T13:00:01Z"), "an article from the future (2025-06-16T13:00:01+00:00) (id id-1)"),
        (flat(1, noon(TODAY), providerPublishTime=None), "an article without a date (id id-1)"),
        (flat(1, noon(TODAY), providerPublishTime="1715000000"), "an article without a date (id id-1)"),
        (flat(1, noon(TODAY), providerPublishTime=1e30), "an article without a date (id id-1)"),
        (flat(1, noon(TODAY), providerPublishTime=True), "an article without a date (id id-1)"),
    ],
)
def test_an_item_that_cannot_be_used_is_told_with_its_reason(item, why):
    skip = article_of(item, "AAPL", NOW)
    assert (skip.symbol, skip.reason, skip.undated) == ("AAPL", why, "without a date" in why)


def test_meta_before_its_renaming_was_somebody_else():
    assert isinstance(article_of(nested(1, noon(date(2022, 6, 8))), "META", NOW), Skip)
    assert isinstance(article_of(nested(1, noon(date(2022, 6, 9))), "META", NOW), Article)


def test_requests_take_turns(vendor):
    waits, time = [], [0.0]
    turns = Turns(0.5, waits.append, lambda: time[0])
    vendor.answers(NCP, stream(nested(1, noon(TODAY))))
    fetcher(vendor, turns=turns).page(Batch("AAPL", ("AAPL",), (TODAY,)), None, NOW)
    assert len(waits) == len(vendor.seen) - 1
    assert waits == [2.0 * (n + 1) for n in range(len(waits))]


NESTED, FLAT = nested(1, noon(TODAY)), flat(1, noon(TODAY))


@given(
    disturbed(NESTED)
    | disturbed(NESTED["content"]).map(lambda content: {"id": "id-1", "content": content})
    | disturbed(FLAT)
    | ANYTHING
)
def test_whatever_an_item_is_it_becomes_a_sound_article_or_is_told(thing):
    found = article_of(thing, "AAPL", NOW)
    if isinstance(found, Skip):
        assert found.reason
        return
    assert found.published_at <= NOW
    assert found.day == news_day(found.published_at)
    assert found.headline
    assert found.article_id
    json.loads(found.raw)
    for text in (found.headline, found.summary, found.publisher, found.url, found.article_id, found.raw):
        assert "\0" not in text
        text.encode()
