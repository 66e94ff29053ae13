"""The return of a holding week: what a share brings that a simulated account holds from one Monday's open to the next.

Within the week dividends stay cash, as in the account.
"""

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trading_scene import FREE, bar, frame, walk

from learnfinance_dagster.calendar import mondays_between, sessions_between, week_from_key, week_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.returns import holding_returns
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.simulation import SimulatedAccount
from learnfinance_dagster.values import Order, OrderStatus, Side

WEEK = week_from_key("2025-03-10")
MON, TUE, WED, THU, FRI, NEXT = (*WEEK.sessions, WEEK.next_session)
DAYS = (MON, TUE, WED, THU, FRI, NEXT)
CASH = Decimal(100_000)


def returns_of(rows, *weeks):
    """Week and symbol → return."""
    found = holding_returns(frame(rows), weeks or (WEEK,))
    return found.set_index(["week", "symbol"])["holding_return"]


def return_of(rows):
    return returns_of(rows)[WEEK.key, "A"]


def others(days=DAYS):
    """A name that always trades, so that no session is unknown."""
    return [bar("B", day, 50) for day in days]


def week_of_bars(**changes):
    """`A` at 100, opening at 99; what is different on some days, by the day's position."""
    each = {n: {"o": 99, "c": 100} for n in range(len(DAYS))}
    for day, change in changes.items():
        each[int(day[1:])] |= change
    return [*others(), *(bar("A", DAYS[n], **facts) for n, facts in each.items())]


# ---- what counts ---------------------------------------------------------------------------------------------------


def test_it_runs_from_open_to_open():
    """D1, D2: rewards were made of closes that lay on the wrong side of the decision."""
    assert return_of(week_of_bars(d0={"o": 80, "c": 120}, d5={"o": 100, "c": 500})) == pytest.approx(0.25)


def test_a_split_is_no_loss_and_the_next_open_is_in_new_shares():
    assert return_of(week_of_bars(d0={"o": 99}, d5={"o": 49.5, "split": 2})) == pytest.approx(0)


def test_a_dividend_stays_cash_until_the_next_open():
    """Not reinvested within the week: the price of the ex-date does not matter."""
    assert return_of(week_of_bars(d2={"c": 1, "dividend": 9.9})) == pytest.approx(0.1)


def test_a_dividend_is_paid_in_the_shares_of_its_day():
    rows = week_of_bars(d1={"split": 2}, d2={"dividend": 1}, d5={"o": 49.5})
    assert return_of(rows) == pytest.approx(2 / 99)


def test_events_of_the_first_session_belong_to_who_held_the_share_before():
    assert return_of(week_of_bars(d0={"split": 2, "dividend": 5})) == pytest.approx(0)


def test_events_of_the_last_session_come_before_its_open():
    assert return_of(week_of_bars(d5={"o": 98, "dividend": 1})) == pytest.approx(0)


def test_a_delisted_name_is_worth_what_was_paid_for_it():
    rows = [bar("A", MON, 100), bar("A", TUE, 120, delisting=120), *others()]
    assert return_of(rows) == pytest.approx(0.2)


def test_a_name_that_returns_after_its_delisting_is_another_one():
    rows = [bar("A", MON, 100), bar("A", TUE, 120, delisting=120), bar("A", NEXT, 900), *others()]
    assert return_of(rows) == pytest.approx(0.2)


def test_a_name_delisted_in_the_first_session_cannot_be_bought():
    assert np.isnan(return_of([bar("A", MON, 100, delisting=100), bar("A", NEXT, 90), *others()]))


def test_a_name_that_misses_the_first_session_cannot_be_bought():
    assert np.isnan(return_of([bar("A", day, 100) for day in DAYS[1:]] + others()))


def test_a_name_that_misses_the_first_session_is_worth_its_newest_close_before_it():
    """Whoever held it holds on: a halt's end must be in some week, or what it brought is nobody's."""
    before = WEEK.last_session
    rows = [bar("A", before, o=1, c=80), *(bar("A", day, 100) for day in DAYS[2:]), *others((before, *DAYS))]
    found = holding_returns(frame(rows), [WEEK]).set_index("symbol").loc["A"]
    assert (found["holding_return"], found["tradable"]) == (pytest.approx(0.25), False)


def test_a_name_that_was_delisted_before_the_week_is_worth_nothing_in_it():
    before = WEEK.last_session
    rows = [bar("A", before, 80, delisting=80), *others((before, *DAYS))]
    found = holding_returns(frame(rows), [WEEK]).set_index("symbol").loc["A"]
    assert np.isnan(found["holding_return"])
    assert not found["tradable"]


def test_until_the_last_close_is_what_the_next_decision_knows():
    rows = week_of_bars(d2={"dividend": 9.9}, d4={"c": 110}, d5={"o": 500, "dividend": 7})
    found = holding_returns(frame(rows), [WEEK]).set_index("symbol").loc["A"]
    assert found["close_return"] == pytest.approx((110 + 9.9) / 99 - 1)
    known = holding_returns(frame([row for row in rows if row[1] != NEXT]), [WEEK]).set_index("symbol").loc["A"]
    assert known["close_return"] == found["close_return"]


def test_in_a_week_of_one_session_the_last_close_is_its_own():
    weeks = [week_of(monday) for monday in mondays_between(date(2010, 1, 4), date(2025, 12, 22))]
    short = min((week for week in weeks if week.sessions), key=lambda week: len(week.sessions))
    days = (*short.sessions, short.next_session)
    rows = [bar("A", day, o=100 + n, c=105 + n) for n, day in enumerate(days)]
    found = holding_returns(frame(rows), [short]).set_index("symbol").loc["A"]
    assert found["close_return"] == pytest.approx((105 + len(short.sessions) - 1) / 100 - 1)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_the_weeks_of_a_holder_are_those_of_the_account_whenever_halts_begin_and_end(seed):
    first, weeks = date(2025, 2, 24), [week_of(monday) for monday in mondays_between(WEEK.monday, date(2025, 3, 31))]
    bars = walk("AB", first, weeks[-1].next_session, seed)
    rng = np.random.default_rng(seed)
    trades = (rng.random(len(bars)) > 0.5) | (bars["symbol"] == "B") | (bars["date"] == first)
    days, held = MarketDays(bars[trades].reset_index(drop=True)), {"A": Decimal(1000)}
    worth = [
        float(days.at_open(held, day)[0].market_value)
        for day in (*(w.sessions[0] for w in weeks), weeks[-1].next_session)
    ]
    found = holding_returns(bars[trades], weeks)
    own = found.loc[found["symbol"] == "A", "holding_return"].to_numpy()
    np.testing.assert_allclose(own, np.array(worth[1:]) / worth[:-1] - 1, rtol=0, atol=1e-6)


def test_a_name_that_misses_the_last_session_is_worth_its_newest_close():
    """As the account is marked. Unchanged would hide a fall before the halt."""
    assert return_of([bar("A", MON, 100), bar("A", WED, o=70, c=60), *others()]) == pytest.approx(-0.4)


def test_a_name_that_never_trades_again_is_worth_the_first_sessions_close():
    assert return_of([bar("A", MON, o=100, c=90), *others()]) == pytest.approx(-0.1)


def test_a_week_whose_last_session_nobody_knows_is_not_over():
    rows = [row for row in week_of_bars() if row[1] != NEXT]
    assert returns_of(rows).isna().all()


def test_a_week_with_a_holiday_begins_on_tuesday():
    week = week_from_key("2025-01-20")
    assert week.sessions[0] == date(2025, 1, 21)
    rows = [bar("A", day, 100 + n) for n, day in enumerate((*week.sessions, week.next_session))]
    assert returns_of(rows, week)[week.key, "A"] == pytest.approx(4 / 100)


def test_every_week_has_every_name_and_comes_in_order():
    weeks = [week_of(monday) for monday in mondays_between(date(2025, 3, 10), date(2025, 3, 24))]
    rows = [bar(name, day, 10) for name in "BA" for day in sessions_between(weeks[0].sessions[0], date(2025, 3, 31))]
    found = holding_returns(frame(rows), reversed(weeks))
    assert found[["week", "symbol"]].to_numpy().tolist() == [[week.key, name] for week in weeks for name in "AB"]
    assert (found["holding_return"] == 0).all()


@pytest.mark.parametrize("rows", [[], others()])
def test_no_weeks_or_no_bars_are_no_returns(rows):
    found = holding_returns(frame(rows), [] if rows else [WEEK])
    assert found.columns.tolist() == ["week", "symbol", "holding_return", "close_return", "tradable"]
    assert found.empty


def test_two_bars_of_a_name_on_a_day_are_refused():
    with pytest.raises(DataError, match="A 2025-03-12: more than one bar"):
        return_of([*week_of_bars(), bar("A", WED, 7)])


def test_what_a_holder_earned_is_the_product_of_the_weeks():
    bars = walk("A", date(2025, 3, 3), date(2025, 4, 30), seed=3)
    weeks = [week_of(monday) for monday in mondays_between(date(2025, 3, 3), date(2025, 4, 21))]
    first, last = (
        bars.loc[bars["date"] == day, "open"].item() for day in (weeks[0].sessions[0], weeks[-1].next_session)
    )
    assert (1 + holding_returns(bars, weeks)["holding_return"]).prod() == pytest.approx(last / first, rel=1e-12)


# ---- beside the simulated account ----------------------------------------------------------------------------------

cents = st.integers(500, 50_000).map(lambda n: n / 100)
quarters = st.integers(0, 20).map(lambda n: 0.32 * n)  # whole cents also for a thirty-second of a share
sessions = st.tuples(
    cents,
    cents,
    st.sampled_from([1.0, 1.0, 1.0, 2.0, 0.5]),
    st.one_of(st.just(0.0), quarters),
    st.sampled_from([0.0] * 12 + [32.0]),
    st.sampled_from([True] * 6 + [False]),
)


def rows_of(history):
    """Bars of `A` on the days on which it traded."""
    return [
        bar("A", day, o=o, c=c, split=split, dividend=dividend, delisting=delisting)
        for day, (o, c, split, dividend, delisting, trades) in zip(DAYS, history, strict=True)
        if trades
    ]


@settings(deadline=None, max_examples=300)
@given(history=st.lists(sessions, min_size=len(DAYS), max_size=len(DAYS)))
def test_it_is_what_a_share_brings_that_is_bought_at_the_open_and_held_to_the_next(history):
    rows = [*rows_of(history), *others()]
    days, found = MarketDays(frame(rows)), returns_of(rows).get((WEEK.key, "A"), np.nan)
    opening, split = Decimal(str(history[0][0])), history[0][2]
    account = SimulatedAccount(CASH, settled=WEEK.last_session)
    order = account.submit(Order("1", "A", Side.BUY, Decimal(1), opening, opening, 0.0, 0.1), MON).order
    account.advance(days, MON, FREE)
    if account.orders[order.client_order_id].status is not OrderStatus.FILLED:
        if not (history[0][5] and split != 1 and not history[0][4]):
            assert np.isnan(found), "nobody could buy it"
            return
        account.cash, account.positions = CASH - opening, {"A": Decimal(1)}  # the order died of the split, not the name
    account.advance(days, NEXT, FREE)
    worth = account.cash + sum(position.market_value for position in days.at_open(account.positions, NEXT))
    assert found == pytest.approx(float((worth - CASH) / opening), abs=1e-12, rel=1e-12)


# ---- nothing later -------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), spoilt=st.sampled_from([np.nan, 0.0, -7.0, 1e9, np.inf]))
def test_nothing_after_the_next_open_is_read(seed, spoilt):
    """Of that session the open and the events that precede it, and nothing else."""
    bars = walk("ABC", date(2025, 2, 24), date(2025, 4, 15), seed)
    rng = np.random.default_rng(seed)
    bars["split_ratio"] = rng.choice([1.0, 1.0, 1.0, 2.0], len(bars))
    bars["dividend"] = rng.choice([0.0, 0.0, 1.0], len(bars))
    bars = bars[rng.random(len(bars)) > 0.05].reset_index(drop=True)
    weeks = [week_of(monday) for monday in mondays_between(date(2025, 2, 24), WEEK.monday)]
    poison = bars.copy()
    numbers = ["open", "close", "high", "low", "volume", "split_ratio", "dividend", "delisting"]
    poison[numbers] = poison[numbers].astype(float)
    poison.loc[poison["date"] > NEXT, numbers] = spoilt
    poison.loc[poison["date"] == NEXT, ["close", "high", "low", "volume"]] = spoilt
    truth = holding_returns(bars, weeks)
    pd.testing.assert_frame_equal(holding_returns(poison, weeks), truth, check_exact=True)
    pd.testing.assert_frame_equal(holding_returns(bars[bars["date"] <= NEXT], weeks), truth, check_exact=True)
