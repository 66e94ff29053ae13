"""The halal universe: what halal funds held, merged to one row per tradable US name."""

import re
from datetime import date

import pandas as pd

from learnfinance_dagster.symbols import normalise

US_TICKER = re.compile(r"[A-Z]{1,5}([.-][ABC])?")
"""One to five letters, optionally a share class (BRK.B). Exchange suffixes do not fit, not even short ones: SGRO.L
trades in London, and BBWI-W was a when-issued line."""
OVER_THE_COUNTER = re.compile(r"[A-Z]{4}[YF]")
"""Five letters ending in Y (ADR) or F (foreign share): traded over the counter, not on an exchange."""
NOT_SECURITY = re.compile(r"(CASH|OTHER|CVR|N/A|USD)([^A-Z].*)?|\d+CVR\d*")
"""What fund files write for the rest: `Cash&Other`, `n/a`, rights such as `003654100CVR`. (CVRX is a stock.)"""
SAME_COMPANY = {"GOOG": "GOOGL", "FOX": "FOXA", "NWS": "NWSA", "UA": "UAA", "LBTYK": "LBTYA", "BRK.A": "BRK.B"}
"""Share class → the class that is kept when both are held."""


def exclusion(symbol: str, listed: frozenset[str], blocked: frozenset[str]) -> str:
    """Why a fund's holding may not be held here; empty when it may."""
    if NOT_SECURITY.fullmatch(symbol):
        return "not a security"
    if not US_TICKER.fullmatch(symbol):
        return "non-US listing"
    if OVER_THE_COUNTER.fullmatch(symbol):
        return "over-the-counter listing"
    if symbol in blocked:
        return "blocked by settings"
    if SAME_COMPANY.get(symbol) in listed:
        return f"duplicate share class of {SAME_COMPANY[symbol]}"
    return ""


def halal_universe(holdings: pd.DataFrame, blocked: frozenset[str], today: date) -> pd.DataFrame:
    """Merge fund holdings to one row per symbol.

    Args:
        holdings: fund, date, symbol, weight_pct: the newest holdings of each fund, in the order of the funds.
        blocked: symbols that settings forbid, by any of their names.
        today: New York date of the decision, for the age of the evidence.

    Returns:
        symbol, max_weight (percent, the largest in any fund), sources (funds, comma separated, in fund order),
        holdings_date (newest), age_days, excluded (reason, empty when it may be held). Kept names first, by
        max_weight descending, then symbol.
    """
    rows = holdings.assign(symbol=[normalise(symbol) for symbol in holdings["symbol"]])
    merged = rows.groupby("symbol", sort=False).agg(
        max_weight=("weight_pct", "max"),
        sources=("fund", lambda funds: ",".join(dict.fromkeys(funds))),
        holdings_date=("date", "max"),
    )
    merged = merged.reset_index().astype({"symbol": "str", "sources": "str", "max_weight": "float64"})
    listed = frozenset(merged["symbol"])
    forbidden = frozenset(normalise(symbol) for symbol in blocked)
    merged["age_days"] = pd.Series([(today - day).days for day in merged["holdings_date"]], dtype="int64")
    merged["excluded"] = pd.Series([exclusion(each, listed, forbidden) for each in merged["symbol"]], dtype="str")
    merged["_out"] = merged["excluded"] != ""
    ordered = merged.sort_values(["_out", "max_weight", "symbol"], ascending=[True, False, True], kind="stable")
    return ordered.drop(columns="_out").reset_index(drop=True)
