"""Whole Mondays of one account, step by step as the assets take them."""

import copy
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from trading_scene import CASH, bar, days_of, desk_on, flat, frame, memory_store, monday, target, walk

from learnfinance_dagster.calendar import CLOSED, week_of
from learnfinance_dagster.errors import DataError, RefusedError
from learnfinance_dagster.trading.holdings import held_before
from learnfinance_dagster.trading.memory_ledger import MemoryLedger
from learnfinance_dagster.values import Mode, Order, OrderStatus, Portfolio, Side

ONE, TWO, THREE = (week_of(date(2025, 3, day)) for day in (3, 10, 17))
NAMES = ["AAA", "BBB", "CCC", "DDD"]
BARS = walk(NAMES, date(2025, 1, 2), date(2025, 3, 31), seed=5)
WANTED = {
    ONE: target(ONE, AAA=0.2, BBB=0.2, CCC=0.2),
    TWO: target(TWO, BBB=0.1, CCC=0.2, DDD=0.2),
    THREE: target(THREE, AAA=0.2, DDD=0.1),
}
NO = "back-fills never trade"


class Watched:
    """A desk with the store and the ledger it is on, to see what a run has touched."""

    def __init__(self, bars=BARS, **parameters) -> None:
        self.bars, self.store, self.ledger = bars, memory_store(), MemoryLedger()
        self.desk = desk_on(bars, self.store, self.ledger, **parameters)

    def monday(self, week, wanted=None, refusal="", *, reveal=True):
        return monday(self.desk, self.bars, week, wanted or WANTED[week], refusal, reveal=reveal)

    def snapshot(self):
        weeks = (ONE, TWO, THREE)
        remembered = [
            (
                self.ledger.latest_attempt("hrp", week.run_id),
                self.ledger.fills("hrp", week.run_id),
                self.ledger.positions("hrp", week.run_id),
            )
            for week in weeks
        ]
        return copy.deepcopy((self.store.load(), remembered, self.ledger.marks("hrp", date.max)))


@pytest.fixture
def watched() -> Watched:
    return Watched()


# ---- a tiny example, by hand ---------------------------------------------------------------------------------------


@pytest.fixture
def tiny() -> Watched:
    """A: 100, then 110 from the first Friday on; B: 50, then 45."""
    before = flat({"A": 100, "B": 50}, date(2025, 2, 3), date(2025, 3, 6))
    after = flat({"A": 110, "B": 45}, date(2025, 3, 7), date(2025, 3, 14))
    return Watched(frame(before + after), cash_buffer=0.0, max_position=1.0)


def test_two_weeks_reproduce_by_hand(tiny):
    portfolio, plan, _, fate = tiny.monday(ONE, target(ONE, A=0.5, B=0.25))
    assert (portfolio.nav, portfolio.positions) == (100_000, ())
    # 50 000 / 102 and 25 000 / 51, rounded down to 4 places; filled at the open: 100 and 50; 5 bps each.
    assert [(o.symbol, o.qty) for o in plan.orders] == [("A", Decimal("490.1960")), ("B", Decimal("490.1960"))]
    assert [fill.cost for fill in fate.fills] == [Decimal("24.51"), Decimal("12.25")]
    assert fate.cash == Decimal(100_000) - Decimal("49019.60") - Decimal("24509.80") - Decimal("36.76")
    assert fate.mark.nav == Decimal("99963.24"), "the costs are gone, the shares are worth what they cost"

    portfolio, plan, _, fate = tiny.monday(TWO, target(TWO, B=0.215))
    # 26 433.84 + 490.196 * 110 + 490.196 * 45
    assert portfolio.nav == Decimal("102414.22")
    assert [(o.symbol, o.side, o.qty) for o in plan.orders] == [("A", "sell", Decimal("490.1960"))]
    assert [left.symbol for left in plan.not_sent] == ["B"], "0.04 % from where it is"
    assert [fill.cost for fill in fate.fills] == [Decimal("26.96")]
    assert fate.mark.nav == Decimal("102414.22") - Decimal("26.96")
    assert {p.symbol: p.qty for p in fate.positions} == {"B": Decimal("490.1960")}

    first, second = tiny.ledger.marks("hrp", date.max)
    assert (first.session, second.session) == (ONE.sessions[0], TWO.sessions[0])
    by_hand = (490.196 * 10 - 490.196 * 5 - 26.96) / 99963.24
    assert float(second.nav / first.nav - 1) == pytest.approx(by_hand, rel=1e-9)


def test_the_mark_is_taken_at_the_open_after_that_days_split_and_dividend():
    rows = flat({"A": 100}, date(2025, 2, 3), date(2025, 3, 7))
    rows.append(bar("A", date(2025, 3, 10), o=51.0, c=60.0, split=2.0, dividend=0.5))
    watched = Watched(frame(rows), cash_buffer=0.0, max_position=1.0)
    watched.monday(ONE, target(ONE, A=0.5))
    held = watched.store.load().positions["A"]
    cash = watched.store.load().cash

    _, _, _, fate = watched.monday(TWO, target(TWO, A=0.5))

    assert fate.cash == cash + (held * 2 * Decimal("0.5")).quantize(Decimal("0.01"))
    assert fate.mark.nav == fate.cash + held * 2 * 51


def test_a_buy_that_fills_below_the_open_starts_without_a_gain():
    """Marked at the open of its day, every limit order began with a profit that nobody had made."""
    rows = flat({"A": 100}, date(2025, 2, 3), date(2025, 2, 28))
    rows.append(bar("A", ONE.sessions[0], o=110.0, h=110.0, l=95.0, c=96.0))
    fate = Watched(frame(rows), cash_buffer=0.0, max_position=1.0).monday(ONE, target(ONE, A=0.5))[3]
    assert [fill.price for fill in fate.fills] == [Decimal(102)], "at the limit"
    assert fate.mark.nav == pytest.approx(CASH - fate.fills[0].cost, abs=Decimal("0.01"))


# ---- what must not be forgotten -----------------------------------------------------------------------------------


def test_an_account_that_lost_its_past_is_refused_and_not_traded_on_from_fresh_cash(watched):
    watched.monday(ONE)
    fresh = desk_on(BARS, memory_store(), watched.ledger)
    with pytest.raises(DataError, match="was its account replaced"):
        fresh.portfolio(TWO, days_of(BARS, TWO.last_session), "")


def test_a_week_without_orders_does_not_hide_that_the_account_lost_its_past(watched):
    watched.monday(ONE)
    assert watched.monday(TWO, replace(WANTED[TWO], failure="no returns"))[1].orders == ()
    fresh = desk_on(BARS, memory_store(), watched.ledger)
    with pytest.raises(DataError, match="was its account replaced"):
        fresh.portfolio(THREE, days_of(BARS, THREE.last_session), "")


def test_a_mark_written_late_has_a_price_for_every_name(watched):
    """Sixty weeks later no bar of that time was loaded any more, and everything held was marked at zero."""
    watched.monday(ONE, reveal=False)
    far = days_of(BARS[BARS["date"] > TWO.last_session], THREE.last_session)
    watched.desk.portfolio(THREE, far, "")
    (mark,) = watched.ledger.marks("hrp", date.max)
    assert mark.monday == ONE.monday
    assert all(position.price > 0 for position in watched.ledger.positions("hrp", ONE.run_id))
    assert mark.nav == pytest.approx(CASH, rel=Decimal("0.05"))


def test_a_name_of_which_nobody_ever_knew_a_price_stops_the_account(watched):
    watched.store.load().positions["GHOST"] = Decimal(1)
    watched.store.load().settled = ONE.last_session
    with pytest.raises(DataError, match="GHOST"):
        watched.desk.portfolio(ONE, days_of(BARS, ONE.last_session), "")


def test_an_old_plan_that_is_resumed_after_a_later_week_was_traded_is_not_sent(watched):
    days = days_of(BARS, ONE.last_session)
    portfolio = watched.desk.portfolio(ONE, days, "")
    plan = watched.desk.plan(ONE, portfolio, WANTED[ONE], days, "")
    watched.monday(TWO)
    before = watched.snapshot()
    assert watched.desk.submit(ONE, portfolio, plan, "").accepted == ()
    assert watched.snapshot() == before, "not even recorded"


def test_an_old_weeks_portfolio_has_lived_through_the_splits_since_its_mark():
    rows = flat({"A": 100}, date(2025, 2, 3), date(2025, 3, 4))
    rows.append(bar("A", date(2025, 3, 5), 50.0, split=2.0, dividend=1.0))
    rows += flat({"A": 50}, date(2025, 3, 6), date(2025, 3, 21))
    watched = Watched(frame(rows), cash_buffer=0.0, max_position=1.0)
    first = watched.monday(ONE, target(ONE, A=0.5))[3]
    watched.monday(THREE, target(THREE, A=0.5))
    (held,) = first.positions
    portfolio = watched.desk.portfolio(TWO, days_of(watched.bars, TWO.last_session), NO)
    assert portfolio.positions[0].qty == held.qty * 2
    assert portfolio.cash == first.cash + (held.qty * 2).quantize(Decimal("0.01"))


def test_names_of_an_unmarked_week_count_as_held():
    watched = Watched()
    watched.monday(ONE, reveal=False)
    assert watched.ledger.held_before(TWO.monday) == frozenset()
    assert held_before(watched.ledger, ("hrp",), TWO.monday) == {"AAA", "BBB", "CCC"}
    assert held_before(watched.ledger, ("hrp",), ONE.monday) == frozenset()


# ---- again ---------------------------------------------------------------------------------------------------------


def test_a_monday_run_again_is_the_same_and_touches_nothing(watched):
    first = watched.monday(ONE)
    before = watched.snapshot()
    assert len(first[2].accepted) == 3
    for _ in range(2):
        assert watched.monday(ONE) == first
    assert watched.snapshot() == before


@pytest.mark.parametrize("refusal", [NO, "the submission window closed at 2025-03-03 17:30 UTC"])
def test_a_traded_monday_is_shown_as_recorded_even_to_a_run_that_may_not_trade(watched, refusal):
    first = watched.monday(ONE)
    before = watched.snapshot()
    assert watched.monday(ONE, refusal=refusal) == first
    assert watched.snapshot() == before


def test_a_monday_run_again_with_other_wishes_shows_what_was_done(watched):
    first = watched.monday(ONE)
    assert watched.monday(ONE, target(ONE, DDD=0.2)) == first


def test_a_monday_that_wanted_nothing_is_recorded_and_the_same_again(watched):
    first = watched.monday(ONE, target(ONE))
    assert first[1].orders == ()
    assert watched.ledger.latest_attempt("hrp", ONE.run_id).plan == first[1]
    assert (first[3].mark.nav, first[3].pending) == (CASH, "")
    assert watched.monday(ONE) == first, "other wishes come too late"


def test_the_whole_loop_is_the_four_steps(watched):
    other = Watched()
    for week in (ONE, TWO, THREE):
        days = days_of(BARS, week.sessions[0])
        assert watched.desk.trade(week, WANTED[week], days) == other.monday(week)[3]
    assert watched.snapshot() == other.snapshot()


# ---- dry runs ------------------------------------------------------------------------------------------------------


def test_a_dry_run_computes_everything_and_touches_nothing(watched):
    before = watched.snapshot()
    portfolio, plan, submission, fate = watched.monday(ONE, refusal=NO)
    assert watched.snapshot() == before

    assert {value.mode for value in (portfolio, plan, submission, fate)} == {Mode.DRY_RUN}
    assert (plan.mode_reason, submission.mode_reason, portfolio.note) == (NO, NO, NO)
    assert (len(plan.orders), submission.accepted, submission.refused) == (3, (), {})
    assert (fate.mark, fate.fills, fate.pending) == (None, (), f"dry run, nothing was sent: {NO}")


def test_a_dry_run_between_two_mondays_changes_neither(watched):
    undisturbed = Watched()
    for week in (ONE, TWO):
        undisturbed.monday(week)
    watched.monday(ONE)
    watched.monday(TWO, target(TWO, AAA=0.1), refusal=NO)
    watched.monday(THREE, refusal=NO)
    watched.monday(TWO)
    assert watched.snapshot() == undisturbed.snapshot()


def test_a_dry_run_sees_the_account_as_the_live_run_does(watched):
    watched.monday(ONE)
    dry = watched.monday(TWO, refusal=NO)
    live = watched.monday(TWO)
    assert dry[0] == replace(live[0], mode=Mode.DRY_RUN, note=NO)
    assert dry[1].orders == live[1].orders


def test_a_closed_week_orders_nothing_and_leaves_no_trace(watched):
    closed = replace(TWO, sessions=(), first_open=None, first_close=None)
    watched.monday(ONE)
    before = watched.snapshot()

    fate = watched.desk.trade(closed, WANTED[TWO], days_of(BARS, TWO.last_session))

    assert (fate.mode, fate.mark) == (Mode.DRY_RUN, None)
    assert watched.snapshot() == before
    live = watched.desk.plan(TWO, watched.desk.portfolio(TWO, days_of(BARS, TWO.last_session), ""), WANTED[TWO],
                             days_of(BARS, TWO.last_session), "")  # fmt: skip
    assert watched.desk.settle(closed, live, days_of(BARS, TWO.last_session), TWO.as_of).pending == CLOSED


# ---- one way -------------------------------------------------------------------------------------------------------


def test_an_earlier_monday_that_was_skipped_never_trades_afterwards(watched):
    """It is shown a portfolio as the ledger knew it then, valued at the prices of then."""
    first = watched.monday(ONE)
    watched.monday(THREE)
    before = watched.snapshot()

    portfolio, plan, submission, fate = watched.monday(TWO)

    assert watched.snapshot() == before
    assert {value.mode for value in (portfolio, plan, submission, fate)} == {Mode.DRY_RUN}
    assert portfolio.note == "2025-03-17 has been traded since, and time runs one way"
    assert portfolio.cash == first[3].mark.cash
    assert {p.symbol: p.qty for p in portfolio.positions} == {p.symbol: p.qty for p in first[3].positions}
    assert {p.price_date for p in portfolio.positions} == {TWO.last_session}
    assert plan.orders, "computed all the same"


def test_a_monday_before_the_first_one_is_shown_the_initial_cash(watched):
    watched.monday(TWO)
    before = watched.snapshot()
    portfolio, *_ = watched.monday(ONE)
    assert (portfolio.cash, portfolio.positions, portfolio.mode) == (CASH, (), Mode.DRY_RUN)
    assert watched.snapshot() == before


def test_an_earlier_monday_that_was_traded_is_shown_as_it_was(watched):
    done = {week: watched.monday(week) for week in (ONE, TWO, THREE)}
    before = watched.snapshot()
    for week in (TWO, ONE):
        assert watched.monday(week) == done[week]
    assert watched.snapshot() == before


def test_an_old_weeks_end_is_never_written_from_a_later_account(watched):
    """A plan that was never submitted came to be settled after the next Monday."""
    days = days_of(BARS, ONE.last_session)
    plan = watched.desk.plan(ONE, watched.desk.portfolio(ONE, days, ""), WANTED[ONE], days, "")
    watched.monday(TWO)
    before = watched.snapshot()

    late = watched.desk.settle(ONE, plan, days_of(BARS, ONE.sessions[0]), ONE.first_close)

    assert (late.mark, watched.snapshot()) == (None, before)
    assert late.pending == "2025-03-10 has been traded since, and nobody recorded this week's end in time"


# ---- attempts ------------------------------------------------------------------------------------------------------


class Moody:
    """Refuses everything while `refusing`."""

    def __init__(self, inner) -> None:
        self._inner, self.refusing = inner, True

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def submit(self, order, week):
        if self.refusing:
            raise RefusedError("account is restricted")
        return self._inner.submit(order, week)


def without_settling(watched: Watched, desk, week):
    days = days_of(BARS, week.last_session)
    portfolio = desk.portfolio(week, days, "")
    plan = desk.plan(week, portfolio, WANTED[week], days, "")
    return plan, desk.submit(week, portfolio, plan, "")


def test_a_second_attempt_follows_when_all_of_the_first_is_dead(watched):
    broker = Moody(watched.desk.broker)
    desk = replace(watched.desk, broker=broker)
    plan, submission = without_settling(watched, desk, ONE)
    assert (plan.attempt, submission.accepted) == (1, ())
    assert set(submission.refused.values()) == {"account is restricted"}

    broker.refusing = False
    plan, submission = without_settling(watched, desk, ONE)
    assert (plan.attempt, plan.mode_reason) == (2, "attempt 1 left nothing filled or open")
    assert [i.split(":")[2] for i in submission.accepted] == ["attempt-2"] * 3

    again, _ = without_settling(watched, desk, ONE)
    assert again == plan, "there is no third while the second lives"


def test_no_second_attempt_while_one_order_of_the_first_lives(watched):
    broker = Moody(watched.desk.broker)
    desk = replace(watched.desk, broker=broker)
    days = days_of(BARS, ONE.last_session)
    portfolio = desk.portfolio(ONE, days, "")
    plan = desk.plan(ONE, portfolio, WANTED[ONE], days, "")
    broker.refusing = False
    broker.submit(plan.orders[1], ONE)
    broker.refusing = True
    submission = desk.submit(ONE, portfolio, plan, "")
    assert (len(submission.accepted), len(submission.refused)) == (1, 2)

    broker.refusing = False
    assert desk.plan(ONE, portfolio, WANTED[ONE], days, "") == plan
    assert len(desk.submit(ONE, portfolio, plan, "").accepted) == 1


def test_no_second_attempt_once_the_week_is_marked(watched):
    broker = Moody(watched.desk.broker)
    watched.desk = replace(watched.desk, broker=broker)
    first = watched.monday(ONE)
    assert first[3].mark.nav == CASH
    broker.refusing = False
    assert watched.monday(ONE) == first
    assert watched.store.load().orders == {}


def test_a_stale_plan_brought_after_a_later_attempt_sends_nothing_new(watched):
    broker = Moody(watched.desk.broker)
    desk = replace(watched.desk, broker=broker)
    stale, _ = without_settling(watched, desk, ONE)
    broker.refusing = False
    without_settling(watched, desk, ONE)
    before = watched.snapshot()
    portfolio = watched.ledger.latest_attempt("hrp", ONE.run_id).portfolio
    assert desk.submit(ONE, portfolio, stale, "").attempt == 2
    assert watched.snapshot() == before


def test_an_account_with_open_orders_is_skipped(watched):
    stray = Order("by-hand", "AAA", Side.BUY, Decimal(1), Decimal(999), Decimal(1), 0.0, 0.0)
    watched.store.load().submit(stray, ONE.sessions[0])
    portfolio, plan, submission, fate = watched.monday(ONE)
    assert (portfolio.open_orders, plan.skipped) == (1, "1 orders are still open at the broker")
    assert (plan.orders, submission.accepted, fate.orders) == ((), (), ())
    assert list(watched.store.load().orders) == ["by-hand"]
    assert fate.mark is not None, "the account lives on, and is marked"
    before = watched.snapshot()
    assert watched.monday(ONE) == (portfolio, plan, submission, fate), "a skip is remembered, and shown again"
    assert watched.snapshot() == before
    assert watched.monday(TWO)[1].orders, "next week it trades again"


def test_an_account_that_could_not_be_read_trades_nothing(watched):
    days = days_of(BARS, ONE.last_session)
    broken = Portfolio("hrp", ONE.run_id, Decimal(0), (), 0, Mode.DRY_RUN, failure="the broker answered 500")
    plan = watched.desk.plan(ONE, broken, WANTED[ONE], days, "")
    assert plan.skipped == "no portfolio: the broker answered 500"
    assert watched.desk.submit(ONE, broken, plan, "").accepted == ()
    assert watched.ledger.latest_attempt("hrp", ONE.run_id) is None


def test_a_research_run_after_a_crash_leaves_the_orders_to_the_next_live_run(watched):
    """The live run died between intent and send; a try in between cancelled its orders in the ledger."""
    days = days_of(BARS, ONE.last_session)
    portfolio = watched.desk.portfolio(ONE, days, "")
    plan = watched.desk.plan(ONE, portfolio, WANTED[ONE], days, "")
    watched.ledger.record_intent(portfolio, plan)
    before = watched.snapshot()

    seen = watched.desk.submit(ONE, portfolio, plan, "research", read_only="research")
    fate = watched.desk.settle(ONE, plan, days_of(BARS, ONE.sessions[0]), ONE.first_close, read_only="research")

    assert (seen.accepted, fate.pending, watched.snapshot()) == ((), "research", before)
    _, _, submission, fate = watched.monday(ONE)
    assert (submission.attempt, len(submission.accepted), len(fate.fills)) == (1, 3, 3)


# ---- fate that comes later -----------------------------------------------------------------------------------------


def test_orders_wait_until_their_session_is_revealed_and_then_have_their_fate(watched):
    _, plan, submission, fate = watched.monday(ONE, reveal=False)
    assert (fate.pending, fate.mark, fate.fills) == ("orders wait for the open of 2025-03-03", None, ())
    assert [record.status for record in fate.orders] == [OrderStatus.ACCEPTED] * 3
    assert len(submission.accepted) == 3

    revealed = watched.monday(ONE)

    assert revealed[1:3] == (plan, submission)
    assert (revealed[3].pending, len(revealed[3].fills)) == ("", 3)
    assert watched.snapshot() == _after(ONE)


def test_what_was_pending_is_caught_up_on_the_next_monday_exactly(watched):
    """Whether a week's first session is seen at once or a week later, the account and its marks are the same."""
    for week in (ONE, TWO):
        watched.monday(week, reveal=False)
    assert [mark.monday for mark in watched.ledger.marks("hrp", date.max)] == [ONE.monday]
    assert watched.monday(ONE, reveal=False)[3].fills, "told to whoever asks again"

    watched.monday(THREE)

    assert watched.snapshot() == _after(ONE, TWO, THREE)


def test_a_mark_that_is_caught_up_knows_nothing_of_the_dividends_since():
    rows = flat({"A": 100}, date(2025, 2, 3), date(2025, 3, 14))
    rows = [bar("A", row[1], 100.0, dividend=1.0) if row[1] == date(2025, 3, 5) else row for row in rows]
    marks = []
    for reveal in (True, False):
        watched = Watched(frame(rows), cash_buffer=0.0, max_position=1.0)
        for week in (ONE, TWO):
            watched.monday(week, target(week, A=0.5), reveal=reveal)
        marks.append(watched.ledger.marks("hrp", ONE.monday))
    assert marks[0] == marks[1]
    assert marks[0][0].nav < CASH < watched.desk.broker.account(TWO.as_of).cash + 100 * 490


def test_what_was_pending_for_two_weeks_is_caught_up_too(watched):
    watched.monday(ONE, reveal=False)
    watched.monday(TWO, refusal=NO)
    watched.monday(THREE)
    assert watched.snapshot() == _after(ONE, THREE)


def _after(*weeks):
    undisturbed = Watched()
    for week in weeks:
        undisturbed.monday(week)
    return undisturbed.snapshot()


def test_a_name_that_did_not_trade_for_a_week_is_valued_at_its_last_close_and_not_ordered():
    rows = flat({"A": 100, "B": 50}, date(2025, 2, 3), date(2025, 3, 14))
    rows = [row for row in rows if not (row[0] == "A" and row[1] > date(2025, 3, 3))]
    watched = Watched(frame(rows), cash_buffer=0.0, max_position=1.0)
    watched.monday(ONE, target(ONE, A=0.5))
    watched.monday(TWO, target(TWO, B=0.2), refusal=NO)
    portfolio, plan, *_ = watched.monday(TWO, target(TWO, B=0.2))
    assert [(p.symbol, p.price, p.price_date) for p in portfolio.positions] == [("A", 100, date(2025, 3, 3))]
    assert [order.symbol for order in plan.orders] == ["A", "B"], "five sessions old is still fresh"
    later = week_of(date(2025, 3, 17))
    portfolio, plan, *_ = watched.monday(later, target(later, B=0.2))
    assert {left.symbol: left.reason for left in plan.not_sent}["A"] == "no price since 2025-03-03"
