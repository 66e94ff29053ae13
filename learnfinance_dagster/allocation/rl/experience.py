"""What an account lived through: the state as its policy saw it, what it wanted, what it got, what came of it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pandas as pd

from learnfinance_dagster.allocation.rl.state import PolicyState
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.schemas.market import PRICES
from learnfinance_dagster.values import EquityMark, FillReport, Mode, OrderPlan, Position, TargetWeights


@dataclass(frozen=True, slots=True)
class Experience:
    """One Monday of one learned allocator."""

    allocator: str
    week: str
    version: str
    """Of the policy; empty when there was none."""
    state: PolicyState | None
    """As the policy saw it; None when it could not decide."""
    intended: dict[str, float]
    """Target weights after the common constraints; the rest is cash."""
    executed: dict[str, float]
    """Shares of NAV after the week's fills, at the first session's open; the rest is cash. Empty while pending."""
    turnover: float
    """Half of the traded value over NAV, from fills."""
    cost: float
    """Costs of the week's fills over NAV before them."""
    pending: str = ""
    """Why nothing was executed or why it is not known yet; empty when `executed` holds."""


@dataclass(frozen=True, slots=True)
class Reward:
    """The label of an experience, once its holding week is over."""

    allocator: str
    week: str
    log_return: float | None
    """ln of growth from the first open to the next week's first open, costs of this week's fills paid."""
    next_weights: dict[str, float]
    """Where prices had carried the executed weights by then; the rest is cash."""
    next_state: PolicyState | None
    """The next Monday as the policy saw it; None when it did not decide then."""
    pending: str = ""
    """Why there is no label yet, or will be none; empty when there is one."""


def experience_of(  # noqa: PLR0913 - the whole branch of an account
    allocator: str,
    week: str,
    state: PolicyState | None,
    weights: TargetWeights,
    plan: OrderPlan | None,
    fills: FillReport,
) -> Experience:
    """One Monday of one account.

    An account that wanted no orders executed what it held: that is known, and nothing is pending.

    Args:
        allocator: e.g. `ppo_lstm`.
        week: key of the Monday.
        state: as the policy saw it; not kept when it could not decide.
        weights: what it wanted.
        plan: of that week; None when there was none.
        fills: what came of it, as far as known.

    Raises:
        DataError: positions and cash are not worth what the equity mark says.
    """
    found = Experience(
        allocator=allocator,
        week=week,
        version=weights.provenance.get("policy", ""),
        state=None if weights.failure else state,
        intended=dict(weights.weights),
        executed={},
        turnover=0.0,
        cost=0.0,
        pending=_why_pending(weights, plan, fills),
    )
    mark = fills.mark
    if found.pending or mark is None:
        return found
    traded = sum((fill.qty * fill.price for fill in fills.fills), Decimal(0))
    costs = sum((fill.cost for fill in fills.fills), Decimal(0))
    before = mark.nav + costs
    return replace(
        found,
        executed=_shares(fills, mark),
        turnover=float(traded / 2 / before),
        cost=float(costs / before),
    )


def _why_pending(weights: TargetWeights, plan: OrderPlan | None, fills: FillReport) -> str:
    if weights.failure:
        return f"no weights: {weights.failure}"
    if plan is None:
        return "no orders were planned"
    if plan.skipped:
        return f"the account was skipped: {plan.skipped}"
    if plan.mode is not Mode.LIVE:
        return f"dry run, nothing was sent: {plan.mode_reason}"
    if fills.pending:
        return fills.pending
    if fills.mark is None:
        return "no equity mark was recorded"
    return "" if fills.mark.nav > 0 else f"the account is worth {fills.mark.nav} USD"


def _shares(fills: FillReport, mark: EquityMark) -> dict[str, float]:
    """Symbol → share of NAV, as the mark values it."""
    worth = mark.cash + sum((position.market_value for position in fills.positions), Decimal(0))
    if not math.isclose(worth, mark.nav, rel_tol=1e-9):
        msg = f"{mark.account} {mark.monday}: positions and cash are worth {worth} USD, the equity mark says {mark.nav}"
        raise DataError(msg)
    held = sorted((position.symbol, position.market_value) for position in fills.positions)
    return {symbol: float(value / mark.nav) for symbol, value in held if value}


def from_mark(bars: pd.DataFrame, positions: Iterable[Position], session: date) -> pd.DataFrame:
    """Bars of a holding week that begin at the prices at which the account was marked.

    Most positions are marked at the first session's open. Shares bought later that day are worth what they cost, and
    a name that did not trade then keeps its newest close: what moved from there moves the account.

    Args:
        bars: columns of `Market.bars`, from `session` to the session whose open ends the week.
        positions: as recorded with the mark.
        session: the week's first one.

    Returns:
        The rows with those opens, and one more for a held name that began to trade later. A name without a bar in the
        whole week gets none: what it is worth, nobody knows.
    """
    prices = {position.symbol: float(position.price) for position in positions if position.price > 0}
    opening = bars["date"] == session
    out = bars.assign(open=bars["open"].mask(opening, bars["symbol"].map(prices).fillna(bars["open"])))
    late = sorted(set(prices) & set(bars["symbol"]) - set(bars.loc[opening, "symbol"]))
    if not late:
        return out
    still = {"date": session, "volume": 0.0, "split_ratio": 1.0, "dividend": 0.0, "delisting": 0.0}
    worth = {column: [prices[symbol] for symbol in late] for column in PRICES}
    return pd.concat([out, pd.DataFrame({"symbol": late, **worth}).assign(**still)], ignore_index=True)


def reward_of(experience: Experience, returns: Mapping[str, float | None], next_state: PolicyState | None) -> Reward:
    """The label of an experience: ln((1 - cost) · (cash + Σ w·(1 + r))) with the executed weights.

    It equals the growth of the account's NAV from before this week's trades to before the next week's, both at the
    open. A held name whose return is not known leaves the label pending: in its place there is no zero.

    Args:
        experience: of the week.
        returns: symbol → simple return of the holding week (`returns.holding_returns` of `from_mark`).
        next_state: of the next Monday. Dividends and what a delisting paid still count with their name in
            `next_weights`; `next_state.weights` has them in cash.
    """

    def pending(why: str) -> Reward:
        return Reward(experience.allocator, experience.week, None, {}, next_state, why)

    if experience.pending:
        return pending(f"nothing was executed: {experience.pending}")
    grown = {symbol: _grown(weight, returns.get(symbol)) for symbol, weight in experience.executed.items()}
    unknown = sorted(symbol for symbol, worth in grown.items() if worth is None)
    if unknown:
        return pending(f"the return of {', '.join(unknown)} is not known")
    known = {symbol: worth for symbol, worth in grown.items() if worth}
    wealth = 1 - sum(experience.executed.values()) + sum(known.values())
    growth = (1 - experience.cost) * wealth
    if growth <= 0:
        return pending("nothing was left of the account: that has no logarithm")
    return Reward(
        allocator=experience.allocator,
        week=experience.week,
        log_return=math.log(growth),
        next_weights={symbol: worth / wealth for symbol, worth in known.items()},
        next_state=next_state,
    )


def _grown(weight: float, simple: float | None) -> float | None:
    """What a weight has become; None when nobody knows."""
    return None if simple is None or math.isnan(simple) else weight * (1 + simple)
