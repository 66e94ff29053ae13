"""How many requests a live Monday takes, and how long: `python benchmarks/live_market.py`.

159 invented names in SPUS and HLAL, Yahoo and Alpaca as local servers, through their own clients. The first Monday
brings two years of history, the next one is what every Monday is like. The requests are counted by the server.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "fakes")]

import os  # noqa: E402 - the path comes first
from datetime import date  # noqa: E402

from live_scene import KEY, NOW, SECRET, WEEK, Vendors, World  # noqa: E402
from vendor_server import VendorServer  # noqa: E402

from resources.market_directory import DirectoryMarket  # noqa: E402

NAMES = 159
FIRST = date(2023, 11, 1)
MOST = {"yahoo": NAMES + 3, "alpaca": 2 * 2 + 2, "SP Funds": 1, "Wahed": 1}
"""Requests that a Monday may take: Yahoo one a name and three for a cookie; Alpaca bars and actions of two hundreds."""
COOKIES = ("/", "/consent")
"""A local server cannot set Yahoo's cookie, so yfinance asks for one before each name. Yahoo's own is kept on disk."""


def vendor_of(path: str) -> str:
    if path.startswith("/sp/"):
        return "SP Funds"
    if path.startswith("/wahed/"):
        return "Wahed"
    return "alpaca" if path.startswith(("/v2/", "/v1/corporate")) else "yahoo"


def main() -> None:
    import yfinance

    os.environ |= {"ALPACA_API_KEY": KEY, "ALPACA_API_SECRET": SECRET}
    names = [f"{a}{b}{c}" for a in "ABCDEF" for b in "GHIJKL" for c in "MNOPQ"][:NAMES]
    for source in ("yahoo", "alpaca"):
        with tempfile.TemporaryDirectory() as folder, VendorServer() as server:
            yfinance.set_tz_cache_location(folder)
            world = World(names=dict.fromkeys(names, 100.0), first=FIRST)
            half = dict.fromkeys(names[:80], 99.0 / 80), dict.fromkeys(names[80:], 97.0 / 79)
            world.holdings = {"SPUS": half[0], "HLAL": half[1]}
            vendors = Vendors(server, world)
            vendors.open()
            for week, what in enumerate(("first Monday, two years of history", "a Monday")):
                world.now = NOW + week * WEEK
                begun, before = time.perf_counter(), len(server.seen)
                market = Path(folder) / "market"
                vendors.refresher(market, getattr(vendors, source)(), history_first=FIRST).refresh()
                seconds = time.perf_counter() - begun
                DirectoryMarket.from_directory(market)
                asked = Counter(vendor_of(seen.path) for seen in server.seen[before:] if seen.path not in COOKIES)
                print(f"{source}, {what}: {seconds:.1f} s without turns; requests {dict(asked)}")
                if week:
                    assert all(asked[vendor] <= most for vendor, most in MOST.items()), asked
    print(f"at most, on a Monday with {NAMES} names: {MOST}; at 4 a second Yahoo's take {NAMES / 4:.0f} s")


if __name__ == "__main__":
    main()
