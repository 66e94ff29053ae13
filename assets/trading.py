"""Stage trading: per account `portfolio` → `order_plan` → `submission` → `fills`. The thinking is in `trading.Desk`."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pandas as pd

from learnfinance_dagster.allocation.allocator import Allocator
from learnfinance_dagster.allocation.constraints import check_weights
from learnfinance_dagster.calendar import last_closed_session, week_from_key
from learnfinance_dagster.errors import LearnFinanceError
from learnfinance_dagster.orchestration.choices import TradingChoices
from learnfinance_dagster.orchestration.failures import COMPLETED, completed, isolated
from learnfinance_dagster.orchestration.floor import Counter, TradingFloor
from learnfinance_dagster.orchestration.handles import MarketDoor, Parameters
from learnfinance_dagster.orchestration.partitions import WEEKLY, history
from learnfinance_dagster.orchestration.tables import markdown, stored_type
from learnfinance_dagster.ports import BrokerClock, Market
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.submit import shown
from learnfinance_dagster.values import FillReport, Mode, OrderPlan, Portfolio, Submission, TargetWeights

MARKING_WINDOW = timedelta(days=60)
"""How far back a name's last close is looked for when it does not trade on the marking session."""
STEPS: dict[str, type] = {
    "portfolio": Portfolio,
    "order_plan": OrderPlan,
    "submission": Submission,
    "fills": FillReport,
}
"""Step of an account's branch → what its asset stores."""
LATER = {"submission": "-1", "fills": "-2"}
"""Priority of a step. What is ready goes first: every plan is made and recorded (`forward_record`) before an order
leaves, because a submission may last past the open. No order waits for one that failed and is to be tried again."""
Decorator = Callable[[Callable[..., dg.MaterializeResult]], dg.AssetsDefinition]


def trading_assets(allocators: Sequence[Allocator]) -> list[dg.AssetsDefinition]:
    """Four assets per account."""
    makers = (_portfolio_asset, _order_plan_asset, _submission_asset, _fills_asset)
    return [make(allocator.name) for allocator in allocators for make in makers]


def _step(account: str, step: str, description: str, **inputs: dg.AssetIn) -> Decorator:
    """What the four assets have in common."""
    name = f"{account}_{step}"
    return dg.asset(
        name=name,
        description=description,
        ins=inputs,
        partitions_def=WEEKLY,
        group_name="trading",
        owners=["team:trading"],
        kinds={"json"},
        dagster_type=stored_type(STEPS[step].__name__, STEPS[step]),
        check_specs=[dg.AssetCheckSpec(COMPLETED, asset=name)],
        op_tags={"dagster/priority": LATER.get(step, "0")},
    )


def _bars_input() -> dg.AssetIn:
    return dg.AssetIn(partition_mapping=history())


def _known_days(bars: pd.DataFrame, counter: Counter) -> MarketDays:
    known = bars[bars["date"] <= counter.week.last_session]
    return MarketDays(known.sort_values(["symbol", "date"], kind="stable"))


def _portfolio_asset(account: str) -> dg.AssetsDefinition:
    @_step(
        account,
        "portfolio",
        f"What the account `{account}` holds at the decision, valued at the last known close. A simulated account lives"
        " through splits and dividends first. For a week that was traded, this is the recorded portfolio.",
        daily_bars=_bars_input(),
    )
    def portfolio(
        context: dg.AssetExecutionContext,
        daily_bars: pd.DataFrame,
        floor: dg.ResourceParam[TradingFloor],
        trading: TradingChoices,  # noqa: ARG001 - declared, so that a run can be told; the floor reads it
    ) -> dg.MaterializeResult:
        week = week_from_key(context.partition_key)

        def produce() -> Portfolio:
            counter = floor.counter(context, account)
            return counter.desk.portfolio(week, _known_days(daily_bars, counter), counter.refusal)

        outcome = isolated(
            context,
            produce,
            lambda failure: Portfolio(account, week.run_id, Decimal(0), (), 0, Mode.DRY_RUN, "", failure),
        )
        found = outcome.value
        rows = [(p.symbol, p.qty, p.price, f"{p.market_value:.2f}", p.price_date) for p in found.positions]
        metadata = {
            "nav": round(float(found.nav), 2),
            "cash": float(found.cash),
            "positions": len(rows),
            "mode": found.mode.value,
            "note": found.note or "none",
            "table": markdown(["symbol", "shares", "price", "value USD", "price of"], rows),
        }
        return dg.MaterializeResult(value=found, metadata=metadata, check_results=[completed({week.key: outcome})])

    return portfolio


def _order_plan_asset(account: str) -> dg.AssetsDefinition:
    @_step(
        account,
        "order_plan",
        f"The orders that would bring `{account}` to its target weights: sells first, limits within 2 % of the last"
        " close, buys scaled to the money there is. Every change that became no order has its reason. In a dry run"
        " nothing of this is sent.",
        weights=dg.AssetIn(f"{account}_weights"),
        portfolio=dg.AssetIn(f"{account}_portfolio"),
        screened_universe=dg.AssetIn(),
        daily_bars=_bars_input(),
    )
    def order_plan(
        context: dg.AssetExecutionContext,
        weights: TargetWeights,
        portfolio: Portfolio,
        screened_universe: pd.DataFrame,
        daily_bars: pd.DataFrame,
        floor: dg.ResourceParam[TradingFloor],
        parameters: dg.ResourceParam[Parameters],
        trading: TradingChoices,  # noqa: ARG001 - as above
    ) -> dg.MaterializeResult:
        allowed = set(screened_universe.loc[screened_universe["kept"], "symbol"])

        def plan() -> OrderPlan:
            counter = floor.counter(context, account)
            if counter.desk.decide(counter.week, counter.refusal).recorded is None:
                check_weights(weights, allowed, parameters.allocation)
            days = _known_days(daily_bars, counter)
            return counter.desk.plan(counter.week, portfolio, weights, days, counter.refusal)

        outcome = isolated(context, plan, lambda failure: _empty_plan(portfolio, failure))
        return dg.MaterializeResult(
            value=outcome.value,
            metadata=_plan_metadata(outcome.value),
            check_results=[completed({context.partition_key: outcome})],
        )

    return order_plan


def _empty_plan(portfolio: Portfolio, failure: str) -> OrderPlan:
    return OrderPlan(
        portfolio.account, portfolio.run_id, 1, Mode.DRY_RUN, failure, portfolio.nav, portfolio.cash, (), (), failure
    )


def _plan_metadata(plan: OrderPlan) -> dict[str, Any]:
    rows = [
        (o.symbol, o.side.value, o.qty, o.limit_price, f"{o.current_weight:.2%} → {o.target_weight:.2%}", "")
        for o in plan.orders
    ]
    rows += [(n.symbol, n.side.value, "", "", f"{n.notional} USD", n.reason) for n in plan.not_sent]
    return {
        "orders": len(plan.orders),
        "not_sent": len(plan.not_sent),
        "turnover": round(plan.turnover, 6),
        "mode": plan.mode.value,
        "mode_reason": plan.mode_reason or "none",
        "attempt": plan.attempt,
        "skipped": plan.skipped or "no",
        "table": markdown(["symbol", "side", "shares", "limit", "weight", "not sent because"], rows),
    }


def _submission_asset(account: str) -> dg.AssetsDefinition:
    @_step(
        account,
        "submission",
        f"The plan of `{account}` brought to its broker, each order exactly once: recorded first, looked up by its id,"
        " then sent. Running it again sends nothing that is already there. At a broker whose sells take time, buys wait"
        " for them, and the job `follow` sends them. Only these two jobs send at all.",
        order_plan=dg.AssetIn(f"{account}_order_plan"),
        portfolio=dg.AssetIn(f"{account}_portfolio"),
    )
    def submission(
        context: dg.AssetExecutionContext,
        order_plan: OrderPlan,
        portfolio: Portfolio,
        floor: dg.ResourceParam[TradingFloor],
        trading: TradingChoices,  # noqa: ARG001 - as above
    ) -> dg.MaterializeResult:
        def submit() -> Submission:
            counter = floor.counter(context, account)
            told = {"read_only": counter.read_only or counter.unconfirmed, "now": counter.now}
            if counter.follows:
                return counter.desk.follow(counter.week, counter.refusal, **told)
            return counter.desk.submit(counter.week, portfolio, order_plan, counter.refusal, **told)

        outcome = isolated(context, submit, lambda failure: _as_recorded(floor, order_plan, failure))
        return dg.MaterializeResult(
            value=outcome.value,
            metadata=_submission_metadata(outcome.value, order_plan),
            check_results=[completed({context.partition_key: outcome})],
        )

    return submission


def _as_recorded(floor: TradingFloor, plan: OrderPlan, failure: str) -> Submission:
    """What the ledger knows of a submission that failed half-way: orders may have arrived before it did."""
    attempt = None
    if plan.mode is Mode.LIVE:
        with suppress(LearnFinanceError):  # the ledger may be what failed; the failure is told all the same
            attempt = floor.ledger.open().latest_attempt(plan.account, plan.run_id)
    return replace(shown(plan, attempt), mode_reason=failure)


def _submission_metadata(sent: Submission, plan: OrderPlan) -> dict[str, Any]:
    """What became of each order; in a dry run, what would have been sent."""
    rows = [(each, "accepted") for each in sent.accepted]
    rows += [*sent.refused.items(), *sent.waiting.items()]
    would = plan.orders if sent.mode is Mode.DRY_RUN else ()
    rows += [
        (order.client_order_id, f"would be sent: {order.side.value} {order.qty} at {order.limit_price}")
        for order in would
    ]
    return {
        "accepted": len(sent.accepted),
        "refused": len(sent.refused),
        "waiting": len(sent.waiting),
        "would_be_sent": len(would),
        "mode": sent.mode.value,
        "mode_reason": sent.mode_reason or "none",
        "table": markdown(["order", "outcome"], rows),
    }


def _fills_asset(account: str) -> dg.AssetsDefinition:
    @_step(
        account,
        "fills",
        f"What became of `{account}`'s orders at the week's first session, and what the account is worth at its open,"
        " costs paid. Uses that session's bar, which no decision of this week has seen.",
        order_plan=dg.AssetIn(f"{account}_order_plan"),
        submission=dg.AssetIn(f"{account}_submission"),
    )
    def fills(
        context: dg.AssetExecutionContext,
        order_plan: OrderPlan,
        submission: Submission,  # noqa: ARG001 - the fate is asked for after the sending
        floor: dg.ResourceParam[TradingFloor],
        market: dg.ResourceParam[MarketDoor],
        trading: TradingChoices,  # noqa: ARG001 - as above
    ) -> dg.MaterializeResult:
        def settle() -> FillReport:
            counter = floor.counter(context, account)
            source = market.open()
            known_at = floor.revealed(counter.week, counter.desk.broker.clock, source.info)
            plan = counter.desk.recorded_plan(counter.week, order_plan)
            days = _marking_days(source, counter, known_at, plan)
            return counter.desk.settle(counter.week, plan, days, known_at, read_only=counter.read_only)

        def stand_in(failure: str) -> FillReport:
            plan = order_plan
            return FillReport(account, plan.run_id, plan.attempt, plan.mode, (), (), (), plan.cash, None, failure)

        outcome = isolated(context, settle, stand_in)
        report = outcome.value
        prices = {fill.client_order_id: fill.price for fill in report.fills}
        metadata = {
            "fills": len(report.fills),
            "costs": float(sum((fill.cost for fill in report.fills), Decimal(0))),
            "pending": report.pending or "nothing",
            **({"nav": round(float(report.mark.nav), 2)} if report.mark else {}),
            "table": markdown(
                ["symbol", "side", "shares", "limit", "status", "price", "reason"],
                [
                    (
                        *(r.order.symbol, r.order.side.value, r.order.qty, r.order.limit_price, r.status.value),
                        *(prices.get(r.order.client_order_id, ""), r.reason),
                    )
                    for r in report.orders
                ],
            ),
        }
        return dg.MaterializeResult(
            value=report, metadata=metadata, check_results=[completed({context.partition_key: outcome})]
        )

    return fills


def _marking_days(source: Market, counter: Counter, known_at: datetime, plan: OrderPlan) -> MarketDays:
    """Bars for the equity mark: of everything held or ordered, up to the first session.

    A broker on the wall clock holds what it holds today, so what happened to its shares since is needed too.
    """
    week = counter.week
    broker = counter.desk.broker
    held: Collection[str] = broker.account(week.as_of).positions
    symbols = {*held, *(order.symbol for order in plan.orders)}
    last = week.sessions[0] if week.sessions else week.last_session
    if broker.clock is BrokerClock.WALL:
        last = max(last, last_closed_session(known_at))
    return MarketDays(source.bars(last - MARKING_WINDOW, last, known_at, symbols))
