"""A whole Monday with every live adapter: `python benchmarks/live_monday.py [yahoo|alpaca ...]`; default: both.

159 invented names with 30 articles and a year of filings each; Yahoo or Alpaca for prices, SP Funds and Wahed, Alpaca
News, EDGAR, two accounts on paper at Alpaca, OpenAI, a mail server and Hugging Face, all as servers on this machine
behind the vendors' own clients, and asked at the pace that their owners allow. The first Monday brings the history; the
second one is what every Monday is like. No model is trained, so the learned accounts are left alone; VADER reads.
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from http.cookiejar import Cookie
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "fakes")]

import alpaca_scene  # noqa: E402 - the path comes first
import dagster as dg  # noqa: E402
import live_scene  # noqa: E402
from alpaca_paper import AlpacaPaper  # noqa: E402
from filing_vendors import a_year  # noqa: E402
from hub_server import ALICE, HubServer  # noqa: E402
from language_vendors import PATHS, chat  # noqa: E402
from live_scene import NOW, WEEK, Vendors, World  # noqa: E402
from mail_server import PASSWORD, USER, MailServer  # noqa: E402
from vendor_server import Reply, Seen, VendorServer  # noqa: E402

from learnfinance_dagster import definitions, wiring  # noqa: E402
from learnfinance_dagster.commands.running import run_monday  # noqa: E402
from learnfinance_dagster.parameters import (  # noqa: E402
    EndpointParameters,
    LanguageParameters,
    LiveParameters,
    MailParameters,
    UniverseParameters,
)
from learnfinance_dagster.settings import Settings  # noqa: E402
from resources.news.alpaca import PAGE  # noqa: E402

NAMES = [f"{a}{b}{c}" for a in "ABCDEF" for b in "GHIJKL" for c in "MNOPQ"][:159]
ARTICLES = 30
HISTORY = date(2024, 6, 3)
ALPACA_ACCOUNTS = {"hrp": "HRP", "equal_weight": "SAC"}
COOKIE = Cookie(
    version=0,
    name="A3",
    value="of this machine",
    port=None,
    port_specified=False,
    domain=".yahoo.com",
    domain_specified=True,
    domain_initial_dot=True,
    path="/",
    path_specified=True,
    secure=True,
    expires=1_999_999_999,
    discard=False,
    comment=None,
    comment_url=None,
    rest={},
)
"""As yfinance keeps it on disk since an earlier day; a local server cannot set one for Yahoo's domain."""
SECRETS = {
    "ALPACA_API_KEY": live_scene.KEY,
    "ALPACA_API_SECRET": live_scene.SECRET,
    "ALPACA_HRP_KEY": "KEY-HRP",
    "ALPACA_HRP_SECRET": "SECRET",
    "ALPACA_SAC_KEY": "KEY-SAC",
    "ALPACA_SAC_SECRET": "SECRET",
    "OPENAI_API_KEY": "sk-of-this-machine",
    "HF_TOKEN": ALICE,
    "SMTP_USER": USER,
    "SMTP_PASSWORD": PASSWORD,
}
MOST = {
    "Yahoo": len(NAMES) + 3,
    "Alpaca prices": 6,
    "Alpaca news": 7 * (len(NAMES) * ARTICLES // 7 // PAGE + 2),
    "EDGAR": len(NAMES) + 1,
    "SP Funds": 1,
    "Wahed": 1,
    "OpenAI": 1,
    "Hugging Face": 20,
    "Alpaca accounts": 2 * (40 + 2 * 30),
}
"""Requests that a Monday may take, at most: the documented numbers."""


@dataclass
class Town:
    """All vendors, and what they were asked."""

    web: VendorServer
    paper: AlpacaPaper
    hub: HubServer
    mail: MailServer
    world: World

    def asked(self) -> Counter[str]:
        """Vendor → requests so far."""
        seen = Counter(map(vendor_of, self.web.seen))
        return seen + Counter({"Alpaca accounts": len(self.paper.seen), "Hugging Face": len(self.hub.seen)})


def vendor_of(seen: Seen) -> str:
    starts = {
        "/sp/": "SP Funds",
        "/wahed/": "Wahed",
        "/v1beta1/news": "Alpaca news",
        "/v2/stocks": "Alpaca prices",
        "/v1/corporate": "Alpaca prices",
        "/files/": "EDGAR",
        "/api/xbrl": "EDGAR",
        PATHS["chat"]: "OpenAI",
    }
    return next((name for start, name in starts.items() if seen.path.startswith(start)), "Yahoo")


def town(stack: ExitStack) -> Town:
    """Open every server."""
    web, paper = stack.enter_context(VendorServer()), stack.enter_context(AlpacaPaper())
    hub, mail = stack.enter_context(HubServer()), stack.enter_context(MailServer())
    world = World(names={name: 40.0 + number for number, name in enumerate(NAMES)}, first=HISTORY)
    world.holdings = {"SPUS": dict.fromkeys(NAMES[:80], 99.0 / 80), "HLAL": dict.fromkeys(NAMES[80:], 97.0 / 79)}
    for prefix in ALPACA_ACCOUNTS.values():
        paper.open_account(f"KEY-{prefix}")
    Vendors(web, world).open()
    alpaca_scene.KEY, alpaca_scene.SECRET = live_scene.KEY, live_scene.SECRET  # one key opens all of Alpaca's data
    web.answers("/v1beta1/news", alpaca_scene.Alpaca(list(articles())))
    tickers = {str(n): {"cik_str": 1000 + n, "ticker": name, "title": name} for n, name in enumerate(NAMES)}
    web.answers("/files/company_tickers.json", Reply(tickers))
    document = json.dumps(a_year()).encode()
    for number in range(len(NAMES)):
        web.answers(f"/api/xbrl/companyfacts/CIK{1000 + number:010d}.json", Reply(document))
    web.answers(PATHS["chat"], narrator)
    return Town(web, paper, hub, mail, world)


def articles() -> Iterator[dict[str, object]]:
    """Thirty of every name and week, spread over its news days."""
    moments = [NOW - timedelta(minutes=2) - (n + 1) * timedelta(days=7) / (ARTICLES + 1) for n in range(ARTICLES)]
    number = 0
    for week in (0, 1):
        for moment in moments:
            for name in NAMES:
                number += 1
                yield alpaca_scene.item(number, moment + week * WEEK, name)


def narrator(request: Seen) -> Reply:
    """A model that says nothing usable: the longest way, since the template then writes everything."""
    asked = json.loads(request.body)["response_format"]["json_schema"]["schema"]["required"]
    return chat(json.dumps(dict.fromkeys(asked, "All went well.")))


def settings(folder: Path, place: Town, prices: str) -> Settings:
    url = place.web.url
    return Settings(
        data=folder,
        market="live",
        market_clock="decision",
        live=LiveParameters(prices=prices, wahed_sheets={"HLAL": "HLAL"}, history_first=HISTORY),  # type: ignore[arg-type]
        universe=UniverseParameters(funds=("SPUS", "HLAL")),
        news="alpaca",
        fundamentals="edgar",
        edgar_user_agent="A Tester a.tester@example.org",
        broker="alpaca",
        alpaca_accounts=ALPACA_ACCOUNTS,
        models="hub",
        hub_owner="alice",
        language=LanguageParameters(adapter="openai", api="chat", base_url=f"{url}/v1"),
        mail=MailParameters(
            send="smtp", to=("bob@localhost",), host="127.0.0.1", port=place.mail.port, security="none"
        ),
        endpoints=EndpointParameters(
            alpaca_data=url,
            alpaca_paper=place.paper.url,
            yahoo=url,
            sp_funds=url + "/sp/{fund}.csv",
            wahed=url + "/wahed/{sheet}",
            edgar=url,
            edgar_files=url,
            hugging_face=place.hub.url,
        ),
    )


def monday(told: Settings, place: Town, instance: dg.DagsterInstance, now: datetime) -> tuple[float, Any, Counter[str]]:
    """Seconds, result and requests of one Monday, some minutes after its decision."""
    place.world.now, place.paper.now = now, now
    wiring.now = lambda: now
    job = definitions.build(told, clock=lambda: now).resolve_job_def("monday")
    begun, before = time.perf_counter(), place.asked()
    result = run_monday(job, instance, (now - timedelta(minutes=2)).date().isoformat())
    return time.perf_counter() - begun, result, place.asked() - before


def measure(prices: str) -> None:
    import yfinance

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        yfinance.set_tz_cache_location(folder)
        cookies: Any = yfinance.cache.get_cookie_cache()
        cookies.store("curlCffi", {".yahoo.com": {"/": {"A3": COOKIE}}})
        place = town(stack)
        told = settings(Path(folder) / "data", place, prices)
        instance = stack.enter_context(dg.DagsterInstance.ephemeral())
        for week, what in enumerate(("first Monday, with its history", "a Monday")):
            now = NOW + week * WEEK
            seconds, result, asked = monday(told, place, instance, now)
            assert not result.failures, result.failures
            letters = len(place.mail.handler.letters)
            print(
                f"prices of {prices}, {what}: {seconds:.0f} s; requests {dict(sorted(asked.items()))}; {letters} mails"
            )
            for line in result.complaints:
                print(f"  red: {line[:200]}")
            if week:
                assert all(asked[vendor] <= most for vendor, most in MOST.items()), asked
            opens = {name: float(place.world.bars(name)["close"].iloc[-1]) for name in NAMES}
            place.paper.session(now.date(), opens)


def main() -> None:
    os.environ |= SECRETS
    for prices in sys.argv[1:] or ("yahoo", "alpaca"):
        measure(prices)
    print(f"at most, on a Monday with {len(NAMES)} names of {ARTICLES} articles each: {MOST}")


if __name__ == "__main__":
    main()
