"""The screened universe: current holdings, plus the best names by deterministic filters and rank."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import pandas as pd

from learnfinance_dagster.calendar import sessions_back
from learnfinance_dagster.parameters import UniverseParameters
from learnfinance_dagster.ports import PriceBasis
from learnfinance_dagster.values import Week

VOLUME_WINDOW = 60
"""Sessions over which the median dollar volume is taken: a quarter, long enough to forget one loud day."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the screen may look at, all of it known at the decision."""

    halal: pd.DataFrame
    """The halal universe's rows, excluded ones too."""
    bars: pd.DataFrame
    """Bars up to the week's last session, sorted by symbol, date; `delisting` may be missing."""
    members: frozenset[str] | None
    """Index members that day; None when the source has no dated membership."""
    held: frozenset[str]
    """Names that any account holds."""
    price_basis: PriceBasis


class _Facts(NamedTuple):
    """What the filters look at."""

    symbol: str
    not_halal: str
    """Why halal funds do not offer it; empty when they do."""
    sessions: int
    price: float
    price_date: date
    dollar_volume: float
    delisting: float


def screened_universe(week: Week, evidence: Evidence, parameters: UniverseParameters) -> pd.DataFrame:
    """One row per candidate, with the reason it was kept or dropped.

    Args:
        week: the decision's week.
        evidence: halal rows, bars, membership, holdings.
        parameters: filters; the price floor is applied to as-traded prices only, because a split-adjusted level
            knows later splits.

    Returns:
        symbol, rank (1 = largest dollar volume; 0 = failed a filter), kept, held, reason, sessions, dollar_volume
        (median USD a day over 60 sessions), price (USD, last close), price_date, max_weight. Kept first, by rank.
    """
    halal = evidence.halal.set_index("symbol")
    offered = halal.index[halal["excluded"] == ""]
    table = _measured(evidence.bars, sorted({*offered, *evidence.held}))
    table = table.join(halal["max_weight"]).fillna({"max_weight": 0.0})
    table["not_halal"] = halal["excluded"].reindex(table.index).fillna("no longer in a halal fund")
    table["held"] = table.index.isin(evidence.held)
    table = table.reset_index()
    facts = [_Facts(*row) for row in table[list(_Facts._fields)].itertuples(index=False, name=None)]
    must_go = [next(_against_holding(each, week, parameters), "") for each in facts]
    reasons = [
        gone or next(_against_buying(each, evidence, parameters), "") for gone, each in zip(must_go, facts, strict=True)
    ]
    table["must_go"] = [bool(reason) for reason in must_go]
    table["reason"] = pd.Series(reasons, dtype="str")
    order = table[table["reason"] == ""].sort_values(["dollar_volume", "symbol"], ascending=[False, True]).index
    table["rank"] = 0
    table.loc[order, "rank"] = range(1, len(order) + 1)
    return _decided(table, parameters.top)


def _measured(bars: pd.DataFrame, candidates: Sequence[str]) -> pd.DataFrame:
    """Per candidate: sessions, price, price_date, delisting (USD, 0 = listed), dollar_volume; index symbol."""
    own = bars[bars["symbol"].isin(candidates)]
    if "delisting" not in own:
        own = own.assign(delisting=0.0)
    newest = {name: (name, "last") for name in ("date", "close", "delisting")}
    out = own.groupby("symbol").agg(sessions=("date", "size"), **newest)
    out = out.rename(columns={"close": "price", "date": "price_date"})
    quarter = (own["close"] * own["volume"]).groupby(own["symbol"]).tail(VOLUME_WINDOW)  # a split changes neither
    out["dollar_volume"] = quarter.groupby(own["symbol"]).median()
    out = out.reindex(pd.Index(candidates, dtype=str, name="symbol"))
    return out.fillna({"sessions": 0, "dollar_volume": 0.0}).astype({"sessions": "int64"})


def _against_holding(facts: _Facts, week: Week, parameters: UniverseParameters) -> Iterator[str]:
    """Why a name may not even be kept by an account that holds it: it is not halal any more, or does not trade."""
    if facts.not_halal:
        yield facts.not_halal
    if facts.sessions == 0:
        yield "no bars in the source"
    if facts.delisting > 0:
        yield f"delisted on {facts.price_date}"
    if facts.price_date < sessions_back(week.last_session, parameters.stale_after_sessions):
        yield f"no bar since {facts.price_date}"


def _against_buying(facts: _Facts, evidence: Evidence, parameters: UniverseParameters) -> Iterator[str]:
    """The filters that a candidate with fresh bars fails, in the order of looking."""
    if facts.sessions < parameters.min_sessions:
        yield f"history of {facts.sessions} sessions is shorter than {parameters.min_sessions}"
    if evidence.members is not None and facts.symbol not in evidence.members:
        yield "no index member on that day"
    if evidence.price_basis is PriceBasis.AS_TRADED and facts.price < parameters.min_price:
        yield f"price {facts.price:.2f} below {parameters.min_price:.2f}"
    if facts.dollar_volume < parameters.min_dollar_volume:
        yield f"dollar volume {facts.dollar_volume / 1e6:.1f} M below {parameters.min_dollar_volume / 1e6:.1f} M"


def _decided(table: pd.DataFrame, top: int) -> pd.DataFrame:
    """Fill `kept` and `reason`: the top ranks, and what is held and may stay; kept first, by rank, then symbol."""
    rank, held = table["rank"], table["held"]
    stays = held & ~table["must_go"]
    passed = rank > 0
    chosen = passed & (rank <= top)
    reason = table["reason"].mask(passed, "rank " + rank.astype("str"))
    reason = reason.mask(chosen, reason + f" of the top {top}")
    reason = reason.mask(passed & ~chosen & ~held, reason + f" is below the top {top}")
    reason = reason.mask(held & ~chosen, "held; " + reason)
    reason = reason.mask(held & table["must_go"], reason + "; to be sold")
    table = table.assign(kept=chosen | stays, reason=reason, order=rank.where(passed, len(table) + 1))
    ordered = table.sort_values(["kept", "order", "symbol"], ascending=[False, True, True], kind="stable")
    columns = ["symbol", "rank", "kept", "held", "reason", "sessions", "dollar_volume", "price", "price_date"]
    return ordered[[*columns, "max_weight"]].reset_index(drop=True)
