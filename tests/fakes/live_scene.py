"""Vendors of prices and fund holdings on this machine, all telling of one small invented world of real sessions."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd
from vendor_server import Reply, Seen, VendorServer

from learnfinance_dagster.calendar import NEW_YORK, decision_time, session_close, sessions_between
from learnfinance_dagster.parameters import EndpointParameters, LiveParameters
from resources.http import PatientSession
from resources.live_market.alpaca_prices import AlpacaPrices
from resources.live_market.folder import MarketFolder
from resources.live_market.fund_files import sp_funds, wahed
from resources.live_market.refresh import Refresher
from resources.live_market.yahoo_funds import YahooFunds
from resources.live_market.yahoo_prices import YahooPrices
from resources.turns import Turns

MONDAY = date(2025, 11, 3)
DECISION = decision_time(MONDAY)
NOW = DECISION + timedelta(minutes=2)
WEEK = timedelta(days=7)
FIRST = date(2025, 6, 2)
KEY, SECRET = "AK-canary-key-9", "canary-secret-9"
NAMES = ("AAPL", "BRK.B", "MSFT", "NVDA")


@dataclass
class World:
    """What really happened; vendors answer from it as it stands at `now`."""

    now: datetime = NOW
    names: dict[str, float] = field(default_factory=lambda: {name: 100.0 * (n + 1) for n, name in enumerate(NAMES)})
    splits: dict[tuple[str, date], float] = field(default_factory=dict)
    dividends: dict[tuple[str, date], float] = field(default_factory=dict)
    silent_until: dict[tuple[str, date], datetime] = field(default_factory=dict)
    """(name, session) → when vendors begin to tell that bar."""
    restated: dict[tuple[str, date], float] = field(default_factory=dict)
    """(name, session) → factor of its close from now on."""
    told_late: dict[tuple[str, date], datetime] = field(default_factory=dict)
    """(name, session) → when vendors begin to tell its split or dividend."""
    holdings: dict[str, dict[str, float]] = field(
        default_factory=lambda: {"SPUS": {"AAPL": 40.0, "MSFT": 35.0, "BRK/B": 24.0}, "HLAL": {"NVDA": 97.0}}
    )
    first: date = FIRST

    def sessions(self) -> list[date]:
        return [day for day in sessions_between(self.first, self.now.date()) if session_close(day) <= self.now]

    def bars(self, name: str) -> pd.DataFrame:
        """As traded: date, open, high, low, close, volume, split, dividend."""
        rows, level = [], self.names[name]
        for number, day in enumerate(self.sessions()):
            split = self.splits.get((name, day), 1.0)
            level /= split
            close = round(level * (1 + 0.01 * ((number * 7 + len(name)) % 11 - 5)), 2)
            close = round(close * self.restated.get((name, day), 1.0), 2)
            told = self.told_late.get((name, day), DECISION - 400 * WEEK) <= self.now
            row = (
                day,
                round(close * 0.99, 2),
                round(close * 1.02, 2),
                round(close * 0.98, 2),
                close,
                1_000_000 + number,
            )
            event = (split if told else 1.0, self.dividends.get((name, day), 0.0) if told else 0.0)
            if self.silent_until.get((name, day), self.now) <= self.now:
                rows.append((*row, *event))
        return pd.DataFrame(rows, columns=["date", "open", "high", "low", "close", "volume", "split", "dividend"])


def chart(name: str, bars: pd.DataFrame, since: date, **meta: object) -> dict[str, object]:
    """Yahoo's chart: everything divided by the splits that came later."""
    bars = bars[bars["date"] >= since].reset_index(drop=True)
    later = bars["split"][::-1].cumprod()[::-1] / bars["split"]
    stamps = [int(datetime.combine(day, time(9, 30), NEW_YORK).timestamp()) for day in bars["date"]]
    quote = {
        field: [float(f"{value:.8g}") for value in bars[field] / later] for field in ("open", "high", "low", "close")
    }
    quote["volume"] = [int(value) for value in bars["volume"] * later]
    events: dict[str, dict[str, object]] = {"dividends": {}, "splits": {}}
    for stamp, split, dividend, ahead in zip(stamps, bars["split"], bars["dividend"], later, strict=True):
        if dividend:
            events["dividends"][str(stamp)] = {"amount": dividend / ahead, "date": stamp}
        if split != 1:
            ratio = {"numerator": split, "denominator": 1.0, "splitRatio": f"{split:g}:1"}
            events["splits"][str(stamp)] = {"date": stamp, **ratio}
    plain = {
        "currency": "USD",
        "symbol": name,
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": "America/New_York",
        "timezone": "EST",
        "gmtoffset": -18000,
        "dataGranularity": "1d",
        "range": "",
        "priceHint": 2,
        "validRanges": ["1d", "max"],
        "regularMarketTime": stamps[-1] if stamps else 0,
        "currentTradingPeriod": {"regular": {"timezone": "EST", "start": 0, "end": 0, "gmtoffset": -18000}},
    }
    indicators = {"quote": [quote], "adjclose": [{"adjclose": quote["close"]}]}
    result = {"meta": plain | meta, "timestamp": stamps, "events": events, "indicators": indicators}
    return {"chart": {"result": [result], "error": None}}


NOT_FOUND = {
    "chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}
}


def top_ten(weights: dict[str, float]) -> dict[str, object]:
    rows = [{"symbol": name, "holdingName": name, "holdingPercent": each / 100} for name, each in weights.items()]
    modules = {"quoteType": {"quoteType": "ETF"}, "summaryProfile": {}, "fundProfile": {}}
    return {"quoteSummary": {"result": [{**modules, "topHoldings": {"holdings": rows}}], "error": None}}


def sp_csv(fund: str, day: date, weights: dict[str, float]) -> bytes:
    """SP Funds' layout, with its cash and CVR rows."""
    header = "Date,Account,StockTicker,CUSIP,SecurityName,Shares,Price,MarketValue,Weightings,NetAssets"
    rows = [header.split(",")]
    for ticker, weight in {**weights, "Cash&Other": 1.0, "003654100CVR": 0.0}.items():
        rows.append([f"{day:%m/%d/%Y}", fund, ticker, "037833100", f"{ticker} Inc", 5, 1.0, 5.0, weight, 9.0])
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def sheet_csv(day: date, weights: dict[str, float]) -> bytes:
    """A sheet of our own making: what Wahed's columns are called is not known here."""
    lines = [f'"{name}","{name} Inc","{weight:.2f}%","{day.isoformat()}"' for name, weight in weights.items()]
    total = 100 - sum(weights.values())
    return "\n".join(['"Ticker","Name","Weight (%)","As of"', *lines, f'"USD","Cash","{total:.2f}%","{day}"']).encode()


@dataclass
class Vendors:
    """Yahoo, Alpaca, SP Funds and Wahed on one local server."""

    server: VendorServer
    world: World
    page: int = 10_000
    """Rows a page of Alpaca's bars."""

    def open(self) -> None:
        """Let every path answer from the world."""
        self.server.answers("/v1/test/getcrumb", Reply(b"crumb", headers={"Content-Type": "text/plain"}))
        for name in self.world.names:
            self.server.answers(f"/v8/finance/chart/{name.replace('.', '-')}", self._chart(name))
        for fund in ("SPUS", "SPTE", "SPRE", "SPWO", "HLAL", "UMMA"):
            self.server.answers(f"/sp/{fund}.csv", self._fund(fund, sp_csv, csv_of=("SPUS",)))
            self.server.answers(f"/wahed/{fund}", self._fund(fund, None, csv_of=("HLAL",)))
            self.server.answers(f"/v10/finance/quoteSummary/{fund}", self._top(fund))
        self.server.answers("/v2/stocks/bars", self._alpaca_bars)
        self.server.answers("/v1/corporate-actions", self._alpaca_actions)

    def _chart(self, name: str) -> Callable[[Seen], Reply]:
        def reply(seen: Seen) -> Reply:
            since = datetime.fromtimestamp(int(seen.query["period1"]), tz=UTC).astimezone(NEW_YORK).date()
            return Reply(chart(name, self.world.bars(name), since))

        return reply

    def _fund(self, fund: str, make, csv_of) -> Callable[[Seen], Reply]:
        def reply(_seen: Seen) -> Reply:
            if fund not in csv_of or fund not in self.world.holdings:
                return Reply(b"not found", status=404)
            day, weights = self.world.sessions()[-1], self.world.holdings[fund]
            return Reply(make(fund, day, weights) if make else sheet_csv(day, weights))

        return reply

    def _top(self, fund: str) -> Callable[[Seen], Reply]:
        return lambda _seen: (
            Reply(top_ten(self.world.holdings[fund])) if fund in self.world.holdings else Reply({}, status=404)
        )

    def _alpaca_bars(self, seen: Seen) -> Reply:
        if seen.headers.get("apca-api-key-id") != KEY or seen.headers.get("apca-api-secret-key") != SECRET:
            return Reply({"message": "forbidden."}, status=403)
        start, end = (date.fromisoformat(seen.query[name]) for name in ("start", "end"))
        rows = []
        for name in sorted(seen.query["symbols"].split(",")):
            bars = self.world.bars(name) if name in self.world.names else pd.DataFrame(columns=["date"])
            for row in bars[(bars["date"] >= start) & (bars["date"] <= end)].itertuples():
                stamp = datetime.combine(row.date, time(0), NEW_YORK).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                rows.append(
                    (name, {"t": stamp, "o": row.open, "h": row.high, "l": row.low, "c": row.close, "v": row.volume})
                )
        offset = int(seen.query.get("page_token") or 0)
        page: dict[str, list[object]] = {}
        for name, row in rows[offset : offset + self.page]:
            page.setdefault(name, []).append(row)
        more = offset + self.page < len(rows)
        return Reply({"bars": page, "next_page_token": str(offset + self.page) if more else None})

    def _alpaca_actions(self, seen: Seen) -> Reply:
        names = set(seen.query["symbols"].split(","))
        start, end = (date.fromisoformat(seen.query[name]) for name in ("start", "end"))

        def told(events: dict[tuple[str, date], float]) -> list[tuple[str, date, float]]:
            late = self.world.told_late
            known = [(*key, value) for key, value in events.items() if late.get(key, self.world.now) <= self.world.now]
            return [each for each in known if each[0] in names and start <= processed(each[1], events) <= end]

        def processed(day: date, events: dict[tuple[str, date], float]) -> date:
            """Dividends are found by the day on which they are paid, as in the recorded answer."""
            return day + timedelta(days=20) if events is self.world.dividends else day

        plain = {
            "cash_dividends": [
                {"id": f"d{name}{day}", "symbol": name, "ex_date": day.isoformat(), "rate": value, "special": False}
                for name, day, value in told(self.world.dividends)
            ],
            "forward_splits": [
                {"id": f"s{name}{day}", "symbol": name, "ex_date": day.isoformat(), "new_rate": value, "old_rate": 1}
                for name, day, value in told(self.world.splits)
            ],
        }
        return Reply(
            {"corporate_actions": {kind: rows for kind, rows in plain.items() if rows}, "next_page_token": None}
        )

    @property
    def endpoints(self) -> EndpointParameters:
        url = self.server.url
        return EndpointParameters(
            yahoo=url, alpaca_data=url, sp_funds=url + "/sp/{fund}.csv", wahed=url + "/wahed/{sheet}"
        )

    def yahoo(self, **options) -> YahooPrices:
        return YahooPrices(self.server.url, **{"turns": Turns(1e6), "sleep": lambda _s: None, **options})

    def alpaca(self, **options) -> AlpacaPrices:
        return AlpacaPrices(self.server.url, session=quick(**options))

    def refresher(self, folder, prices=None, say=lambda _line: None, **parameters) -> Refresher:
        told = LiveParameters(**{"history_first": FIRST, "wahed_sheets": {"HLAL": "HLAL"}, **parameters})
        ends = self.endpoints
        makers = {
            "sp_funds": lambda: sp_funds(ends.sp_funds, quick(expects_json=False)),
            "wahed": lambda: wahed(ends.wahed, told.wahed_sheets, quick(expects_json=False)),
            "yahoo": lambda: YahooFunds(ends.yahoo, Turns(1e6)),
        }
        sources = [makers[name]() for name in told.holdings]
        clock = lambda: self.world.now  # noqa: E731
        return Refresher(MarketFolder(folder), prices or self.yahoo(), sources, ("SPUS", "HLAL"), told, clock, say)


def quick(**options) -> PatientSession:
    """Patient, without taking time."""
    return PatientSession(**{"per_second": 1e6, "attempts": 1, "sleep": lambda _s: None, **options})


def fresh_yfinance(monkeypatch, folder) -> None:
    """yfinance keeps cookies in a folder and in a singleton: each test gets its own."""
    import yfinance
    from yfinance.data import SingletonMeta

    monkeypatch.setattr(SingletonMeta, "_instances", {})
    yfinance.set_tz_cache_location(str(folder))
