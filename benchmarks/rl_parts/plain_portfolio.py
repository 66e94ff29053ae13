"""One portfolio, week after week and name after name, as one would write it first: slow, and what the batch must equal.

Nothing of the batch is used here: no array, no slot, no prepared page. Names are followed by their symbols. The tests
load this file too.
"""

import math
from dataclasses import dataclass
from statistics import fmean, pstdev

from learnfinance_dagster.allocation.rl.history import PolicyHistory
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.parameters import AllocationParameters

DUST, LIMIT, CLIP, ETA = 1e-3, 4.0, 5.0, 0.01
NOBODY = [0.0] * 12
"""Nine features, the forecast, how much was imputed, and whether a name is there: of an empty slot."""


@dataclass(frozen=True, slots=True)
class PlainWeek:
    """One Monday, in names."""

    symbols: list[str]
    """One a slot; empty: nobody."""
    read: dict[str, list[float]]
    """Features and forecast, NaN where not known."""
    returns: dict[str, float]
    closes: dict[str, float]
    """Of the same week, until the last close before the next decision."""
    halted: set[str]
    """Names that do not trade at the open."""


def plain_weeks(history: PolicyHistory) -> list[PlainWeek]:
    """The same past in names."""
    weeks = []
    for names, features, forecast, returns, closes, halted in zip(
        history.name.tolist(),
        history.features.tolist(),
        history.forecast.tolist(),
        history.returns.tolist(),
        history.closes.tolist(),
        history.halted.tolist(),
        strict=True,
    ):
        symbols = [history.symbols[name] if name >= 0 else "" for name in names]
        read = {symbol: [*row, guess] for symbol, row, guess in zip(symbols, features, forecast, strict=True) if symbol}
        earned = {symbol: value for symbol, value in zip(symbols, returns, strict=True) if symbol}
        closed = {symbol: value for symbol, value in zip(symbols, closes, strict=True) if symbol}
        still = {symbol for symbol, value in zip(symbols, halted, strict=True) if symbol and value}
        weeks.append(PlainWeek(symbols, read, earned, closed, still))
    return weeks


class PlainPortfolio:
    """One portfolio, which begins in cash."""

    def __init__(
        self, weeks: list[PlainWeek], observer: Observer, rules: AllocationParameters, costs: CostModel
    ) -> None:
        """At the first week."""
        self.weeks, self.observer, self.rules, self.rate = weeks, observer, rules, costs.bps_per_side / 10_000
        usual = [self.equal_weight(week) for week in weeks]
        self.mean, self.std = fmean(usual), pstdev(usual)
        self.begin(0)

    def begin(self, week: int) -> None:
        """A new episode."""
        self.week, self.held, self.shown = week, dict[str, float](), dict[str, float]()
        self.kept = 0.0
        self.first, self.second = self.mean, self.mean**2 + self.std**2
        self.target, self.turnover, self.log_return = dict[str, float](), 0.0, 0.0

    def equal_weight(self, week: PlainWeek) -> float:
        """Log return of the mean of a week's names."""
        total = 0.0
        for earned in week.returns.values():
            total += earned
        return math.log(1 + total / len(week.returns))

    def observe(self) -> list[float]:
        """What a policy reads."""
        now, out = self.weeks[self.week], list[float]()
        fills, means, stds = self.observer.fills, self.observer.means, self.observer.stds
        for symbol in now.symbols:
            if not symbol:
                out.extend(NOBODY)
                continue
            unknown = 0
            for value, fill, mean, std in zip(now.read[symbol], fills, means, stds, strict=True):
                missing = value != value  # noqa: PLR0124 - the quickest question for NaN
                unknown += missing
                out.append(min(max(((fill if missing else value) - mean) / std, -CLIP), CLIP))
            out.append(unknown / len(fills))
            out.append(1.0)
        invested = outside = 0.0
        for symbol in now.symbols:
            out.append(self.shown.get(symbol, 0.0))
            invested += out[-1]
        for symbol, weight in self.shown.items():
            if symbol not in now.read:
                outside += weight
        out.append(1.0 - invested - outside)
        out.append(outside)
        return out

    def step(self, logits: list[float]) -> float:
        """Hold for a week what one logit a slot, and cash's, ask for. What it was paid."""
        now = self.weeks[self.week]
        self.target = self._had(now, self._wanted(now, logits))
        traded = 0.0
        for symbol in {*self.target, *self.held}:
            traded += abs(self.target.get(symbol, 0.0) - self.held.get(symbol, 0.0))
        self.turnover = traded / 2
        growth = by_close = 1.0
        for symbol, weight in self.target.items():
            growth += weight * now.returns[symbol]
            by_close += weight * now.closes[symbol]
        self.shown = {symbol: weight * (1 + now.closes[symbol]) / by_close for symbol, weight in self.target.items()}
        self.log_return = math.log(growth * (1 - traded * self.rate))
        self.held = {symbol: weight * (1 + now.returns[symbol]) / growth for symbol, weight in self.target.items()}
        paid = self._pay(self.log_return, self.first, self.second)
        self.first, self.second = (
            self.first + ETA * (self.log_return - self.first),
            self.second + ETA * (self.log_return**2 - self.second),
        )
        self.week += 1
        return paid - self._pay(self.equal_weight(now), self.mean, self.mean**2 + self.std**2)

    def _wanted(self, now: PlainWeek, logits: list[float]) -> dict[str, float]:
        asked = {}
        total = math.exp(min(max(logits[-1], -LIMIT), LIMIT))
        for symbol, logit in zip(now.symbols, logits[:-1], strict=True):
            if symbol:
                asked[symbol] = math.exp(min(max(logit, -LIMIT), LIMIT))
                total += asked[symbol]
        invested = 0.0
        for symbol, size in asked.items():
            share = size / total
            asked[symbol] = 0.0 if share < DUST else min(share, self.rules.max_weight)
            invested += asked[symbol]
        if invested > 1 - self.rules.min_cash:
            for symbol in asked:
                asked[symbol] *= (1 - self.rules.min_cash) / invested
        return asked

    def _had(self, now: PlainWeek, wanted: dict[str, float]) -> dict[str, float]:
        """Names that do not trade stay as they are; the others share what cash that leaves."""
        self.kept = asked = 0.0
        for symbol, weight in wanted.items():
            if symbol in now.halted:
                self.kept += self.held.get(symbol, 0.0)
            else:
                asked += weight
        part = min(1.0, (1 - self.kept) / asked) if asked and now.halted else 1.0
        return {
            symbol: self.held.get(symbol, 0.0) if symbol in now.halted else weight * part
            for symbol, weight in wanted.items()
        }

    def _pay(self, log_return: float, first: float, second: float) -> float:
        up, wide, spread = log_return - first, log_return**2 - second, second - first**2
        scale = spread**1.5 if spread > 0 else 0.0
        sharpe = (second * up - first * wide / 2) / scale if scale >= 1e-12 else 0.0
        return (log_return / self.std + sharpe) / 2
