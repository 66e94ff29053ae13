import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from alpaca_scene import FIRST, KEY, NEWS, NOW, SECRET, Alpaca, archived, fetcher, item, noon
from hypothesis import given, settings
from vendor_server import Reply, VendorServer
from wild_json import ANYTHING, disturbed

from learnfinance_dagster.calendar import decision_time, news_day
from learnfinance_dagster.errors import DataError, TransientError
from learnfinance_dagster.schemas.evidence import Articles
from resources.alpaca_data import NEWS_A_MINUTE, PRICES_A_MINUTE
from resources.news.alpaca import articles_of
from resources.news.fetched import Article, Batch, Skip

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
PAYLOADS = SHARED / "data" / "api" / "alpaca_py" / "payloads_from_alpaca_py_tests.json"
RECORDED = SHARED / "data" / "api" / "alpaca_news_2025-01_trimmed.json"
ONE = timedelta(days=1)
PLAIN = item(7, noon(FIRST), "AAPL", "MSFT")


@pytest.fixture
def vendor():
    with VendorServer() as server:
        yield server


@pytest.fixture
def ask(vendor, tmp_path):
    """Answer of an empty archive to a question about one day, with these items at Alpaca."""

    def answer(items, symbols=("AAPL",), day=FIRST, last=None):
        vendor.answers(NEWS, Alpaca(list(items)))
        return archived(vendor.url, tmp_path / "news.sqlite").articles(symbols, day, last or day, NOW)

    return answer


def stored(path):
    if not path.exists():
        pytest.skip(f"{path.name} is not on this machine")
    return json.loads(path.read_text())


def read(thing, symbols=("AAPL", "MSFT"), day=FIRST, now=NOW):
    return list(articles_of(thing, symbols, day, now))


def told(skips):
    return [f"{each.symbol}: {each.reason}" for each in skips]


def states(answer):
    return answer.coverage.set_index(["symbol"])[["state", "reason"]].T.to_dict("list")


def test_the_question_is_put_as_alpacas_own_client_puts_it(vendor):
    vendor.answers(NEWS, Reply({"news": [], "next_page_token": None}))
    fetcher(vendor.url).page(Batch("", ("AAPL", "META"), (FIRST,)), None, NOW)
    fetcher(vendor.url).page(Batch("", ("AAPL",), (FIRST,)), "abc", NOW)
    first, second = vendor.seen
    assert (first.method, first.path) == ("GET", "/v1beta1/news")
    assert first.query == {
        "symbols": "AAPL,META,FB",
        "start": "2024-05-05T12:30:00.000001Z",
        "end": "2024-05-06T12:30:00.000000Z",
        "limit": "50",
        "sort": "asc",
        "include_content": "false",
    }
    assert second.query == first.query | {"page_token": "abc", "symbols": "AAPL"}
    assert (first.headers["apca-api-key-id"], first.headers["apca-api-secret-key"]) == (KEY, SECRET)
    assert first.headers["user-agent"].startswith("APCA-PY/")


def test_of_a_day_that_goes_on_nothing_is_asked_from_the_future(vendor):
    vendor.answers(NEWS, Reply({"news": [], "next_page_token": None}))
    fetcher(vendor.url).page(Batch("", ("AAPL",), (FIRST,)), None, noon(FIRST, 90))
    assert vendor.seen[0].query["end"] == "2024-05-06T10:30:00.000000Z"


def test_alpacas_client_does_not_repeat_what_our_session_gave_up(vendor):
    vendor.answers(NEWS, Reply({}, status=504))
    with pytest.raises(TransientError, match="tried 2x"):
        fetcher(vendor.url, attempts=2, sleep=lambda _: None).page(Batch("", ("AAPL",), (FIRST,)), None, NOW)
    assert len(vendor.seen) == 2


def test_a_silent_server_does_not_hold_a_monday_for_ever(vendor):
    vendor.answers(NEWS, Reply({}, delay=5))
    with pytest.raises(TransientError, match="took too long"):
        fetcher(vendor.url, timeout=(1, 0.05)).page(Batch("", ("AAPL",), (FIRST,)), None, NOW)


def test_retry_after_is_honoured(vendor):
    slept = []
    empty = Reply({"news": [], "next_page_token": None})
    vendor.answers(NEWS, Reply({}, status=429, headers={"Retry-After": "9"}), empty)
    fetcher(vendor.url, attempts=2, sleep=slept.append).page(Batch("", ("AAPL",), (FIRST,)), None, NOW)
    assert 9.0 in slept


def test_no_more_is_asked_in_a_minute_than_alpaca_allows(vendor):
    vendor.answers(NEWS, Reply({"news": [], "next_page_token": None}))
    slept, clock = [], lambda: sum(slept)
    news = fetcher(vendor.url, a_minute=NEWS_A_MINUTE, sleep=slept.append, clock=clock)
    for _ in range(NEWS_A_MINUTE + 1):
        news.page(Batch("", ("AAPL",), (FIRST,)), None, NOW)
    assert clock() == pytest.approx(60.0), "the minute was full, and only then anybody waited"
    assert NEWS_A_MINUTE + PRICES_A_MINUTE < 200, "both have the same key"


@pytest.mark.parametrize("number", [9, 10])
def test_the_payloads_that_alpaca_py_tests_itself_with_are_read(vendor, number):
    payload = stored(PAYLOADS)[number]
    assert payload["test"] == "test_get_news"
    (told,) = payload["json"]["news"]
    day, symbol = news_day(datetime.fromisoformat(told["updated_at"])), told["symbols"][0]
    vendor.answers(NEWS, Reply(payload["json"]))
    page = fetcher(vendor.url).page(Batch("", (symbol,), (day,)), None, datetime(2025, 1, 1, tzinfo=UTC))
    (article,) = page.articles
    assert (article.article_id, article.symbol, article.day) == (str(told["id"]), symbol, day)
    assert (article.publisher, article.url) == (told["source"], told["url"])
    assert page.next_token == payload["json"]["next_page_token"]
    assert page.skipped == ()


def test_recorded_items_are_all_read_once_they_are_tagged():
    items = stored(RECORDED)["news"]
    for number, recorded in enumerate(items):
        tagged = recorded | {"id": number, "symbols": ["AAPL"]}
        day = news_day(datetime.fromisoformat(recorded["created_at"]))
        (article,) = articles_of(tagged, ["AAPL"], day, datetime(2025, 6, 1, tzinfo=UTC))
        assert isinstance(article, Article)
        assert "&#" not in article.headline


def test_an_article_counts_for_every_asked_name_that_it_is_tagged_with(ask):
    answer = ask([item(1, noon(FIRST), "NVDA", "MSFT", "AAPL")], ["AAPL", "MSFT", "TSLA"])
    assert answer.articles["symbol"].tolist() == ["AAPL", "MSFT"]
    assert dict(answer.coverage[["symbol", "state"]].to_numpy()) == {
        "AAPL": "articles", "MSFT": "articles", "TSLA": "no_articles",
    }  # fmt: skip


def test_fields_are_taken_over_as_plain_text(ask):
    wild = item(
        1, noon(FIRST), "AAPL", headline="  A&amp;B <b>rises</b>\n", summary="<p>Up &#37;</p>", source="",
        author="Jo&eacute;", url="javascript:alert(1)",
    )  # fmt: skip
    row = ask([wild]).articles.iloc[0]
    assert row[["headline", "summary", "publisher", "url"]].tolist() == ["A&B rises", "Up %", "Joé", ""]
    assert json.loads(row["raw"]) == wild


def test_fb_was_meta_and_meta_was_somebody_else(ask, vendor):
    before, since = date(2022, 6, 8), date(2022, 6, 9)
    answer = ask(
        [
            item(1, noon(before), "FB"),
            item(2, noon(before), "META"),
            item(3, noon(before, 5), "FB", "META"),
            item(4, noon(since), "META"),
            item(5, noon(since, 5), "FB"),
        ],
        ["META"],
        before,
        since,
    )
    assert sorted(answer.articles["article_id"]) == ["1", "3", "4", "5"]
    assert set(answer.articles["symbol"]) == {"META"}
    assert answer.skipped == ("META: that day another company had this ticker (id 2)",)
    assert {seen.query["symbols"] for seen in vendor.seen} == {"META,FB"}


def test_who_asks_for_fb_is_answered_about_meta(ask):
    answer = ask([item(1, noon(date(2016, 5, 4)), "FB")], ["FB"], date(2016, 5, 4))
    assert answer.coverage[["symbol", "state"]].to_numpy().tolist() == [["META", "articles"]]


@pytest.mark.parametrize("name", ["BRK.B", "BRK-B"])
def test_a_share_class_is_asked_for_in_alpacas_spelling_and_answered_in_ours(ask, vendor, name):
    answer = ask([item(1, noon(FIRST), "BRK.B")], [name])
    assert vendor.seen[0].query["symbols"] == "BRK.B"
    assert answer.articles["symbol"].tolist() == [name]


def test_an_updated_article_became_public_when_it_was_updated():
    updated = PLAIN | {"created_at": "2024-05-05T18:00:00Z", "updated_at": "2024-05-06T11:00:00.5Z"}
    moment = datetime(2024, 5, 6, 11, 0, 0, 500_000, tzinfo=UTC)
    assert {article.published_at for article in read(updated)} == {moment}
    swapped = updated | {"created_at": updated["updated_at"], "updated_at": updated["created_at"]}
    assert {article.published_at for article in read(swapped)} == {moment}


def test_an_article_of_another_day_than_was_asked_is_told_and_not_used():
    later = PLAIN | {"updated_at": "2024-05-08T11:00:00Z"}
    assert read(later) == [
        Skip(name, "an article of 2024-05-08, not of 2024-05-06 (id 7)") for name in ("AAPL", "MSFT")
    ]


@pytest.mark.parametrize(
    ("at", "day"), [(decision_time(FIRST), FIRST), (decision_time(FIRST) + timedelta(seconds=1), FIRST + ONE)]
)
def test_the_last_second_of_a_news_day_belongs_to_it(ask, at, day):
    answer = ask([item(1, at, "AAPL")], day=FIRST, last=FIRST + ONE)
    assert answer.articles["day"].tolist() == [day]
    assert answer.skipped == ()


MALFORMED = {
    "no symbols": {"symbols": None},
    "symbols as objects": {"symbols": [{"symbol": "AAPL"}]},
    "symbols with a prefix": {"symbols": ["NASDAQ:AAPL"]},
    "no dates": {"created_at": None, "updated_at": None},
    "dates as numbers": {"created_at": 1715169600, "updated_at": 1715169600},
    "no headlines": {"headline": None},
}


@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED)
def test_a_page_of_which_no_item_can_be_read_does_not_become_a_day_without_articles(vendor, ask, tmp_path, change):
    """A vendor that renames a field left days covered for good as `no_articles`."""
    page = {"news": [item(n, noon(FIRST, n), "AAPL") | change for n in range(50)], "next_page_token": None}
    vendor.answers(NEWS, Reply(page))
    source = archived(vendor.url, tmp_path / "news.sqlite")
    (state, reason) = states(source.articles(["AAPL"], FIRST, FIRST, NOW))["AAPL"]
    assert state == "not_fetched"
    assert "no item of a page can be read" in reason
    assert states(ask([item(n, noon(FIRST, n), "AAPL") for n in range(50)])) == {"AAPL": ["articles", ""]}


@pytest.mark.parametrize("count", [0, 50])
def test_a_page_that_does_not_say_whether_another_one_follows_is_not_taken_for_the_last(vendor, tmp_path, count):
    vendor.answers(NEWS, Reply({"news": [item(n, noon(FIRST, n), "AAPL") for n in range(count)]}))
    answer = archived(vendor.url, tmp_path / "news.sqlite").articles(["AAPL", "MSFT"], FIRST, FIRST, NOW)
    why = ["not_fetched", "Alpaca's answer is no page of news"]
    assert states(answer) == {"AAPL": why, "MSFT": why}


def test_an_article_that_cannot_be_dated_does_not_let_its_name_count_as_covered(vendor, ask, tmp_path):
    page = [item(1, noon(FIRST), "AAPL", "MSFT"), item(2, noon(FIRST), "AAPL", updated_at="soon")]
    vendor.answers(NEWS, Reply({"news": page, "next_page_token": None}))
    source = archived(vendor.url, tmp_path / "news.sqlite")
    for _ in range(2):
        answer = source.articles(["AAPL", "MSFT"], FIRST, FIRST, NOW)
        assert states(answer) == {
            "AAPL": ["not_fetched", "an article could not be dated"],
            "MSFT": ["articles", ""],
        }
        assert answer.skipped == ("AAPL: an article without a date (id 2)",)
    assert [seen.query["symbols"] for seen in vendor.seen] == ["AAPL,MSFT", "AAPL"]
    mended = ask([item(1, noon(FIRST), "AAPL", "MSFT"), item(2, noon(FIRST), "AAPL")], ["AAPL", "MSFT"])
    assert states(mended) == {"AAPL": ["articles", ""], "MSFT": ["articles", ""]}
    assert mended.skipped == ()


def test_an_undated_article_of_a_page_before_the_back_fill_was_interrupted_is_not_forgotten(vendor, tmp_path):
    undated = item(2, noon(FIRST), "AAPL", created_at=None, updated_at=None)
    pages = [
        Reply({"news": [item(1, noon(FIRST, 9), "AAPL", "MSFT"), undated], "next_page_token": "second"}),
        Reply({}, status=500),
        Reply({"news": [item(3, noon(FIRST), "MSFT")], "next_page_token": None}),
    ]
    vendor.answers(NEWS, *pages)
    source = archived(vendor.url, tmp_path / "news.sqlite")
    source.articles(["AAPL", "MSFT"], FIRST, FIRST, NOW)
    answer = source.articles(["AAPL", "MSFT"], FIRST, FIRST, NOW)
    assert [seen.query.get("page_token") for seen in vendor.seen] == [None, "second", "second"]
    assert states(answer)["AAPL"] == ["not_fetched", "an article could not be dated"]
    assert states(answer)["MSFT"] == ["articles", ""]


def test_one_item_that_cannot_be_read_among_others_is_told_and_costs_nothing(vendor, tmp_path):
    page = {"news": [item(1, noon(FIRST), "AAPL"), {"id": 2}], "next_page_token": None}
    vendor.answers(NEWS, Reply(page))
    answer = archived(vendor.url, tmp_path / "news.sqlite").articles(["AAPL", "MSFT"], FIRST, FIRST, NOW)
    assert states(answer) == {"AAPL": ["articles", ""], "MSFT": ["no_articles", ""]}
    assert answer.skipped == ("?: an item without a list of symbols (id 2)",)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"created_at": None, "updated_at": None}, "an article without a date"),
        ({"created_at": "yesterday"}, "an article without a date"),
        ({"updated_at": 1715000000}, "an article without a date"),
        ({"updated_at": "2024-05-06T12:00:00"}, "an article without a date"),
        ({"updated_at": "9999-12-31T23:59:59-14:00"}, "an article without a date"),
        ({"updated_at": "2999-01-01T00:00:00Z"}, "an article from the future (2999-01-01T00:00:00+00:00)"),
        ({"headline": None}, "an article without a headline"),
        ({"headline": ""}, "an article without a headline"),
        ({"headline": " <p>&nbsp;</p> "}, "an article without a headline"),
        ({"headline": 42}, "an article whose headline is no text"),
        ({"headline": ["Up"]}, "an article whose headline is no text"),
    ],
)
def test_an_item_that_cannot_be_used_is_told_with_its_reason(change, why):
    found = read(PLAIN | change)
    assert [(each.symbol, each.reason) for each in found] == [("AAPL", f"{why} (id 7)"), ("MSFT", f"{why} (id 7)")]
    assert {each.undated for each in found} == {why == "an article without a date"}


@pytest.mark.parametrize("symbols", ["AAPL", None, 7, {"AAPL": 1}])
def test_symbols_that_are_no_list_are_told(symbols):
    assert told(read(PLAIN | {"symbols": symbols})) == ["?: an item without a list of symbols (id 7)"]


@pytest.mark.parametrize("symbols", [[], ["NVDA"], [None, 7, ["AAPL"]]])
def test_an_item_about_nobody_asked_for_is_told(symbols):
    assert told(read(PLAIN | {"symbols": symbols})) == ["?: an article about none of the asked names (id 7)"]


@pytest.mark.parametrize("thing", [None, 7, "news", [], [PLAIN], True])
def test_an_item_that_is_no_object_is_told(thing):
    (skip,) = read(thing)
    assert skip.symbol == "?"


@pytest.mark.parametrize("missing", [None, "", True, [], 1.5])
def test_an_article_without_an_id_gets_one_from_its_text(missing):
    one, other = read(PLAIN | {"id": missing}), read(PLAIN | {"id": missing, "headline": "Another"})
    assert one[0].article_id == one[1].article_id != other[0].article_id
    assert read(PLAIN | {"id": missing}) == one


def test_an_item_that_comes_twice_counts_once(ask):
    twice = item(1, noon(FIRST), "AAPL", "AAPL")
    answer = ask([twice, twice, item(2, noon(FIRST, 5), "AAPL")])
    assert answer.articles["article_id"].tolist() == ["2", "1"]


@pytest.mark.parametrize(
    "page",
    ["busy", None, {"news": "none"}, {"news": [], "next_page_token": 7}, {"news": [], "next_page_token": "\ud800"}],
)
def test_a_page_that_is_none_is_an_error(vendor, page):
    vendor.answers(NEWS, Reply(page))
    with pytest.raises(DataError):
        fetcher(vendor.url).page(Batch("", ("AAPL",), (FIRST,)), None, NOW)


def test_more_names_than_fit_into_an_address_are_asked_for_in_several_requests():
    names = [f"N{n:03d}" for n in range(900)]
    batches = fetcher("http://unused").batches({FIRST: names, FIRST + ONE: names[:1]})
    assert [len(batch.symbols) for batch in batches] == [400, 400, 100, 1]
    assert [name for batch in batches[:3] for name in batch.symbols] == names


def test_days_before_alpacas_archive_are_not_asked_for(ask, vendor):
    answer = ask([], day=date(2014, 12, 30), last=date(2015, 1, 2))
    assert answer.coverage["state"].tolist() == ["not_fetched", "not_fetched", "no_articles", "no_articles"]
    assert answer.coverage["reason"].tolist()[0] == "alpaca has no news from before 2015-01-01"
    assert len(vendor.seen) == 2


@given(disturbed(PLAIN) | ANYTHING)
def test_whatever_an_item_is_it_becomes_a_sound_article_or_is_told(thing):
    found = read(thing)
    assert found
    for each in found:
        if isinstance(each, Article):
            assert each.symbol in {"AAPL", "MSFT"}
            assert each.day == news_day(each.published_at) == FIRST
            assert each.published_at <= NOW
            assert each.headline
            assert each.article_id
            json.loads(each.raw)
        else:
            assert each.reason
        assert all("\0" not in text for text in _texts(each))
        assert [text.encode() for text in _texts(each)]


def _texts(each):
    return [value for value in (getattr(each, name) for name in each.__slots__) if isinstance(value, str)]


@settings(max_examples=25, deadline=None)
@given(page=disturbed({"news": [PLAIN], "next_page_token": None}), thing=disturbed(PLAIN))
def test_whatever_a_page_is_the_archive_gives_frames_as_the_port_says(page, thing, tmp_path_factory):
    if page.get("news") == [PLAIN]:
        page = page | {"news": [thing, PLAIN, thing]}
    body = json.dumps(page).encode()
    with VendorServer() as vendor:
        vendor.answers(NEWS, Reply(body))
        source = archived(vendor.url, tmp_path_factory.mktemp("wild") / "news.sqlite")
        answer = source.articles(["AAPL", "MSFT"], FIRST, FIRST, NOW)
    pd.testing.assert_frame_equal(Articles.validate(answer.articles), answer.articles)
    if not isinstance(page.get("news"), list):
        assert set(answer.coverage["state"]) == {"not_fetched"}
