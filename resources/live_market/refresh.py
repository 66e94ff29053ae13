"""A look at the vendors: ask for what is missing, keep it, and say what it was."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from learnfinance_dagster.calendar import (
    decision_time,
    last_closed_session,
    monday_of,
    new_york_day,
    next_session,
    session_open,
    sessions_back,
)
from learnfinance_dagster.errors import LearnFinanceError, TransientError
from learnfinance_dagster.parameters import LiveParameters
from learnfinance_dagster.ports import CAVEAT
from learnfinance_dagster.symbols import normalise
from resources.live_market.fetched import FundSource, PriceSource, Want
from resources.live_market.folder import Kept, Look, MarketFolder
from resources.live_market.funds import FundAnswer, Known, ask_funds
from resources.live_market.keeping import Keeping

RECENT = 30
"""Sessions for which a name that no fund holds any more is still asked for: an account may hold it."""
NAMED = 5
"""Names that a caveat spells out; the rest is in the folder's `looks.jsonl`."""


@dataclass(frozen=True, slots=True)
class Refresher:
    """Keeps a folder up to date."""

    folder: MarketFolder
    prices: PriceSource
    fund_sources: Sequence[FundSource]
    funds: Sequence[str]
    parameters: LiveParameters
    clock: Callable[[], datetime]
    say: Callable[[str], None]

    def refresh(self) -> None:
        """Look, where something can be new since the last look: a session closed, or a Monday's decision is due.

        Raises:
            TransientError: a vendor is silent or busy; what came before is kept, and the next look goes on from it.
            RefusedError: it says no.
            ConfigurationError: credentials are missing or wrong.
            DataError: a vendor answers what nobody can read, or the folder is broken.
        """
        looks = self.folder.looks()
        if not self._is_due(looks[-1] if looks else None):
            return
        with self.folder.alone():
            kept = self.folder.read()
            if self._is_due(kept.last_look):  # else somebody else looked while this one waited
                self._look(kept)

    def _through(self) -> date:
        """The last session whose bar is final."""
        return last_closed_session(self.clock() - timedelta(minutes=self.parameters.settle_minutes))

    def _is_due(self, last: Look | None) -> bool:
        return last is None or last.through < self._through() or last.at < decision_before(self.clock())

    def _look(self, kept: Kept) -> None:
        now = self.clock().astimezone(UTC)
        decision = decision_before(now)
        is_first = kept.last_look is None or kept.last_look.at < decision
        look = Look(decision if is_first else now, now, self._through())
        keeping = Keeping(kept, look, self.prices.name)
        told = _Told(look)
        caveats = caveats_of(new_york_day(kept.looks[0].at if kept.looks else now))
        try:
            self._ask_funds(keeping, told)
            self._ask_prices(keeping, told)
        except LearnFinanceError:
            if keeping.fresh or len(kept.bars):
                self.folder.write(keeping.result(), caveats)
            raise
        ended, notes = told.ended(keeping, self.prices.name)
        self.folder.write(keeping.result(ended, notes), caveats)

    def _ask_funds(self, keeping: Keeping, told: "_Told") -> None:
        known: dict[str, Known] = {}
        for look in keeping.kept.looks:
            for fund, fact in look.facts.get("funds", {}).items():
                if fact.get("source"):
                    known[fund] = Known(fact["source"], date.fromisoformat(fact["day"]))
        today = new_york_day(keeping.look.at)
        self.say(f"asking what {', '.join(self.funds)} hold")
        for answer in ask_funds(self.funds, self.fund_sources, today, known, self.parameters.fallback_after_days):
            told.funds.append(answer)
            if answer.holdings:
                keeping.add_holdings(answer.holdings)

    def _ask_prices(self, keeping: Keeping, told: "_Told") -> None:
        wants = self._wants(keeping)
        new = sum(want.since == self.parameters.history_first for want in wants)
        if not wants:
            if keeping.kept.bars.empty:
                reasons = "; ".join(answer.says for answer in told.funds)
                msg = f"nobody tells what any fund holds, so there is no name to ask for: {reasons}"
                raise TransientError(msg)
            return
        self.say(f"asking {self.prices.name} for daily bars of {len(wants)} names, {new} of them with their history")
        done = 0
        for part in self.prices.prices(wants, keeping.look.through):
            keeping.add(part)
            told.missing |= part.missing
            told.odd += part.odd
            done += part.bars["symbol"].nunique() + len(part.missing)
            self.say(f"{done} of {len(wants)} names")
        told.asked = len(wants)

    def _wants(self, keeping: Keeping) -> list[Want]:
        """Names that funds hold now, that traded lately, or that settings add; and from when each is needed."""
        bars, through = keeping.kept.bars, keeping.look.through
        newest_bars = bars.groupby("symbol", sort=False)["date"].max() if len(bars) else {}
        last: dict[str, date] = {str(name): day for name, day in newest_bars.items()}
        recent = sessions_back(through, RECENT)
        holdings = keeping.holdings()
        newest = holdings.groupby("fund")["date"].transform("max") if len(holdings) else holdings["date"]
        held = {normalise(symbol) for symbol in holdings.loc[holdings["date"] == newest, "symbol"]}
        held |= {symbol for symbol, day in last.items() if day >= recent}
        held |= {normalise(symbol) for symbol in self.parameters.symbols}
        first, overlap = self.parameters.history_first, self.parameters.overlap_sessions
        since = {name: sessions_back(last[name], overlap) if name in last else first for name in held}
        return [Want(name, since[name]) for name in sorted(held) if last.get(name, date.min) < through]


@dataclass(slots=True)
class _Told:
    """What is to be said of a look."""

    look: Look
    asked: int = 0
    funds: list[FundAnswer] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    odd: tuple[str, ...] = ()

    def ended(self, keeping: Keeping, source: str) -> tuple[Look, pd.DataFrame]:
        """The look with its facts, and its notes."""
        without = self.missing | keeping.refused
        facts = {
            "prices": source,
            "asked": self.asked,
            "new_bars": keeping.fresh,
            "missing": without,
            "odd": list(self.odd),
            "revisions": len(keeping.revisions),
            "funds": {answer.fund: _fact(answer) for answer in self.funds},
        }
        look = Look(self.look.moment, self.look.at, self.look.through, facts)
        return look, _notes(self.look.moment, self._texts(keeping, source, without))

    def _texts(self, keeping: Keeping, source: str, without: dict[str, str]) -> list[tuple[str, str]]:
        at = f"{self.look.at:%Y-%m-%d %H:%M} UTC"
        answered = [answer.says for answer in self.funds if answer.holdings and not answer.is_trouble]
        texts = [("prices", f"{source}, up to {self.look.through}, asked at {at} for {self.asked} names")]
        texts += [("holdings", "; ".join(answered))] * bool(answered)
        texts += [(CAVEAT, answer.says) for answer in self.funds if answer.is_trouble]
        if without:
            shown = ", ".join(f"{name} ({why})" for name, why in sorted(without.items())[:NAMED])
            more = f" and {len(without) - NAMED} more" if len(without) > NAMED else ""
            texts.append((CAVEAT, f"No new bars of {len(without)} of {self.asked} names: {shown}{more}."))
        if keeping.revisions:
            first = keeping.revisions[0]
            example = f"{first['symbol']} {first['date']} {first['what']}"
            count = f"{source} now tells {len(keeping.revisions)} stored values differently"
            texts.append((CAVEAT, f"{count}, e.g. {example}; what was stored stays."))
        opened = session_open(next_session(new_york_day(self.look.moment)))
        if self.look.at >= opened > self.look.moment:
            texts.append((CAVEAT, f"Prices were first asked for at {at}, after New York had opened."))
        return texts


def decision_before(moment: datetime) -> datetime:
    """The newest Monday's decision time that is not after `moment`."""
    monday = monday_of(moment.astimezone(UTC).date())
    decision = decision_time(monday)
    return decision if decision <= moment else decision_time(monday - timedelta(days=7))


def caveats_of(began: date) -> tuple[str, ...]:
    """What holds of a live market for good."""
    survivors = f"the funds' holdings are known from {began} on, and index membership is not dated"
    return (
        f"survivorship: {survivors}, so names that were given up before are missing",
        f"history before {began} was fetched on {began}: restated prices possible",
    )


def _fact(answer: FundAnswer) -> dict[str, object]:
    if answer.holdings is None:
        return {"source": "", "says": answer.says}
    found = answer.holdings
    return {
        "source": answer.source,
        "day": found.day.isoformat(),
        "names": len(found.weights),
        "left_out": found.left_out,
        "says": answer.says,
    }


def _notes(moment: datetime, texts: Sequence[tuple[str, str]]) -> pd.DataFrame:
    topics, words = zip(*texts, strict=True)
    return pd.DataFrame(
        {
            "known_at": pd.Series([pd.Timestamp(moment)] * len(texts), dtype="datetime64[us, UTC]"),
            "topic": pd.array(topics, dtype="str"),
            "text": pd.array(words, dtype="str"),
        }
    )
