"""Whatever vendors of news and filings do wrong, nothing passes for an answer: it is not fetched, and says why."""

import re
from datetime import date
from functools import partial

import alpaca_scene
import pytest
from faults import FAULTS, check_table
from filing_vendors import AGENT, KEY, TICKERS, Clock, a_year, serve_sec, usual
from live_scene import fresh_yfinance
from vendor_server import Reply, VendorServer

from resources.filings.alpha_vantage import AlphaVantageFilings
from resources.filings.edgar import EdgarFilings
from resources.http import PatientSession
from resources.news.archive import ArchivedNews
from resources.news.yahoo import YahooNews
from resources.turns import Turns

DAY = alpaca_scene.FIRST
FACTS = "/api/xbrl/companyfacts/CIK0000320193.json"


@pytest.fixture
def vendor(monkeypatch, tmp_path):
    fresh_yfinance(monkeypatch, tmp_path / "yfinance")
    with VendorServer() as server:
        server.answers("/v1/test/getcrumb", Reply(b"crumb", headers={"Content-Type": "text/plain"}))
        yield server


def test_faults_of_news(vendor, tmp_path):
    items = alpaca_scene.Alpaca([alpaca_scene.item(1, alpaca_scene.noon(DAY), "AAPL")])
    rows = []
    for number, fault in enumerate(FAULTS):
        told = [fault.name]
        for name, path, good in (
            ("alpaca", alpaca_scene.NEWS, items),
            ("yahoo", "/xhr/ncp", lambda _seen: Reply(stream())),
        ):
            folder = tmp_path / f"{name}-{number}.sqlite"
            open_source = partial(alpaca_news if name == "alpaca" else yahoo_news, vendor.url, folder)
            vendor.answers(path, lambda seen, good=good, fault=fault: fault.spoil(good(seen)))
            told.append(news_of(open_source(fault.patience)))
            vendor.answers(path, good)
            assert news_of(open_source(20.0)) == "articles", "the next look goes well"
        rows.append(told)
    check_table("News", ("fault", "Alpaca", "Yahoo"), rows)


def alpaca_news(url, path, patience):
    source = alpaca_scene.fetcher(url, timeout=(patience, patience), whole=patience)
    return ArchivedNews(source, path, clock=lambda: alpaca_scene.NOW, say=lambda _line: None)


def yahoo_news(url, path, patience):
    source = YahooNews(url, turns=Turns(1e6), timeout=(patience, patience))
    return ArchivedNews(source, path, clock=lambda: alpaca_scene.NOW, say=lambda _line: None)


def stream():
    """One article of the day, as Yahoo writes it, and an older one: the list reaches back beyond the day."""
    items = []
    for number, day in ((1, DAY), (2, date(2024, 5, 1))):
        content = {
            "id": f"id-{number}",
            "contentType": "STORY",
            "title": f"Headline {number}",
            "summary": "",
            "pubDate": f"{day}T12:00:00Z",
            "provider": {"displayName": "Example News"},
            "canonicalUrl": {"url": f"https://example.org/{number}"},
        }
        items.append({"id": f"id-{number}", "content": content})
    return {"data": {"tickerStream": {"stream": items}}, "status": "OK"}


def news_of(source):
    """What one question for one name and day came to."""
    answer = source.articles(["AAPL"], DAY, DAY, alpaca_scene.NOW)
    (row,) = answer.coverage.itertuples()
    if len(answer.articles):  # of Yahoo's short list nobody knows that it is all of a day, so only they are asked for
        return "articles"
    assert row.state == "not_fetched", "a failure never passes for a day without news"
    return f"not fetched: {anywhere(row.reason)}"


def test_faults_of_filings(vendor, tmp_path):
    rows = []
    for number, fault in enumerate(FAULTS):
        told = [fault.name]
        for name in ("edgar", "alpha_vantage"):
            folder = tmp_path / f"{name}-{number}"
            folder.mkdir()
            serve(vendor, lambda good, fault=fault: fault.spoil(good))
            told.append(filings_of(name, vendor.url, folder, fault.patience))
            serve(vendor, lambda good: good)
            again = tmp_path / f"{name}-{number}-again"
            again.mkdir()
            assert filings_of(name, vendor.url, again, 20.0) == "statements"
        rows.append(told)
    check_table("Filings", ("fault", "EDGAR", "Alpha Vantage"), rows)


def serve(vendor, spoil):
    serve_sec(vendor, {320193: spoil(Reply(a_year()))})
    vendor.answers("/files/company_tickers.json", Reply(TICKERS))
    vendor.answers("/query", lambda seen: spoil(Reply(usual(seen.query["symbol"], seen.query["function"]))))


def filings_of(name, url, folder, patience):
    """What one question for one name came to."""
    knobs = {"attempts": 1, "timeout": (patience, patience), "whole": patience}
    if name == "edgar":
        session = PatientSession(per_second=1e6, sleep=lambda _s: None, **knobs)
        source = EdgarFilings(AGENT, folder, Clock(), session=session, base=url, files=url)
    else:
        knobs |= {"per_second": 1e6}
        source = AlphaVantageFilings(KEY, folder / "a.sqlite", Clock(), base=url, sleep=lambda _s: None, knobs=knobs)
    answer = source.filings(["AAPL"], Clock().now)
    assert bool(len(answer.filings)) != ("AAPL" in answer.missing)
    return "statements" if len(answer.filings) else f"missing: {anywhere(answer.missing['AAPL'])}"


def anywhere(reason):
    """Without what differs from machine to machine."""
    reason = re.sub(r"127\.0\.0\.1(:\d+)?", "its address", reason)
    return re.sub(r"\d+ bytes", "so many bytes", reason).replace("|", "/")
