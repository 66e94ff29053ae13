"""Weights to day limit orders: sells before buys, fundable, sellable, capped, and a reason for all that is left.

Quantities come from the limit price, so a buy never costs more and a sale never brings less than was planned.
Money is decimal from here on.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from learnfinance_dagster.costs import CENT, CostModel
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.trading.identity import client_order_id
from learnfinance_dagster.values import Mode, NotSent, Order, OrderPlan, Portfolio, Side, TargetWeights

FRACTION = Decimal("0.0001")
UNCHANGED = 1e-6
"""Changes of weight below this are rounding, not decisions."""


@dataclass(frozen=True, slots=True)
class LastPrice:
    """The newest close known at the decision."""

    price: Decimal
    session: date
    fractionable: bool = True


@dataclass(frozen=True, slots=True)
class KnownPrices:
    """What planning knows about prices."""

    prices: Mapping[str, LastPrice]
    fresh_from: date
    """A last price older than this does not support an order."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A wanted change of one name."""

    symbol: str
    side: Side
    current: float
    target: float
    change: Decimal
    """USD, positive."""
    is_exit: bool


@dataclass(frozen=True, slots=True)
class PlanContext:
    """Who plans, on what terms."""

    attempt: int
    mode: Mode
    mode_reason: str
    parameters: OrderParameters
    costs: CostModel


def limit_price(last: Decimal, side: Side, offset: float) -> Decimal:
    """Last price plus (buy) or minus (sell) `offset` as a share, in cents."""
    factor = Decimal(1) + Decimal(str(offset)) * (1 if side is Side.BUY else -1)
    return (last * factor).quantize(CENT, ROUND_HALF_EVEN)


def plan_orders(portfolio: Portfolio, target: TargetWeights, market: KnownPrices, context: PlanContext) -> OrderPlan:
    """Plan one account's orders for one week.

    Args:
        portfolio: the account as of the decision.
        target: constrained weights; a held name without a weight is sold out.
        market: last known prices.
        context: attempt, mode, caps and costs.
    """
    plan = OrderPlan(
        account=portfolio.account,
        run_id=portfolio.run_id,
        attempt=context.attempt,
        mode=context.mode,
        mode_reason=context.mode_reason,
        nav=portfolio.nav,
        cash=portfolio.cash,
        orders=(),
        not_sent=(),
    )
    skipped = _why_skipped(portfolio, target)
    if skipped:
        return replace(plan, skipped=skipped)
    builder = _Builder(portfolio, market, context)
    builder.consider(_candidates(portfolio, target))
    builder.cap_turnover_and_count()
    builder.fund_buys()
    return replace(plan, orders=tuple(builder.orders), not_sent=tuple(builder.not_sent))


def _why_skipped(portfolio: Portfolio, target: TargetWeights) -> str:
    if portfolio.failure:
        return f"no portfolio: {portfolio.failure}"
    if target.failure:
        return f"no weights: {target.failure}"
    if portfolio.open_orders:
        return f"{portfolio.open_orders} orders are still open at the broker"
    if portfolio.nav <= 0:
        return f"net asset value is {portfolio.nav}"
    return ""


def _candidates(portfolio: Portfolio, target: TargetWeights) -> list[_Candidate]:
    """Every name whose weight should change: sells first (exits leading), the largest change first."""
    nav = portfolio.nav
    held = {position.symbol: position for position in portfolio.positions if position.qty > 0}
    found = []
    for symbol in sorted(set(held) | set(target.weights)):
        current = float(held[symbol].market_value / nav) if symbol in held else 0.0
        wanted = target.weights.get(symbol, 0.0)
        is_exit = symbol in held and wanted < UNCHANGED
        if abs(wanted - current) < UNCHANGED and not is_exit:
            continue
        side = Side.BUY if wanted > current else Side.SELL
        change = abs(Decimal(str(wanted)) * nav - (held[symbol].market_value if symbol in held else 0))
        found.append(_Candidate(symbol, side, current, wanted, change, is_exit))
    return sorted(found, key=lambda c: (c.side is Side.BUY, not c.is_exit, -c.change, c.symbol))


class _Builder:
    """Turns candidates into orders, step by step, keeping the reason of each that falls out."""

    def __init__(self, portfolio: Portfolio, market: KnownPrices, context: PlanContext) -> None:
        self.portfolio = portfolio
        self.nav = portfolio.nav
        self.held = {position.symbol: position.qty for position in portfolio.positions}
        self.market = market
        self.context = context
        self.parameters = context.parameters
        self.orders: list[Order] = []
        self.not_sent: list[NotSent] = []

    def consider(self, candidates: Collection[_Candidate]) -> None:
        """Price each candidate, or note why it cannot be ordered."""
        for candidate in candidates:
            reason = self._objection(candidate) or self._order(candidate)
            if reason:
                self._leave(candidate.symbol, candidate.side, candidate.change, reason)

    def _leave(self, symbol: str, side: Side, notional: Decimal, reason: str) -> None:
        self.not_sent.append(NotSent(symbol, side, notional.quantize(CENT), reason))

    def _objection(self, candidate: _Candidate) -> str:
        """Why this candidate becomes no order, before quantities are known; empty when nothing speaks against it."""
        p = self.parameters
        last = self.market.prices.get(candidate.symbol)
        if last is None or last.price <= 0:
            return "no known price"
        if last.session < self.market.fresh_from:
            return f"no price since {last.session}"
        if candidate.side is Side.BUY and candidate.symbol in p.block:
            return "on the block list"
        if candidate.side is Side.BUY and p.allow and candidate.symbol not in p.allow:
            return "not on the allow list"
        if candidate.is_exit:
            return ""
        if candidate.change < Decimal(str(p.min_notional)):
            return f"worth less than ${p.min_notional:g}"
        if abs(candidate.target - candidate.current) < p.dead_band:
            return f"change below the dead-band of {p.dead_band:.1%} of NAV"
        return ""

    def _order(self, candidate: _Candidate) -> str:
        """Append the order; or the reason why its quantity rounds to nothing."""
        last = self.market.prices[candidate.symbol]
        limit = limit_price(last.price, candidate.side, self.parameters.limit_offset)
        if limit <= 0:
            return "the limit price rounds to zero"
        value, held = candidate.change, self.held.get(candidate.symbol, Decimal(0))
        if candidate.side is Side.BUY:
            room = Decimal(str(self.parameters.max_position)) * self.nav - held * last.price
            if room <= 0:
                return f"already at the position cap of {self.parameters.max_position:.0%} of NAV"
            value = min(value, room)
        step = FRACTION if last.fractionable else Decimal(1)
        qty = held if candidate.is_exit else (value / limit).quantize(step, ROUND_DOWN)
        if candidate.side is Side.SELL:
            qty = min(qty, held)
        if qty <= 0:
            return "less than one share, and no fractions" if not last.fractionable else "quantity rounds to zero"
        identity = client_order_id(self.portfolio.run_id, self.context.attempt, candidate.symbol, candidate.side)
        self.orders.append(
            Order(
                client_order_id=identity,
                symbol=candidate.symbol,
                side=candidate.side,
                qty=qty,
                limit_price=limit,
                last_price=last.price,
                current_weight=candidate.current,
                target_weight=candidate.target,
            )
        )
        return ""

    def cap_turnover_and_count(self) -> None:
        """Keep orders in their order of importance until a cap is reached."""
        kept: list[Order] = []
        room = Decimal(str(self.parameters.max_turnover)) * self.nav * 2
        for order in self.orders:
            if len(kept) >= self.parameters.max_orders:
                reason = f"order cap of {self.parameters.max_orders} reached"
            elif order.notional > room:
                reason = f"turnover cap of {self.parameters.max_turnover:.0%} reached"
            else:
                kept.append(order)
                room -= order.notional
                continue
            self._leave(order.symbol, order.side, order.notional, reason)
        self.orders = kept

    def fund_buys(self) -> None:
        """Scale buys to cash plus what the sells bring at their limits, less costs and the buffer.

        Brokers round the value and the cost of each trade to cents; a cent a trade is set aside for each rounding, and
        it is not scaled with the buys.
        """
        sells = [order for order in self.orders if order.side is Side.SELL]
        buys = [order for order in self.orders if order.side is Side.BUY]
        proceeds = sum((o.notional - self.context.costs.of_trade(o.notional) for o in sells), Decimal(0))
        roundings = 2 * CENT * len(self.orders)
        buffer = Decimal(str(self.parameters.cash_buffer)) * self.nav
        budget = self.portfolio.cash + proceeds - roundings - buffer
        wanted = sum((order.notional for order in buys), Decimal(0)) * (1 + Decimal(str(self.context.costs.rate)))
        scale = min(Decimal(1), budget / wanted) if wanted > 0 else Decimal(1)
        self.orders = sells
        for order in buys:
            if scale <= 0:
                self._leave(order.symbol, order.side, order.notional, "no cash after the sells")
                continue
            resized = order if scale == 1 else replace(order, qty=self._scaled(order, scale))
            if resized.notional < Decimal(str(self.parameters.min_notional)):
                reason = f"worth less than ${self.parameters.min_notional:g} once scaled to the cash"
                self._leave(order.symbol, order.side, order.notional, reason)
            else:
                self.orders.append(resized)

    def _scaled(self, order: Order, scale: Decimal) -> Decimal:
        step = FRACTION if self.market.prices[order.symbol].fractionable else Decimal(1)
        return (order.qty * scale).quantize(step, ROUND_DOWN)
