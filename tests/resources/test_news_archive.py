import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path

import alpaca_scene
import pandas as pd
import pytest
from alpaca_scene import (
    FIRST,
    KEY,
    LAST,
    NAMES,
    NEWS,
    NOW,
    SECRET,
    Alpaca,
    archived,
    busy_week,
    fetcher,
    item,
    noon,
    whole_week,
)
from vendor_server import Reply, VendorServer

from learnfinance_dagster.calendar import KOLKATA, NEW_YORK, decision_time, news_day
from learnfinance_dagster.errors import ConfigurationError, TransientError
from learnfinance_dagster.schemas.evidence import Articles, NewsCoverage
from resources.news.alpaca import AlpacaNews
from resources.news.archive import ArchivedNews
from resources.news.fetched import Article, Batch, Page
from resources.news.store import NewsStore
from resources.raw_evidence import RawFolder

ROOT = Path(__file__).resolve().parents[2]
ONE = timedelta(days=1)
PAGES = 10
"""Of the busy week."""


@pytest.fixture
def vendor():
    with VendorServer() as server:
        server.answers(NEWS, Alpaca(busy_week()))
        yield server


@pytest.fixture
def path(tmp_path):
    return tmp_path / "news" / "news.sqlite"


def states(answer):
    return {(row.day, row.symbol): row.state for row in answer.coverage.itertuples()}


def reasons(answer):
    return set(answer.coverage["reason"])


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.articles, other.articles)
    pd.testing.assert_frame_equal(one.coverage, other.coverage)
    assert one.skipped == other.skipped


def pages(vendor):
    """How often each page was asked for."""
    return Counter((seen.query["start"], seen.query["symbols"], seen.query.get("page_token")) for seen in vendor.seen)


def test_every_article_of_a_busy_day_comes_however_many_pages_it_takes(vendor, path):
    answer = whole_week(archived(vendor.url, path))
    sent = Counter(
        (symbol, news_day(datetime.fromisoformat(each["updated_at"])))
        for each in busy_week()
        for symbol in each["symbols"]
    )
    assert max(sent.values()) > 50
    assert Counter(zip(answer.articles["symbol"], answer.articles["day"], strict=True)) == sent
    assert answer.skipped == ()


def test_the_frames_are_as_the_port_says(vendor, path):
    answer = whole_week(archived(vendor.url, path))
    for frame, model in ((answer.articles, Articles), (answer.coverage, NewsCoverage)):
        pd.testing.assert_frame_equal(model.validate(frame), frame)
    keys = ["symbol", "published_at", "article_id"]
    pd.testing.assert_frame_equal(answer.articles, answer.articles.sort_values(keys, ignore_index=True))
    assert str(answer.articles["published_at"].dtype) == "datetime64[us, UTC]"
    assert answer.coverage[["day", "symbol"]].to_numpy().tolist() == [
        [FIRST + n * ONE, name] for n in range(7) for name in NAMES
    ]


def test_frames_without_a_row_have_the_same_columns_and_dtypes(vendor, path):
    source = archived(vendor.url, path)
    full, quiet = whole_week(source), source.articles(["AAPL"], FIRST + 3 * ONE, FIRST + 3 * ONE, NOW)
    nobody, nowhen = source.articles([], FIRST, LAST, NOW), source.articles(["AAPL"], LAST, FIRST, NOW)
    for empty in (quiet, nobody, nowhen):
        assert empty.articles.empty
        assert empty.articles.dtypes.to_dict() == full.articles.dtypes.to_dict()
        assert empty.coverage.dtypes.to_dict() == full.coverage.dtypes.to_dict()
    assert states(quiet) == {(FIRST + 3 * ONE, "AAPL"): "no_articles"}
    assert nobody.coverage.empty
    assert nowhen.coverage.empty


def test_a_second_run_asks_nothing_and_answers_the_same(vendor, path):
    first = whole_week(archived(vendor.url, path))
    asked = len(vendor.seen)
    assert_same(whole_week(archived(vendor.url, path)), first)
    assert len(vendor.seen) == asked


def test_a_day_without_articles_is_fetched_once_and_not_for_ever(vendor, path):
    source, quiet = archived(vendor.url, path), FIRST + 3 * ONE
    for _ in range(3):
        assert set(states(source.articles(NAMES, quiet, quiet, NOW)).values()) == {"no_articles"}
    assert len(vendor.seen) == 1


def test_all_names_that_miss_a_day_are_asked_for_in_one_request_and_only_those(vendor, path):
    source, quiet = archived(vendor.url, path), FIRST + 3 * ONE
    source.articles(["AAPL"], quiet, quiet, NOW)
    source.articles(["AAPL", "MSFT", "NVDA"], quiet, quiet, NOW)
    assert [seen.query["symbols"] for seen in vendor.seen] == ["AAPL", "MSFT,NVDA"]


def test_the_newest_day_is_asked_for_first(vendor, path):
    whole_week(archived(vendor.url, path))
    days = list(dict.fromkeys(seen.query["end"][:10] for seen in vendor.seen))
    assert days == [(LAST - n * ONE).isoformat() for n in range(7)]


def test_the_order_and_spelling_of_names_do_not_matter(vendor, path, tmp_path):
    straight = whole_week(archived(vendor.url, path))
    other = archived(vendor.url, tmp_path / "other.sqlite")
    assert_same(other.articles(["msft ", "FB", "AAPL", "META", "MSFT"], FIRST, LAST, NOW), straight)


# --- killed in the middle -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [2, 5, PAGES])
def test_a_back_fill_that_is_killed_goes_on_at_the_page_where_it_was(vendor, path, tmp_path, at):
    uninterrupted = whole_week(archived(vendor.url, tmp_path / "other.sqlite"))
    vendor.seen.clear()
    honest = Alpaca(busy_week())
    vendor.answers(NEWS, *[honest] * (at - 1), lambda seen: Reply(honest(seen).body, delay=30))
    child = subprocess.Popen(
        [sys.executable, alpaca_scene.__file__, vendor.url, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'fakes'}"},
    )
    try:
        while len(vendor.seen) < at:
            assert child.poll() is None, "the child ended by itself"
            time.sleep(0.01)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    vendor.answers(NEWS, honest)
    assert_same(whole_week(archived(vendor.url, path)), uninterrupted)
    twice = [page for page, times in pages(vendor).items() if times > 1]
    in_flight = vendor.seen[at - 1].query
    assert twice == [(in_flight["start"], in_flight["symbols"], in_flight.get("page_token"))]
    assert max(pages(vendor).values()) == 2


@pytest.mark.parametrize("broken", [0, 4, 5, 8, PAGES - 1])
def test_whichever_page_fails_nothing_is_lost_and_only_that_page_is_asked_for_again(vendor, path, tmp_path, broken):
    uninterrupted = whole_week(archived(vendor.url, tmp_path / "other.sqlite"))
    vendor.seen.clear()
    honest = Alpaca(busy_week())
    vendor.answers(NEWS, *[honest] * broken, Reply({}, status=503), honest)
    source = archived(vendor.url, path)
    interrupted = whole_week(source)
    assert "not_fetched" in states(interrupted).values()
    assert_same(whole_week(source), uninterrupted)
    assert len(pages(vendor)) == PAGES
    assert sum(pages(vendor).values()) == PAGES + 1


def test_a_page_is_written_whole_or_not_at_all(vendor, path, tmp_path, monkeypatch):
    uninterrupted = archived(vendor.url, tmp_path / "other.sqlite").articles(NAMES, FIRST, FIRST, NOW)
    vendor.seen.clear()
    source = archived(vendor.url, path)
    with monkeypatch.context() as broken:
        broken.setattr(NewsStore, "_cover", lambda *_: 1 / 0 if len(vendor.seen) == 3 else None)
        with pytest.raises(ZeroDivisionError):
            source.articles(NAMES, FIRST, FIRST, NOW)
    assert_same(source.articles(NAMES, FIRST, FIRST, NOW), uninterrupted)
    assert len(vendor.seen) == 4, "the last page is asked for again, and none before it"


def test_a_page_token_that_grew_old_starts_the_day_again(vendor, path, tmp_path):
    uninterrupted = whole_week(archived(vendor.url, tmp_path / "other.sqlite"))
    honest = Alpaca(busy_week())
    vendor.answers(NEWS, honest, Reply({}, status=500))
    source = archived(vendor.url, path)
    source.articles(NAMES, FIRST, FIRST, NOW)
    vendor.answers(NEWS, Reply({"message": "invalid page_token"}, status=400), honest)
    source.articles(NAMES, FIRST, FIRST, NOW)
    assert ["page_token" in seen.query for seen in vendor.seen[-4:]] == [True, False, True, True]
    assert_same(whole_week(source), uninterrupted)


def test_a_server_that_refuses_every_token_is_not_asked_for_ever(vendor, path):
    honest = Alpaca(busy_week())

    def refuses_tokens(seen):
        return Reply({"message": "no such token"}, status=400) if "page_token" in seen.query else honest(seen)

    vendor.answers(NEWS, refuses_tokens)
    answer = archived(vendor.url, path).articles(NAMES, FIRST, FIRST, NOW)
    assert set(states(answer).values()) == {"not_fetched"}
    assert len(vendor.seen) == 4


def test_a_server_that_leads_in_circles_is_not_followed_for_ever(vendor, path):
    vendor.answers(NEWS, Reply({"news": [], "next_page_token": "again"}))
    answer = archived(vendor.url, path).articles(["AAPL"], FIRST, FIRST, NOW)
    assert reasons(answer) == {"alpaca leads in circles from page to page"}
    assert len(vendor.seen) == 2


def test_two_runs_at_once_fill_one_archive_and_both_are_answered_in_full(vendor, path, tmp_path):
    uninterrupted = whole_week(archived(vendor.url, tmp_path / "other.sqlite"))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: whole_week(archived(vendor.url, path)), range(4)))
    for answer in answers:
        assert_same(answer, uninterrupted)


# --- what failed is not what was empty ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Reply({"message": "internal"}, status=500), "answers 500"),
        (Reply({"message": "slow down"}, status=429), "too many requests"),
        (Reply(reset=True), "the connection failed"),
        (Reply({"news": [], "next_page_token": None}, cut=4), "the connection failed"),
        (Reply(b'{"news": ['), "not whole JSON"),
        (Reply([]), "no page of news"),
        (Reply({}), "no page of news"),
        (Reply({"news": None, "next_page_token": None}), "no page of news"),
        (Reply({"news": {}, "next_page_token": None}), "no page of news"),
        (Reply({"news": [], "next_page_token": 7}), "no page of news"),
        (Reply({"message": "bad symbol"}, status=400), "bad symbol"),
        (Reply({"message": "forbidden."}, status=403), "credentials"),
        (Reply({"message": "no"}, status=401), "credentials"),
    ],
)
def test_d11_a_failure_never_becomes_a_day_without_news(vendor, path, fault, says):
    vendor.answers(NEWS, fault)
    source = archived(vendor.url, path)
    failed = whole_week(source)
    assert set(states(failed).values()) == {"not_fetched"}
    assert all(says in reason for reason in reasons(failed))
    vendor.answers(NEWS, Alpaca(busy_week()))
    assert "not_fetched" not in states(whole_week(source)).values(), "the next run asks again"


@pytest.mark.parametrize("credentials", [(None, None), ("", ""), (KEY, None), (None, SECRET)])
def test_d11_without_credentials_no_day_is_covered_and_the_reason_says_what_to_set(vendor, path, credentials):
    source = ArchivedNews(AlpacaNews(*credentials, vendor.url), path, lambda: NOW)
    answer = source.articles(NAMES, FIRST, NOW.date(), NOW)
    assert set(states(answer).values()) == {"not_fetched"}
    assert all("ALPACA_API_KEY" in reason and "ALPACA_API_SECRET" in reason for reason in reasons(answer))
    assert vendor.seen == []
    assert "not_fetched" not in states(whole_week(archived(vendor.url, path))).values()


def test_what_the_archive_holds_is_given_also_without_credentials(vendor, path):
    full = whole_week(archived(vendor.url, path))
    assert_same(whole_week(ArchivedNews(AlpacaNews(None, None), path, lambda: NOW)), full)


def test_after_three_failures_in_a_row_the_rest_is_not_asked_for(vendor, path):
    vendor.answers(NEWS, Reply({}, status=503))
    answer = archived(vendor.url, path).articles(NAMES, FIRST - 300 * ONE, LAST, NOW)
    assert len(vendor.seen) == 3
    told = answer.coverage.set_index(["day", "symbol"])["reason"]
    assert "answers 503" in told[FIRST, "AAPL"]
    assert told[FIRST, "AAPL"].startswith("not asked for, after 3 failures in a row")


@pytest.mark.parametrize("silence", [Reply({}, delay=5), Reply(reset=True)], ids=["no answer", "no connection"])
def test_after_one_silence_the_rest_is_not_asked_for_and_the_next_question_is(vendor, path, silence):
    """Fifteen time-outs, and then the same again for the next asset, kept a Monday waiting for a quarter of an hour."""
    vendor.answers(NEWS, silence)
    impatient = fetcher(vendor.url, attempts=3, timeout=(1, 0.05), sleep=lambda _seconds: None)
    source = ArchivedNews(impatient, path, lambda: NOW)
    for question in (1, 2):
        answer = source.articles(NAMES, FIRST - 300 * ONE, LAST, NOW)
        assert len(vendor.seen) == 3 * question
    assert set(states(answer).values()) == {"not_fetched"}
    told = answer.coverage.set_index(["day", "symbol"])["reason"]
    assert told[LAST, "AAPL"].endswith("(tried 3x)")
    assert told[FIRST, "AAPL"].startswith("not asked for, alpaca did not answer before: 127.0.0.1")


def test_failures_that_are_not_in_a_row_cost_only_their_days(vendor, path):
    honest, broken = Alpaca([]), Reply({}, status=500)
    vendor.answers(NEWS, broken, broken, honest, broken, broken, honest, broken)
    answer = archived(vendor.url, path).articles(["AAPL"], FIRST, LAST, NOW)
    assert [states(answer)[LAST - n * ONE, "AAPL"] for n in range(7)] == [
        *["not_fetched"] * 2, "no_articles", *["not_fetched"] * 2, "no_articles", "not_fetched",
    ]  # fmt: skip


def test_refused_credentials_are_tried_once(vendor, path):
    vendor.answers(NEWS, Reply({"message": "forbidden."}, status=403))
    whole_week(archived(vendor.url, path))
    assert len(vendor.seen) == 1


def test_no_secret_reaches_reasons_progress_logs_or_the_archive(vendor, path, caplog):
    caplog.set_level(logging.DEBUG)

    def echo(seen):
        return Reply({"message": f"denied: {dict(seen.headers)}"}, status=400)

    said = []
    vendor.answers(NEWS, echo, echo, Alpaca(busy_week()))
    answer = whole_week(archived(vendor.url, path, say=said.append))
    assert "denied" in str(reasons(answer))
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"canary" not in kept
    assert "canary" not in answer.coverage.to_csv() + answer.articles.to_csv() + str(said) + caplog.text


# --- days that are not over -----------------------------------------------------------------------------------------


def today(vendor, path, now, *, known_at=None):
    source = archived(vendor.url, path, clock=lambda: now)
    return source.articles(["AAPL"], FIRST, FIRST, known_at or now)


def test_d12_that_only_today_is_missing_is_no_failure_and_its_articles_so_far_are_given(vendor, path):
    early, late = item(1, noon(FIRST, 300), "AAPL"), item(2, noon(FIRST, 5), "AAPL")
    vendor.answers(NEWS, Alpaca([early, late]))
    morning, over = noon(FIRST, 200), noon(FIRST, -30)
    answer = today(vendor, path, morning)
    assert answer.articles["article_id"].tolist() == ["1"]
    assert answer.coverage[["state", "reason"]].to_numpy().tolist() == [["not_fetched", "the day is not over"]]
    assert today(vendor, path, over - timedelta(microseconds=1)).articles["article_id"].tolist() == ["1", "2"]
    answer = today(vendor, path, over)
    assert states(answer) == {(FIRST, "AAPL"): "articles"}
    assert answer.articles["article_id"].tolist() == ["1", "2"]


def test_a_day_is_not_stored_as_covered_while_the_wall_clock_or_the_question_is_inside_it(vendor, path):
    vendor.answers(NEWS, Alpaca([]))
    inside, over = noon(FIRST, 60), NOW
    for now, known_at in ((inside, over), (over, inside), (inside, inside)):
        assert states(today(vendor, path, now, known_at=known_at)) == {(FIRST, "AAPL"): "not_fetched"}
    assert states(today(vendor, path, over)) == {(FIRST, "AAPL"): "no_articles"}


SETTLED = decision_time(FIRST) + timedelta(hours=6)


def test_an_article_that_is_indexed_just_after_its_day_ended_is_not_missed_for_ever(vendor, path):
    """Asked in the very second in which the day ended, it was covered for good as a day without articles."""
    busy = Alpaca([])
    vendor.answers(NEWS, busy)
    decision = today(vendor, path, decision_time(FIRST))
    assert states(decision) == {(FIRST, "AAPL"): "no_articles"}, "the decision sees its last day as fetched"
    busy.items = [item(1, decision_time(FIRST) - timedelta(seconds=3), "AAPL")]
    later = today(vendor, path, NOW, known_at=decision_time(FIRST))
    assert states(later) == {(FIRST, "AAPL"): "articles"}
    assert later.articles["article_id"].tolist() == ["1"]
    assert later.skipped == ()
    assert_same(today(vendor, path, NOW, known_at=decision_time(FIRST)), later)
    assert len(vendor.seen) == 2, "once it has settled it is asked for once more, and then never again"


@pytest.mark.parametrize(("at", "requests"), [(SETTLED - timedelta(microseconds=1), 2), (SETTLED, 1)])
def test_a_day_is_final_when_it_was_asked_for_six_hours_after_its_end(vendor, path, at, requests):
    vendor.answers(NEWS, Alpaca([item(1, noon(FIRST), "AAPL")]))
    first, second = (today(vendor, path, at, known_at=decision_time(FIRST)) for _ in range(2))
    assert_same(first, second)
    assert states(first) == {(FIRST, "AAPL"): "articles"}
    assert len(vendor.seen) == requests


def test_a_day_that_has_not_settled_is_not_fetched_when_its_second_fetch_fails(vendor, path):
    vendor.answers(NEWS, Alpaca([item(1, noon(FIRST), "AAPL")]), Reply({}, status=500))
    today(vendor, path, decision_time(FIRST))
    answer = today(vendor, path, NOW, known_at=decision_time(FIRST))
    assert states(answer) == {(FIRST, "AAPL"): "not_fetched"}
    assert "answers 500" in str(reasons(answer))
    assert len(answer.articles) == 1


def test_a_fetch_that_was_interrupted_before_its_day_settled_does_not_go_on_at_an_old_page(vendor, path):
    """Its first pages may lack what was indexed since."""
    busy = Alpaca([item(n, noon(FIRST, 800 - n), "AAPL") for n in range(120)])
    vendor.answers(NEWS, busy, Reply({}, status=500), busy)
    today(vendor, path, decision_time(FIRST))
    answer = today(vendor, path, NOW)
    assert ["page_token" in seen.query for seen in vendor.seen] == [False, True, False, True, True]
    assert len(answer.articles) == 120


def test_a_day_that_went_on_is_asked_for_from_its_start(vendor, path):
    busy = Alpaca([item(n, noon(FIRST, 800 - n), "AAPL") for n in range(120)])
    vendor.answers(NEWS, busy, Reply({}, status=500), busy)
    for now in (noon(FIRST, 100), noon(FIRST, 50), NOW):
        answer = today(vendor, path, now)
    assert ["page_token" in seen.query for seen in vendor.seen] == [False, True, *[False, True, True] * 2]
    assert len(answer.articles) == 120


def test_a_day_that_has_not_begun_is_not_asked_for(vendor, path):
    answer = archived(vendor.url, path, clock=lambda: noon(FIRST)).articles(["AAPL"], FIRST + ONE, LAST, NOW)
    assert reasons(answer) == {"the day is not over"}
    assert vendor.seen == []


def test_a_question_from_the_past_is_answered_from_the_archive_as_it_was_then(vendor, path):
    source = archived(vendor.url, path)
    whole_week(source)
    asked, then = len(vendor.seen), noon(FIRST, 200)
    answer = source.articles(NAMES, FIRST, LAST, then)
    assert answer.articles["published_at"].max() <= pd.Timestamp(then)
    assert not answer.articles.empty
    assert set(states(answer).values()) == {"not_fetched"}
    assert reasons(answer) == {"the day is not over"}
    assert len(vendor.seen) == asked


def test_a_moment_without_a_time_zone_is_refused(path):
    with pytest.raises(ValueError, match="has no time zone"):
        archived("http://unused", path).articles(NAMES, FIRST, LAST, NOW.replace(tzinfo=None))


# --- what was answered once is answered again -----------------------------------------------------------------------


def test_an_article_that_is_rewritten_later_stays_as_it_was_first_known(vendor, path):
    first = item(1, noon(FIRST, 300), "AAPL")
    rewritten = {**first, "headline": "Quite another thing", "updated_at": "2024-05-08T10:00:00Z"}
    vendor.answers(NEWS, Alpaca([first]), Alpaca([rewritten]))
    source = archived(vendor.url, path)
    before = source.articles(["AAPL"], FIRST, FIRST, NOW)
    after = source.articles(["AAPL"], FIRST, LAST, NOW)
    assert before.articles["headline"].tolist() == ["Headline 1"]
    assert after.articles[["day", "headline"]].to_numpy().tolist() == [
        [FIRST, "Headline 1"],
        [FIRST + 2 * ONE, "Quite another thing"],
    ]
    assert Counter(states(after).values()) == {"articles": 2, "no_articles": 5}


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "back-fill"])
def test_an_article_that_was_edited_a_week_later_does_not_vanish_from_that_week(vendor, path, is_live):
    """Its first text was in the archive, so the edited one was dropped without a word, but not in a back-fill."""
    first = item(7, noon(FIRST + ONE), "AAPL")
    edited = {**first, "headline": "Edited", "updated_at": noon(FIRST + 3 * ONE).isoformat()}
    vendor.answers(NEWS, Alpaca([first if is_live else edited]))
    before = archived(vendor.url, path).articles(["AAPL"], FIRST, FIRST + ONE, NOW)
    vendor.answers(NEWS, Alpaca([edited]))
    after = archived(vendor.url, path).articles(["AAPL"], FIRST + 2 * ONE, LAST, NOW)
    assert after.articles[["day", "headline"]].to_numpy().tolist() == [[FIRST + 3 * ONE, "Edited"]]
    assert states(after)[FIRST + 3 * ONE, "AAPL"] == "articles"
    assert before.articles["headline"].tolist() == (["Headline 7"] if is_live else [])
    assert_same(archived(vendor.url, path).articles(["AAPL"], FIRST, FIRST + ONE, NOW), before)


def test_what_another_question_skipped_does_not_change_the_evidence_of_this_one(vendor, path, tmp_path):
    """Items of nobody were told to everybody, so that a second run kept other evidence than the first."""
    nobody = {"id": 9, "headline": "?"}
    vendor.answers(NEWS, Reply({"news": [item(1, noon(FIRST), "AAPL"), nobody], "next_page_token": None}))
    source, raw = archived(vendor.url, path), RawFolder(tmp_path / "raw")
    first = source.articles(["AAPL"], FIRST, FIRST, NOW)
    assert first.skipped == ("?: an item without a list of symbols (id 9)",)
    kept = raw.keep("paper:x", "alpaca", first)
    other = {"news": [item(2, noon(FIRST), "MSFT"), nobody | {"id": 10}], "next_page_token": None}
    vendor.answers(NEWS, Reply(other))
    source.articles(["MSFT"], FIRST, FIRST, NOW)
    source.articles(["META"], FIRST, LAST, NOW)
    again = source.articles(["AAPL"], FIRST, FIRST, NOW)
    assert_same(again, first)
    assert raw.keep("paper:x", "alpaca", again) == kept
    both = source.articles(["AAPL", "MSFT"], FIRST, FIRST, NOW).skipped
    assert both == tuple(f"?: an item without a list of symbols (id {number})" for number in (10, 9))


def test_an_article_that_is_fetched_after_its_rewriting_counts_from_then(vendor, path):
    rewritten = item(1, noon(FIRST, 300), "AAPL", updated_at="2024-05-08T10:00:00Z")
    vendor.answers(NEWS, Alpaca([rewritten]))
    answer = archived(vendor.url, path).articles(["AAPL"], FIRST, LAST, NOW)
    assert answer.articles["day"].tolist() == [date(2024, 5, 8)]
    assert states(answer)[FIRST, "AAPL"] == "no_articles"


class Late:
    """A fetcher that tells of an old day once it is covered."""

    name, unit = "late", "days"

    def __init__(self):
        self.articles = ()

    def earliest(self, _now):
        return FIRST - 1000 * ONE

    def batches(self, missing):
        return [Batch(day.isoformat(), tuple(names), (day,)) for day, names in missing.items()]

    def page(self, batch, _token, _now):
        return Page(self.articles, (), None, frozenset(batch.days))


def test_an_article_that_comes_after_its_day_was_covered_is_told_and_changes_nothing(path):
    fetcher = Late()
    source = ArchivedNews(fetcher, path, lambda: NOW)
    before = source.articles(["AAPL"], FIRST, FIRST, NOW)
    fetcher.articles = (Article("AAPL", FIRST, noon(FIRST), "h", "", "", "", "late-1", "{}"),)
    answer = source.articles(["AAPL"], FIRST, FIRST + ONE, NOW)
    assert_same(source.articles(["AAPL"], FIRST, FIRST, NOW), before)
    assert answer.skipped == ("AAPL: an article that came after its day (id late-1)",)


def test_two_sources_share_a_file_and_do_not_see_each_other(vendor, path):
    whole_week(archived(vendor.url, path))
    answer = ArchivedNews(Late(), path, lambda: NOW).articles(NAMES, FIRST, LAST, NOW)
    assert answer.articles.empty
    assert set(states(answer).values()) == {"no_articles"}


# --- the file, and what is said -------------------------------------------------------------------------------------


def test_a_file_that_is_no_archive_is_named(path):
    path.parent.mkdir()
    path.write_bytes(b"these are somebody's holiday plans, and no database" * 100)
    with pytest.raises(ConfigurationError, match=r"news\.sqlite is damaged .*: delete it"):
        archived("http://unused", path).articles(NAMES, FIRST, LAST, NOW)


@pytest.mark.parametrize(("version", "says"), [(99, "newer version"), (1, "older version.*delete it")])
def test_an_archive_of_another_version_is_left_alone(path, version, says):
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with pytest.raises(ConfigurationError, match=says):
        archived("http://unused", path).articles(NAMES, FIRST, LAST, NOW)


def test_a_place_where_no_file_can_be_is_a_matter_for_a_person(path):
    path.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="its folder must be writable"):
        archived("http://unused", path).articles(NAMES, FIRST, LAST, NOW)


def test_an_archive_that_another_process_holds_is_tried_again_later(vendor, path, monkeypatch):
    monkeypatch.setattr("resources.news.store.WAIT", 0.01)
    whole_week(archived(vendor.url, path))
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError, match="locked"):
            archived(vendor.url, path).articles(["NVDA"], FIRST, FIRST, NOW)
    other.close()


def test_a_back_fill_tells_how_far_it_is_and_how_long_it_will_take(vendor, path):
    said, ticks = [], iter(range(0, 1000, 60))
    whole_week(archived(vendor.url, path, say=said.append, ticks=lambda: next(ticks)))
    assert len(said) == 7
    assert said[0] == "news 2024-05-12: 1 of 7 days, 100 articles, about 6 min left"
    assert said[-1].startswith("news 2024-05-06: 7 of 7 days, ")
    assert said[-1].endswith(" articles, done")


def test_a_run_that_has_nothing_to_fetch_says_nothing(vendor, path):
    whole_week(archived(vendor.url, path))
    said = []
    whole_week(archived(vendor.url, path, say=said.append))
    assert said == []


def test_a_back_fill_tells_of_days_that_failed(vendor, path):
    vendor.answers(NEWS, Reply({}, status=500))
    said = []
    archived(vendor.url, path, say=said.append).articles(["AAPL"], FIRST, FIRST, NOW)
    why = "127.0.0.1/v1beta1/news: answers 500 (tried 1x)"
    assert said == [f"news 2024-05-06 was not fetched ({why}): 1 of 1 days, 0 articles, done"]


def test_an_archive_of_ten_thousand_articles_is_read_whole(path):
    fetcher = Late()
    names = [f"N{n:03d}" for n in range(100)]
    fetcher.articles = tuple(
        Article(name, FIRST, noon(FIRST, n), "headline", "", "", "", f"{name}-{n}", "{}")
        for name in names
        for n in range(100)
    )
    source = ArchivedNews(fetcher, path, lambda: NOW)
    first = source.articles(names, FIRST, FIRST, NOW)
    assert len(first.articles) == 10_000
    assert_same(source.articles(names, FIRST, FIRST, NOW), first)


@pytest.mark.parametrize("zone", [KOLKATA, NEW_YORK])
def test_the_time_zone_of_the_question_does_not_matter(vendor, path, zone):
    source, moment = archived(vendor.url, path), noon(LAST, 500)
    straight = source.articles(NAMES, FIRST, LAST, moment)
    assert_same(source.articles(NAMES, FIRST, LAST, moment.astimezone(zone)), straight)
