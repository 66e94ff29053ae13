"""One account's desk: portfolio → plan → submission → fills and mark. Assets call the steps, a replay calls `trade`."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from learnfinance_dagster.calendar import CLOSED, last_closed_session, sessions_back, week_of
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.ledger_rules import run_of
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.ports import Attempt, Broker, BrokerClock, Ledger
from learnfinance_dagster.trading.attempts import Decision, Memory, decide
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.plan import KnownPrices, LastPrice, PlanContext, plan_orders
from learnfinance_dagster.trading.progress import Progress, progress_of
from learnfinance_dagster.trading.simulation import SimulatedAccount
from learnfinance_dagster.trading.submit import Errand, complete, reconcile, shown, submit
from learnfinance_dagster.trading.turns import Pace, buy_deadline
from learnfinance_dagster.values import (
    EquityMark,
    Fill,
    FillReport,
    Mode,
    OrderPlan,
    OrderStatus,
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
        latest = self.ledger.latest_attempt(self.account, week.run_id)
        memory = Memory(
            newest_week=self._newest_week(marks),
            week_is_over=any(mark.monday == week.monday for mark in reversed(marks)),
            latest=latest,
            something_filled=latest is not None and latest.is_over and self._is_partly_filled(latest),
        )
        return decide(week, memory, refusal)

    def _is_partly_filled(self, attempt: Attempt) -> bool:
        """Whether any of a dead attempt's orders traded before it died; simulated orders trade whole or not at all."""
        if self.broker.clock is BrokerClock.MARKET:
            return False
        sent = [record.order.client_order_id for record in attempt.orders if record.broker_order_id]
        return bool(sent and self.broker.fills(sent))

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
        if earlier.first_close is None:
            return
        if self.broker.clock is BrokerClock.WALL and self._bring_to_an_end(earlier).open:
            return  # its open orders keep the account from trading this week, and the plan says so
        self._record_outcome(earlier, days, earlier.first_close)

    def _bring_to_an_end(self, week: Week) -> Progress:
        """Bring an old week's orders up to date; what was never sent never will be."""
        reason = f"never sent: the week of {week.monday} is over"
        found = progress_of(self.broker, self.ledger, self.account, week)
        for record in found.intended:
            self.ledger.record_order(self.account, replace(record, status=OrderStatus.CANCELLED, reason=reason))
        return found

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

    def submit(  # noqa: PLR0913 - what the asset knows of the run
        self,
        week: Week,
        portfolio: Portfolio,
        plan: OrderPlan,
        refusal: str,
        *,
        read_only: str = "",
        now: datetime | None = None,
    ) -> Submission:
        """Send what is planned and not yet sent (see `submit.submit`); with `read_only`, show what is recorded.

        `now` is the wall clock, for brokers that live on it.
        """
        if read_only:
            recorded = self.ledger.latest_attempt(self.account, week.run_id) if plan.mode is Mode.LIVE else None
            return shown(plan, recorded)
        decision = self.decide(week, refusal)
        if decision.mode is not Mode.LIVE:  # a plan may have waited while the account lived on
            refusal = decision.reason
        errand = Errand(self.broker, self.ledger, week, refusal, self._pace(week, portfolio, now))
        return submit(errand, portfolio, plan)

    def follow(self, week: Week, refusal: str, *, read_only: str = "", now: datetime | None = None) -> Submission:
        """Send what was recorded and waits for its turn. Plans nothing: what was not recorded is not sent.

        Raises:
            DataError: nothing was recorded for that week.
        """
        attempt = self.ledger.latest_attempt(self.account, week.run_id)
        if attempt is None:
            msg = f"{self.account} has no recorded orders in the week of {week.monday}: there is nothing to follow"
            raise DataError(msg)
        if read_only:
            return shown(attempt.plan, attempt)
        newest = self._newest_week(self.ledger.marks(self.account, date.max))
        if newest is not None and newest > week.monday:
            refusal = refusal or f"{newest} has been traded since"
        pace = self._pace(week, attempt.portfolio, now)
        return complete(Errand(self.broker, self.ledger, week, refusal, pace), attempt)

    def _pace(self, week: Week, portfolio: Portfolio, now: datetime | None) -> Pace | None:
        """How buys wait for sells; None where they need not."""
        deadline = buy_deadline(week, self.parameters)
        if self.broker.clock is BrokerClock.MARKET or deadline is None:
            return None
        if now is None:
            msg = f"the broker of {self.account} lives on the wall clock, and nobody said what time it is"
            raise DataError(msg)
        buffer = Decimal(str(self.parameters.cash_buffer)) * portfolio.nav
        return Pace(now, deadline, buffer, self.costs)

    def recorded_plan(self, week: Week, plan: OrderPlan) -> OrderPlan:
        """The plan whose fate is asked for: the recorded one, where a failed run left a stand-in for it."""
        attempt = self.ledger.latest_attempt(self.account, week.run_id) if plan.mode is not Mode.LIVE else None
        return attempt.plan if attempt else plan

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
            pending, fills = read_only or self._why_never(week, marks), ()
            if not pending and self.broker.clock is BrokerClock.WALL:
                pending, fills = self._so_far(week, days, known_at)
            pending = pending or self._why_not_yet(week, known_at)
            if pending:
                return replace(self._no_fate(plan, pending), fills=fills)
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

    def _why_never(self, week: Week, marks: tuple[EquityMark, ...]) -> str:
        """Why a week without a mark will not get one any more; empty when it may."""
        if not week.sessions:
            return CLOSED
        newest = self._newest_week(marks)
        if newest is not None and newest > week.monday:
            return f"{newest} has been traded since, and nobody recorded this week's end in time"
        return ""

    def _why_not_yet(self, week: Week, known_at: datetime) -> str:
        """Why the first session's end is not known; empty when it is."""
        over = last_closed_session(known_at) >= week.sessions[0]
        return "" if over else f"orders wait for the open of {week.sessions[0]}"

    def _so_far(self, week: Week, days: MarketDays, known_at: datetime) -> tuple[str, tuple[Fill, ...]]:
        """Bring the orders of a broker on the wall clock up to date: why their week is not over, and its fills.

        Its orders are filled during the session and not at its end, so the fills are told before there is a mark. What
        of them is still open keeps the week from being over, whatever the clock says.
        """
        found, session = progress_of(self.broker, self.ledger, self.account, week), week.sessions[0]
        pending, newest = found.told, days.newest
        if found.open and week.first_open is not None and known_at < week.first_open:
            pending += f": they wait for the open of {session}"
        if found.is_done and self._why_not_yet(week, known_at):
            pending = f"all orders are final; the account is marked after the close of {session}"
        elif not pending and newest is not None and newest < session <= last_closed_session(known_at):
            pending = f"the market source ends with {newest}, before the session of the mark"
        return pending, found.fills

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
        held = account.positions
        if self.broker.clock is BrokerClock.WALL:  # it answers as it is now, whatever moment it is asked about
            held = {name: qty / days.split_since(name, session) for name, qty in held.items()}
            self._tell_actions(attempt, days, session)
        positions = self._remembering(days.at_open(held, session), week)
        positions = tuple(_at_cost_where_bought(position, fills) for position in positions)
        nav = account.cash + sum((position.market_value for position in positions), Decimal(0))
        mark = EquityMark(self.account, week.monday, session, nav, account.cash)
        self.ledger.record_outcome(self.account, week, fills, positions, mark)
        return mark

    def _tell_actions(self, attempt: Attempt | None, days: MarketDays, session: date) -> None:
        """Write beside each order what happened to its share between the decision and the open."""
        for record in attempt.orders if attempt else ():
            told = days.told(record.order.symbol, session)
            if told and told not in record.reason:
                reason = "; ".join(filter(None, (record.reason, told)))
                self.ledger.record_order(self.account, replace(record, reason=reason))

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
