"""One account's desk: portfolio → plan → submission → fills and mark. Assets call the steps, a replay calls `trade`."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from learnfinance_dagster.calendar import CLOSED, last_closed_session, sessions_back, week_of
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.ledger_rules import run_of
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.ports import Broker, Ledger
from learnfinance_dagster.trading.attempts import Decision, Memory, decide
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.plan import KnownPrices, LastPrice, PlanContext, plan_orders
from learnfinance_dagster.trading.simulation import SimulatedAccount
from learnfinance_dagster.trading.submit import reconcile, shown, submit
from learnfinance_dagster.values import (
    EquityMark,
    Fill,
    FillReport,
    Mode,
    OrderPlan,
    Portfolio,
    Position,
    Side,
    Submission,
    TargetWeights,
    Week,
)

PRICE_STEP = Decimal("0.000001")
FRESH_SESSIONS = 5
"""A last price older than a trading week does not support an order."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that trades one account."""

    account: str
    broker: Broker
    ledger: Ledger
    costs: CostModel
    parameters: OrderParameters
    initial_cash: Decimal

    def decide(self, week: Week, refusal: str) -> Decision:
        """Trade, compute only, or show the record (see `attempts.decide`)."""
        marks = self.ledger.marks(self.account, date.max)
        memory = Memory(
            newest_week=self._newest_week(marks),
            week_is_over=any(mark.monday == week.monday for mark in reversed(marks)),
            latest=self.ledger.latest_attempt(self.account, week.run_id),
        )
        return decide(week, memory, refusal)

    def _newest_week(self, marks: tuple[EquityMark, ...]) -> date | None:
        """The newest Monday that was traded or marked; `marks` are all there are."""
        days = [mark.monday for mark in marks[-1:]]
        traded = self.ledger.latest_traded(self.account)
        return max([*days, traded] if traded else days, default=None)

    def _is_marked(self, monday: date) -> bool:
        return any(mark.monday == monday for mark in self.ledger.marks(self.account, monday)[-1:])

    def portfolio(self, week: Week, days: MarketDays, refusal: str) -> Portfolio:
        """The account as this Monday's decision sees it.

        Args:
            week: the decision's week.
            days: bars up to `week.last_session`, of everything that the account may hold.
            refusal: the guard's objection to trading, empty when it has none.
        """
        decision = self.decide(week, refusal)
        if decision.recorded is not None:
            return decision.recorded.portfolio
        if decision.is_past:
            return self._as_recorded_before(week, days, decision)
        if decision.mode is Mode.LIVE:
            self._check_broker_remembers()
            self._catch_up(week, days)
            self.broker.settle(week.as_of)
        account = self.broker.account(week.as_of)
        return Portfolio(
            account=self.account,
            run_id=week.run_id,
            cash=account.cash,
            positions=self._remembering(days.at_close(account.positions, week.last_session), week),
            open_orders=len(account.open_orders),
            mode=decision.mode,
            note=decision.reason,
        )

    def _as_recorded_before(self, week: Week, days: MarketDays, decision: Decision) -> Portfolio:
        """What the ledger holds of the time before an old week; the broker's account is further on by now."""
        marks = self.ledger.marks(self.account, week.monday - timedelta(days=7))
        then = SimulatedAccount(self.initial_cash)
        if marks:
            held = self.ledger.positions(self.account, run_of(marks[-1].monday))
            then = SimulatedAccount(marks[-1].cash, {p.symbol: p.qty for p in held}, marks[-1].session)
            then.advance(days, week.last_session, self.costs)
        return Portfolio(
            account=self.account,
            run_id=week.run_id,
            cash=then.cash,
            positions=self._remembering(days.at_close(then.positions, week.last_session), week),
            open_orders=0,
            mode=Mode.DRY_RUN,
            note=decision.reason,
        )

    def _remembering(self, positions: tuple[Position, ...], week: Week) -> tuple[Position, ...]:
        """Names without a price in the window keep the newest one that the ledger recorded; they are not worthless.

        Raises:
            DataError: a name has never had a price that anybody recorded.
        """
        if all(position.price > 0 for position in positions):
            return positions
        marks = self.ledger.marks(self.account, week.monday - timedelta(days=7))
        attempt = self.ledger.latest_attempt(self.account, week.run_id)
        recorded = self.ledger.positions(self.account, run_of(marks[-1].monday)) if marks else ()
        last = {p.symbol: (p.price, p.price_date) for p in recorded}
        if attempt is not None:
            last |= {p.symbol: (p.price, p.price_date) for p in attempt.portfolio.positions}
            last |= {o.symbol: (o.last_price, week.last_session) for o in attempt.plan.orders}
        unknown = [p.symbol for p in positions if p.price == 0 and p.symbol not in last]
        if unknown:
            msg = f"{self.account} holds {', '.join(unknown)}, of which no price is known up to {week.last_session}"
            raise DataError(msg)
        known = {p.symbol: (p.price, p.price_date) for p in positions if p.price > 0}
        return tuple(Position(p.symbol, p.qty, *(last | known)[p.symbol]) for p in positions)

    def _check_broker_remembers(self) -> None:
        """An account that lost its past must not trade on as if it were new.

        Raises:
            DataError: the ledger has an order at the broker that the broker does not know.
        """
        mondays = {mark.monday for mark in self.ledger.marks(self.account, date.max)}
        if (traded := self.ledger.latest_traded(self.account)) is not None:
            mondays.add(traded)
        for monday in sorted(mondays, reverse=True):
            attempt = self.ledger.latest_attempt(self.account, run_of(monday))
            sent = [r.order.client_order_id for r in attempt.orders if r.broker_order_id] if attempt else []
            known = {record.order.client_order_id for record in self.broker.orders_since(monday)} if sent else set()
            unknown = next((each for each in sent if each not in known and self.broker.find(each) is None), "")
            if unknown:
                msg = f"the broker of {self.account} does not know {unknown}, which it took: was its account replaced?"
                raise DataError(msg)
            if sent:  # it remembers the newest orders, so it is the account that took them
                return

    def _catch_up(self, week: Week, days: MarketDays) -> None:
        """Record the fate of a traded week that was not known yet when its own run ended.

        A simulated account is still where that run left it, so its mark is exact; a real one is marked as it is now,
        with the dividends of the week since.
        """
        newest = self.ledger.latest_traded(self.account)
        if newest is None or newest >= week.monday or self._is_marked(newest):
            return
        earlier = week_of(newest)
        if earlier.first_close is not None:
            self._record_outcome(earlier, days, earlier.first_close)

    def plan(
        self, week: Week, portfolio: Portfolio, target: TargetWeights, days: MarketDays, refusal: str
    ) -> OrderPlan:
        """The orders that bring the account to its target weights, or the recorded plan."""
        decision = self.decide(week, refusal)
        if decision.recorded is not None:
            return decision.recorded.plan
        mode, reason = (Mode.DRY_RUN, portfolio.failure) if portfolio.failure else (decision.mode, decision.reason)
        context = PlanContext(decision.attempt, mode, reason, self.parameters, self.costs)
        names = set(target.weights) | {position.symbol for position in portfolio.positions}
        known = {name: days.last_close(name, week.last_session) for name in names}
        prices = {name: LastPrice(*found) for name, found in known.items() if found is not None}
        market = KnownPrices(prices, sessions_back(week.last_session, FRESH_SESSIONS))
        return plan_orders(portfolio, target, market, context)

    def submit(
        self, week: Week, portfolio: Portfolio, plan: OrderPlan, refusal: str, *, read_only: str = ""
    ) -> Submission:
        """Send what is planned and not yet sent (see `submit.submit`); with `read_only`, show what is recorded."""
        if read_only:
            recorded = self.ledger.latest_attempt(self.account, week.run_id) if plan.mode is Mode.LIVE else None
            return shown(plan, recorded)
        decision = self.decide(week, refusal)
        if decision.mode is not Mode.LIVE:  # a plan may have waited while the account lived on
            refusal = decision.reason
        return submit(self.broker, self.ledger, week, portfolio, plan, refusal)

    def settle(
        self, week: Week, plan: OrderPlan, days: MarketDays, known_at: datetime, *, read_only: str = ""
    ) -> FillReport:
        """The fate of the week's orders as of `known_at`, and the equity mark at the week's first open.

        Args:
            week: the decision's week.
            plan: what was planned.
            days: bars up to the first session, as far as known at `known_at`.
            known_at: how far the market may be looked at.
            read_only: why this run may write nothing; a week without a mark then stays pending.
        """
        if plan.mode is not Mode.LIVE:
            return self._no_fate(plan, f"dry run, nothing was sent: {plan.mode_reason}")
        marks = self.ledger.marks(self.account, date.max)
        mark = next((mark for mark in reversed(marks) if mark.monday == week.monday), None)
        if mark is None:
            pending = read_only or self._why_pending(week, marks, known_at)
            if pending:
                return self._no_fate(plan, pending)
            mark = self._record_outcome(week, days, known_at)
        attempt = self.ledger.latest_attempt(self.account, plan.run_id)
        return replace(
            self._no_fate(plan, ""),
            attempt=attempt.number if attempt else plan.attempt,
            orders=attempt.orders if attempt else (),
            fills=self.ledger.fills(self.account, plan.run_id),
            positions=self.ledger.positions(self.account, plan.run_id),
            cash=mark.cash,
            mark=mark,
        )

    def _why_pending(self, week: Week, marks: tuple[EquityMark, ...], known_at: datetime) -> str:
        """Why a week without a mark cannot be marked now; empty when it can."""
        if not week.sessions:
            return CLOSED
        if last_closed_session(known_at) < week.sessions[0]:
            return f"orders wait for the open of {week.sessions[0]}"
        newest = self._newest_week(marks)
        if newest is not None and newest > week.monday:
            return f"{newest} has been traded since, and nobody recorded this week's end in time"
        return ""

    def _record_outcome(self, week: Week, days: MarketDays, known_at: datetime) -> EquityMark:
        self.broker.settle(known_at)
        attempt = self.ledger.latest_attempt(self.account, week.run_id)
        identities: list[str] = []
        if attempt is not None:
            attempt = reconcile(self.broker, self.ledger, self.account, attempt)
            identities = [record.order.client_order_id for record in attempt.orders]
        account = self.broker.account(known_at)
        session = week.sessions[0]
        fills = self.broker.fills(identities)
        positions = self._remembering(days.at_open(account.positions, session), week)
        positions = tuple(_at_cost_where_bought(position, fills) for position in positions)
        nav = account.cash + sum((position.market_value for position in positions), Decimal(0))
        mark = EquityMark(self.account, week.monday, session, nav, account.cash)
        self.ledger.record_outcome(self.account, week, fills, positions, mark)
        return mark

    def _no_fate(self, plan: OrderPlan, pending: str) -> FillReport:
        attempt = self.ledger.latest_attempt(self.account, plan.run_id) if plan.mode is Mode.LIVE else None
        return FillReport(
            account=self.account,
            run_id=plan.run_id,
            attempt=plan.attempt,
            mode=plan.mode,
            orders=attempt.orders if attempt else (),
            fills=(),
            positions=(),
            cash=plan.cash,
            mark=None,
            pending=pending,
        )

    def trade(self, week: Week, target: TargetWeights, days: MarketDays) -> FillReport:
        """The whole loop of one Monday, in order; what a replay repeats."""
        refusal = "" if week.sessions else CLOSED
        portfolio = self.portfolio(week, days, refusal)
        plan = self.plan(week, portfolio, target, days, refusal)
        self.submit(week, portfolio, plan, refusal)
        return self.settle(week, plan, days, week.first_close or week.as_of)


def _at_cost_where_bought(position: Position, fills: tuple[Fill, ...]) -> Position:
    """Shares bought later that day than the open are worth what they cost: a limit below it is no gain yet."""
    bought = [fill for fill in fills if fill.symbol == position.symbol and fill.side is Side.BUY]
    qty = sum((fill.qty for fill in bought), Decimal(0))
    if not qty:
        return position
    paid = sum((fill.qty * fill.price for fill in bought), Decimal(0))
    blended = ((position.qty - qty) * position.price + paid) / position.qty
    return replace(position, price=blended.quantize(PRICE_STEP))
