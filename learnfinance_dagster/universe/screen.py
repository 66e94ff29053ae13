"""The screened universe: current holdings, plus the best names by deterministic filters and rank."""

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from learnfinance_dagster.calendar import sessions_back
from learnfinance_dagster.parameters import UniverseParameters
from learnfinance_dagster.ports import PriceBasis
from learnfinance_dagster.returns import adjusted
from learnfinance_dagster.values import Week

VOLUME_WINDOW = 60
"""Sessions over which the median dollar volume is taken: a quarter, long enough to forget one loud day."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the screen may look at, all of it known at the decision."""

    halal: pd.DataFrame
    """The halal universe's rows."""
    bars: pd.DataFrame
    """Bars up to the week's last session, sorted by symbol, date."""
    members: frozenset[str] | None
    """Index members that day; None when the source has no dated membership."""
    held: frozenset[str]
    """Names that any account holds."""
    price_basis: PriceBasis


def screened_universe(week: Week, evidence: Evidence, parameters: UniverseParameters) -> pd.DataFrame:
    """One row per candidate, with the reason it was kept or dropped.

    Args:
        week: the decision's week.
        evidence: halal rows, bars, membership, holdings.
        parameters: filters; the price floor is applied to as-traded prices only, because a split-adjusted level
            knows later splits.

    Returns:
        symbol, rank (1 = largest dollar volume; 0 = not ranked), kept, held, reason, sessions, dollar_volume
        (median USD a day over 60 sessions), price (USD, last close), price_date, max_weight. Kept first, by rank.
    """
    allowed = evidence.halal.loc[evidence.halal["excluded"] == ""]
    candidates = sorted(set(allowed["symbol"]) | evidence.held)
    facts = _facts(evidence.bars, candidates)
    table = facts.join(allowed.set_index("symbol")["max_weight"]).fillna({"max_weight": 0.0})
    table["held"] = [symbol in evidence.held for symbol in table.index]
    table["reason"] = [_drop_reason(row, week, evidence, parameters) for row in table.itertuples()]
    passed = table.loc[table["reason"] == ""]
    order = passed.sort_values(["dollar_volume", "symbol"], ascending=[False, True]).index
    table["rank"] = pd.Series(range(1, len(order) + 1), index=order).reindex(table.index).fillna(0).astype("int64")
    return _decide(table.reset_index(), set(allowed["symbol"]), parameters.top)


def _facts(bars: pd.DataFrame, candidates: Collection[str]) -> pd.DataFrame:
    """Per candidate: sessions, dollar_volume, price, price_date; index symbol."""
    own = bars.loc[bars["symbol"].isin(candidates)]
    flat = adjusted(own)
    traded = (flat["close"] * flat["volume"]).groupby(flat["symbol"])
    last = own.groupby("symbol").agg(sessions=("date", "size"), price=("close", "last"), price_date=("date", "last"))
    last["dollar_volume"] = traded.apply(lambda values: float(values.tail(VOLUME_WINDOW).median()))
    out = last.reindex(pd.Index(sorted(candidates), name="symbol", dtype="str"))
    return out.fillna({"sessions": 0, "dollar_volume": 0.0}).astype({"sessions": "int64"})


def _drop_reason(row: "object", week: Week, evidence: Evidence, parameters: UniverseParameters) -> str:
    """The first filter that a candidate fails; empty when it passes all."""
    sessions, price, symbol = int(row.sessions), float(row.price), str(row.Index)  # type: ignore[attr-defined]
    if sessions == 0:
        return "no bars in the source"
    if row.price_date < sessions_back(week.last_session, parameters.stale_after_sessions):  # type: ignore[attr-defined]
        return f"no bar since {row.price_date}"  # type: ignore[attr-defined]
    if sessions < parameters.min_sessions:
        return f"history of {sessions} sessions is shorter than {parameters.min_sessions}"
    if evidence.members is not None and symbol not in evidence.members:
        return "no index member on that day"
    if evidence.price_basis is PriceBasis.AS_TRADED and price < parameters.min_price:
        return f"price {price:.2f} below {parameters.min_price:.2f}"
    volume = float(row.dollar_volume)  # type: ignore[attr-defined]
    if volume < parameters.min_dollar_volume:
        return f"dollar volume {volume / 1e6:.1f} M below {parameters.min_dollar_volume / 1e6:.1f} M"
    return ""


def _decide(table: pd.DataFrame, allowed: set[str], top: int) -> pd.DataFrame:
    """Fill `kept` and `reason`: the top ranks, and whatever is held; sort kept first."""
    chosen = (table["rank"] > 0) & (table["rank"] <= top)
    table["kept"] = chosen | table["held"]
    reasons = []
    for row in table.itertuples():
        if chosen[row.Index]:
            reasons.append(f"rank {row.rank} of the top {top}")
        elif row.held:
            why = row.reason or (f"rank {row.rank}" if row.symbol in allowed else "no longer in a halal fund")
            reasons.append(f"held; {why}")
        else:
            reasons.append(row.reason or f"rank {row.rank} is below the top {top}")
    table["reason"] = reasons
    table["_order"] = table["rank"].where(table["rank"] > 0, len(table) + 1)
    ordered = table.sort_values(["kept", "_order", "symbol"], ascending=[False, True, True], kind="stable")
    columns = ["symbol", "rank", "kept", "held", "reason", "sessions", "dollar_volume", "price", "price_date"]
    return ordered[[*columns, "max_weight"]].reset_index(drop=True)
