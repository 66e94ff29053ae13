"""What of an answer is stored: what is new. What is stored stays, and what differs from it is told.

A row's `known_at` is empty where the first look after its session found it: then it is known from the close on, as it
was to everybody. What an earlier look could have found and did not is known from this look on, so that no decision
that was made without it is ever shown to have known it.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from learnfinance_dagster.schemas.market import PRICES
from resources.live_market.fetched import FundHoldings, Prices
from resources.live_market.folder import Kept, Look, empty

ROUNDING, HALF_A_CENT = 2e-4, 0.0051
"""A price that differs by no more than this share, or this much, is the same."""
VOLUME_ROUNDING = 0.02
MOVED_DAYS = 14
"""Days between two ex-dates of one split or dividend: a row that a vendor loses or finds again carries it along."""
OTHER_BASIS, SAME_RATIO = 0.2, 0.01
"""Prices that all differ by one factor, beyond the first by less than the second, stand on another share basis."""
NEVER = pd.NaT


@dataclass(slots=True)
class Keeping:
    """Collects the answers of one look on top of what is kept."""

    kept: Kept
    look: Look
    source: str
    refused: dict[str, str] = field(default_factory=dict)
    """Name → why nothing of its answer was stored."""
    revisions: list[dict[str, Any]] = field(default_factory=list)
    fresh: int = 0
    """New bars."""
    _bars: list[pd.DataFrame] = field(default_factory=list)
    _actions: list[dict[str, Any]] = field(default_factory=list)
    _holdings: list[pd.DataFrame] = field(default_factory=list)
    _rows: dict[str, slice] = field(default_factory=dict)
    _known_actions: dict[tuple[str, date, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index what is kept."""
        symbols = self.kept.bars["symbol"].to_numpy(dtype=object)
        edges = [*np.flatnonzero(np.r_[True, symbols[1:] != symbols[:-1]]), len(symbols)] if len(symbols) else []
        self._rows = {symbols[a]: slice(a, b) for a, b in pairwise(edges)} if edges else {}
        actions = self.kept.actions
        keys = zip(actions["symbol"], actions["ex_date"], actions["kind"], strict=True)
        self._known_actions = dict(zip(keys, actions["value"], strict=True))

    @property
    def looked_through(self) -> date | None:
        """The last session that an earlier look asked for."""
        return self.kept.last_look.through if self.kept.last_look else None

    def add(self, prices: Prices) -> None:
        """Take what is new of an answer; each name once."""
        actions: dict[str, list[tuple[date, str, float]]] = {}
        for symbol, day, kind, value in prices.actions.itertuples(index=False, name=None):
            actions.setdefault(symbol, []).append((day, kind, value))
        for symbol, rows in prices.bars.groupby("symbol", sort=False):
            self._add(str(symbol), rows.reset_index(drop=True), actions.get(str(symbol), []))

    def _add(self, symbol: str, rows: pd.DataFrame, actions: list[tuple[date, str, float]]) -> None:
        stored = self.kept.bars.iloc[self._rows.get(symbol, slice(0, 0))]
        both = rows.merge(stored, on="date", suffixes=("", "_stored"))
        if why := _other_basis(both):
            self.refused[symbol] = why
            return
        self._note_differences(symbol, both)
        held = sorted({*stored["date"], *rows["date"]})
        actions = [
            (held[bisect_left(held, day)], kind, value) for day, kind, value in actions if held[0] <= day <= held[-1]
        ]
        moved = self._moved(symbol, min([rows["date"].min(), *(day for day, _, _ in actions)]), actions)
        is_new = ~rows["date"].isin(set(stored["date"]))
        for (day, kind), was in moved.items():
            if kind == "split":  # bars from the new day to the stored one are of shares that count as not split yet
                is_new &= ~((rows["date"] >= day) & (rows["date"] < was))
        new = rows[is_new]
        self._bars.append(new.assign(known_at=self._known_at(new["date"])))
        self.fresh += len(new)
        arrivals = dict(zip(new["date"], self._bars[-1]["known_at"], strict=True))
        for day, kind, value in actions:
            if (day, kind) in moved:
                self._revise(symbol, day, f"{kind} that is stored on {moved[day, kind]}", None, value)
            else:
                self._add_action(symbol, day, kind, value, arrivals)

    def _moved(self, symbol: str, since: date, actions: list[tuple[date, str, float]]) -> dict[tuple[date, str], date]:
        """Told (day, kind) → the stored day of the same event, which is told no more where it was.

        Stored twice, a split would pass for a crash. What is stored stays.
        """
        told = {(day, kind) for day, kind, _ in actions}
        unknown = [each for each in actions if (symbol, *each[:2]) not in self._known_actions]
        if not unknown or symbol not in self._rows:
            return {}
        free = {
            (day, kind): value
            for (name, day, kind), value in self._known_actions.items()
            if name == symbol and day >= since and (day, kind) not in told
        }
        found: dict[tuple[date, str], date] = {}
        for day, kind, value in unknown:
            same = [
                was
                for (was, its_kind), stored in free.items()
                if its_kind == kind and abs((was - day).days) <= MOVED_DAYS and _is_same(stored, value)
            ]
            if same:
                found[day, kind] = min(same, key=lambda was: abs((was - day).days))
                del free[found[day, kind], kind]
        return found

    def _known_at(self, days: "pd.Series[Any]") -> pd.Series:
        known = pd.Series(NEVER, index=days.index, dtype="datetime64[us, UTC]")
        if self.looked_through is not None:
            known = known.mask(days <= self.looked_through, pd.Timestamp(self.look.moment))
        return known

    def _add_action(self, symbol: str, day: date, kind: str, value: float, arrivals: Mapping[date, datetime]) -> None:
        known = self._known_actions.get((symbol, day, kind))
        if known is not None:
            if not _is_same(known, value):
                self._revise(symbol, day, kind, known, value)
            return
        late = day not in arrivals
        if late:
            self._revise(symbol, day, kind, None, value)
        moment = pd.Timestamp(self.look.moment) if late else arrivals[day]
        row = {"symbol": symbol, "ex_date": day, "kind": kind, "value": value, "known_at": moment}
        self._actions.append(row)
        self._known_actions[symbol, day, kind] = value

    def add_holdings(self, found: FundHoldings) -> bool:
        """Take a fund's holdings; False where that day's are kept already: they stay."""
        kept = self.kept.holdings
        stored = kept[(kept["fund"] == found.fund) & (kept["date"] == found.day)]
        if len(stored):
            was = dict(zip(stored["symbol"], stored["weight_pct"], strict=True))
            if was.keys() != found.weights.keys() or any(abs(was[name] - found.weights[name]) > 0.01 for name in was):  # noqa: PLR2004
                self._revise(found.fund, found.day, "holdings", len(was), len(found.weights))
            return False
        rows = pd.DataFrame(
            {"symbol": pd.array(list(found.weights), dtype="str"), "weight_pct": found.weights.values()}
        )
        rows = rows.assign(fund=found.fund, date=found.day, known_at=pd.Timestamp(self.look.moment))
        self._holdings.append(rows)
        return True

    def _note_differences(self, symbol: str, both: pd.DataFrame) -> None:
        for name in PRICES:
            was, now = both[f"{name}_stored"].to_numpy(dtype=float), both[name].to_numpy(dtype=float)
            for row in np.flatnonzero((np.abs(now - was) > ROUNDING * was) & (np.abs(now - was) > HALF_A_CENT)):
                self._revise(symbol, both["date"].iloc[row], name, was[row], now[row])
        was, now = both["volume_stored"].to_numpy(dtype=float), both["volume"].to_numpy(dtype=float)
        for row in np.flatnonzero(np.abs(now - was) > VOLUME_ROUNDING * was):
            self._revise(symbol, both["date"].iloc[row], "volume", was[row], now[row])

    def _revise(self, symbol: str, day: date, what: str, stored: float | None, found: float) -> None:
        said = {
            "symbol": symbol,
            "date": day.isoformat(),
            "what": what,
            "stored": None if stored is None else float(stored),
            "found": float(found),
        }
        if not any(said.items() <= before.items() for before in self.kept.revisions):  # once is enough
            self.revisions.append({"found_at": self.look.at.isoformat(), "source": self.source} | said)

    def holdings(self) -> pd.DataFrame:
        """What is kept and what is new."""
        return _joined("holdings", self.kept.holdings, self._holdings, ["fund", "date", "symbol"])

    def result(self, look: Look | None = None, notes: pd.DataFrame | None = None) -> Kept:
        """What is to be stored. With `look`, the look came to its end and is part of it, with its notes."""
        return replace(
            self.kept,
            bars=_joined("bars", self.kept.bars, self._bars, ["symbol", "date"]),
            actions=_joined("actions", self.kept.actions, self._action_frames(), ["symbol", "ex_date", "kind"]),
            holdings=self.holdings(),
            notes=self.kept.notes if notes is None else _joined("notes", self.kept.notes, [notes], ["known_at"]),
            looks=(*self.kept.looks, look) if look else self.kept.looks,
            revisions=(*self.kept.revisions, *self.revisions),
        )

    def _action_frames(self) -> list[pd.DataFrame]:
        return [pd.DataFrame(self._actions)] if self._actions else []


def _is_same(stored: float, found: float) -> bool:
    """Whether two values of an event differ by rounding only."""
    return abs(stored - found) <= ROUNDING * stored + 1e-6


def _other_basis(both: pd.DataFrame) -> str:
    """Why new prices cannot follow the stored ones; empty where they can."""
    if both.empty:
        return ""
    ratio = (both["close_stored"] / both["close"]).to_numpy(dtype=float)
    middle = float(np.median(ratio))
    is_other = abs(np.log(middle)) > np.log1p(OTHER_BASIS) and np.ptp(ratio) <= SAME_RATIO * middle
    if not is_other:
        return ""
    return (
        f"its prices up to {both['date'].max()} are now told {middle:.4g} times lower than they were stored:"
        " a split that the vendor does not tell of"
    )


def _joined(stem: str, kept: pd.DataFrame, new: list[pd.DataFrame], keys: list[str]) -> pd.DataFrame:
    new = [frame for frame in new if len(frame)]
    if not new:
        return kept
    frames = [kept, *new] if len(kept) else new
    columns, dtypes = list(empty(stem).columns), empty(stem).dtypes.to_dict()
    plain = [frame.assign(known_at=pd.to_datetime(frame["known_at"], utc=True).dt.as_unit("us")) for frame in frames]
    out = pd.concat([frame[columns].astype(dtypes) for frame in plain], ignore_index=True)
    return out.sort_values(keys, kind="stable", ignore_index=True)
