"""What an account lived through, as numbers: nothing pending passes for known, and labels agree with the account."""

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trading_scene import bar, desk_on, flat, frame, monday, target, walk

from learnfinance_dagster.allocation.rl.experience import Experience, Reward, experience_of, from_mark, reward_of
from learnfinance_dagster.allocation.rl.state import FEATURES, PolicyState
from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.returns import holding_returns
from learnfinance_dagster.values import Position, Side

FIRST, LAST = date(2024, 1, 2), date(2024, 2, 29)
WEEKS = [week_of(date(2024, 1, 22)), week_of(date(2024, 1, 29)), week_of(date(2024, 2, 5))]
STATE = PolicyState(
    symbols=("AAA", "BBB"),
    features={name: (None,) * len(FEATURES) for name in ("AAA", "BBB")},
    forecast={"AAA": 0.01, "BBB": None},
    weights={},
)
FLAT = frame(flat({"AAA": 100, "BBB": 50}, FIRST, LAST))


def lived(desk, bars, week, wanted, **how):
    """A Monday of that desk: its experience and the fate of its orders."""
    _, plan, _, fate = monday(desk, bars, week, wanted, **how)
    return experience_of("hrp", week.key, STATE, wanted, plan, fate), fate


def costs_of(fate):
    return sum((fill.cost for fill in fate.fills), Decimal(0))


def opens(bars, session):
    rows = bars[bars["date"] == session]
    return dict(zip(rows["symbol"], rows["open"], strict=True))


def experience(executed, cost=0.0, pending=""):
    return Experience("ppo_lstm", WEEKS[0].key, "v1", STATE, executed, executed, 0.0, cost, pending)


# What was executed.


def test_executed_weights_and_cash_are_the_whole_account_at_the_first_open():
    wanted = target(WEEKS[0], AAA=0.2, BBB=0.15)
    found, fate = lived(desk_on(FLAT), FLAT, WEEKS[0], wanted)
    worth = {p.symbol: float(p.market_value / fate.mark.nav) for p in fate.positions}
    assert found.executed == worth
    assert sum(found.executed.values()) + float(fate.cash / fate.mark.nav) == pytest.approx(1, abs=1e-12)
    assert found.intended == wanted.weights
    assert found.executed["AAA"] == pytest.approx(0.2, abs=0.01), "bought with room for the limit"
    assert not found.pending


def test_turnover_and_cost_come_from_fills_over_the_nav_before_them():
    found, fate = lived(desk_on(FLAT), FLAT, WEEKS[0], target(WEEKS[0], AAA=0.2, BBB=0.15))
    traded = sum(fill.qty * fill.price for fill in fate.fills)
    assert found.turnover == pytest.approx(float(traded) / 2 / 100_000, rel=1e-12)
    assert found.cost == pytest.approx(float(traded) * 5e-4 / 100_000, rel=1e-3)


def test_an_account_that_wanted_no_orders_executed_what_it_holds():
    desk = desk_on(FLAT)
    before, _ = lived(desk, FLAT, WEEKS[0], target(WEEKS[0], AAA=0.2))
    found, fate = lived(desk, FLAT, WEEKS[1], target(WEEKS[1], AAA=0.2))
    assert fate.orders == ()
    assert (found.turnover, found.cost, found.pending) == (0, 0, "")
    assert found.executed == before.executed != {}


def test_an_account_that_stays_in_cash_is_known_too():
    found, _ = lived(desk_on(FLAT), FLAT, WEEKS[0], target(WEEKS[0]))
    assert (found.executed, found.pending) == ({}, "")


def test_the_version_of_the_policy_comes_from_its_weights():
    plain = target(WEEKS[0], AAA=0.1)
    assert lived(desk_on(FLAT), FLAT, WEEKS[0], plain)[0].version == ""
    ours = replace(plain, provenance={"policy": "v2024-01-19-abc"})
    assert lived(desk_on(FLAT), FLAT, WEEKS[0], ours)[0].version == "v2024-01-19-abc"


# What is not known.


def pending_of(case):
    """The experience of a Monday on which something was missing."""
    week, wanted = WEEKS[0], target(WEEKS[0], AAA=0.1)
    if case == "before the open":
        return lived(desk_on(FLAT), FLAT, week, wanted, reveal=False)[0]
    if case == "dry run":
        return lived(desk_on(FLAT), FLAT, week, wanted, refusal="trading is switched off")[0]
    if case == "no weights":
        return lived(desk_on(FLAT), FLAT, week, replace(wanted, weights={}, failure="no policy yet"))[0]
    _, plan, _, fate = monday(desk_on(FLAT), FLAT, week, wanted)
    if case == "skipped":
        return experience_of("hrp", week.key, STATE, wanted, replace(plan, skipped="no portfolio: gone"), fate)
    if case == "no plan":
        return experience_of("hrp", week.key, STATE, wanted, None, fate)
    if case == "no mark":
        return experience_of("hrp", week.key, STATE, wanted, plan, replace(fate, mark=None))
    broke = replace(fate.mark, nav=Decimal(0), cash=Decimal(0))
    return experience_of("hrp", week.key, STATE, wanted, plan, replace(fate, mark=broke, positions=()))


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("before the open", "orders wait for the open of 2024-01-22"),
        ("dry run", "dry run, nothing was sent: trading is switched off"),
        ("no weights", "no weights: no policy yet"),
        ("skipped", "the account was skipped: no portfolio: gone"),
        ("no plan", "no orders were planned"),
        ("no mark", "no equity mark was recorded"),
        ("worth nothing", "the account is worth 0 USD"),
    ],
)
def test_what_is_not_known_is_pending_with_its_reason_and_has_no_label(case, said):
    found = pending_of(case)
    assert found.pending == said
    assert (found.executed, found.turnover, found.cost) == ({}, 0, 0)
    assert found.state == (None if case == "no weights" else STATE)
    label = reward_of(found, {}, None)
    assert (label.log_return, label.next_weights) == (None, {})
    assert label.pending == f"nothing was executed: {said}"


def test_a_missing_forecast_is_stored_as_unknown_and_read_back_as_unknown():
    """D21: the experience's state divided a forecast of None."""
    found, _ = lived(desk_on(FLAT), FLAT, WEEKS[0], target(WEEKS[0], AAA=0.1))
    back = from_json(Experience, to_json(found))
    assert back == found
    assert back.state.forecast == {"AAA": 0.01, "BBB": None}


def test_a_mark_that_is_not_the_worth_of_the_account_is_refused():
    _, plan, _, fate = monday(desk_on(FLAT), FLAT, WEEKS[0], target(WEEKS[0], AAA=0.1))
    planted = replace(fate, mark=replace(fate.mark, nav=fate.mark.nav + 1))
    with pytest.raises(DataError, match="positions and cash are worth"):
        experience_of("hrp", WEEKS[0].key, STATE, target(WEEKS[0], AAA=0.1), plan, planted)


# What it brought.

shares = st.dictionaries(st.sampled_from("ABCDEFGH"), st.floats(0, 0.12), max_size=8)
moves = st.fixed_dictionaries({name: st.floats(-1, 5) for name in "ABCDEFGH"})


@given(shares, moves, st.floats(0, 0.01))
def test_drifted_weights_and_cash_are_the_whole_account(executed, returns, cost):
    label = reward_of(experience(executed, cost), returns, STATE)
    cash = 1 - sum(executed.values())
    wealth = cash + sum(weight * (1 + returns[name]) for name, weight in executed.items())
    assert math.exp(label.log_return) == pytest.approx((1 - cost) * wealth, rel=1e-12)
    assert sum(label.next_weights.values()) + cash / wealth == pytest.approx(1, abs=1e-12)
    assert all(weight >= 0 for weight in label.next_weights.values())
    assert label.next_state is STATE
    assert from_json(Reward, to_json(label)) == label


@given(st.floats(0, 0.5))
def test_only_cash_earns_nothing_and_pays_its_costs(cost):
    assert reward_of(experience({}, cost), {}, None).log_return == math.log(1 - cost)


@pytest.mark.parametrize("returns", [{"AAA": 0.1}, {"AAA": 0.1, "BBB": None}, {"AAA": 0.1, "BBB": math.nan}])
def test_a_held_name_without_a_return_leaves_the_label_pending_and_is_named(returns):
    label = reward_of(experience({"AAA": 0.5, "BBB": 0.2}), returns, STATE)
    assert (label.log_return, label.next_weights) == (None, {})
    assert label.pending == "the return of BBB is not known"


def test_a_return_of_a_name_that_is_not_held_does_not_matter():
    assert reward_of(experience({"AAA": 0.5}), {"AAA": 0.1, "BBB": None}, None).log_return == math.log(1.05)


def test_an_account_of_which_nothing_is_left_has_no_label():
    assert reward_of(experience({"AAA": 1.0}), {"AAA": -1.0}, None).pending == (
        "nothing was left of the account: that has no logarithm"
    )


# From fills to returns.


def returns_of(bars, week, positions):
    """Symbol → return from the mark to the next week's first open; what the label's asset asks."""
    known = bars[(bars["date"] >= week.sessions[0]) & (bars["date"] <= week.next_session)]
    found = holding_returns(from_mark(known, positions, week.sessions[0]), [week])
    return dict(zip(found["symbol"], found["holding_return"], strict=True))


def test_shares_bought_below_the_open_earn_from_what_they_cost():
    week = WEEKS[0]
    bars = frame(flat({"AAA": 100, "BBB": 50}, week.sessions[0], week.next_session))
    held = [Position("AAA", Decimal(10), Decimal(98), week.sessions[0])]
    assert returns_of(bars, week, held) == {"AAA": pytest.approx(100 / 98 - 1), "BBB": 0}


def test_a_name_that_was_halted_at_the_first_open_earns_from_its_newest_close():
    week, held = WEEKS[0], [Position("AAA", Decimal(1), Decimal(50), WEEKS[0].last_session)]
    bars = frame(flat({"AAA": 55, "BBB": 50}, week.sessions[0], week.next_session))
    late = bars[(bars["symbol"] != "AAA") | (bars["date"] > week.sessions[1])]
    assert returns_of(late, week, held)["AAA"] == pytest.approx(0.1)


def test_a_name_without_a_bar_in_the_whole_week_has_no_return():
    week, held = WEEKS[0], [Position("AAA", Decimal(1), Decimal(50), WEEKS[0].last_session)]
    bars = frame(flat({"BBB": 50}, week.sessions[0], week.next_session))
    assert "AAA" not in returns_of(bars, week, held)


NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
WANTED = [dict.fromkeys(NAMES, 0.16), {"AAA": 0.05, "CCC": 0.2, "EEE": 0.2, "FFF": 0.1}, {"BBB": 0.2, "FFF": 0.2}]


def eventful(bars):
    """A dividend, a split, a halt at a first open and a delisting, in the two weeks of `WANTED`."""
    bars = bars.copy()
    day, name = bars["date"], bars["symbol"]
    bars.loc[(name == "CCC") & (day == WEEKS[0].sessions[2]), "dividend"] = 1.5
    bars.loc[(name == "CCC") & (day == WEEKS[1].next_session), "dividend"] = 0.5
    bars.loc[(name == "DDD") & (day == WEEKS[0].sessions[3]), "split_ratio"] = 2.0
    bars.loc[(name == "DDD") & (day >= WEEKS[0].sessions[3]), ["open", "high", "low", "close"]] /= 2
    bars.loc[(name == "FFF") & (day == WEEKS[1].sessions[1]), "delisting"] = 40.0
    halted = (name == "EEE") & (day == WEEKS[1].sessions[0])
    gone = (name == "FFF") & (day > WEEKS[1].sessions[1])
    return bars[~halted & ~gone].reset_index(drop=True)


def growths(bars):
    """Per week of an account: growth by its label, growth of its NAV, and whether a buy was filled off the open.

    NAV is taken before the trades of both Mondays. What was sold above an open, later that day, is the later week's.
    """
    desk = desk_on(bars, dead_band=0)
    told = [lived(desk, bars, week, target(week, **wanted)) for week, wanted in zip(WEEKS, WANTED, strict=True)]
    for week, (found, fate), (_, later) in zip(WEEKS, told, told[1:], strict=False):
        here, there = opens(bars, week.sessions[0]), opens(bars, week.next_session)
        label = reward_of(found, returns_of(bars, week, fate.positions), STATE)
        better = sum(
            float(fill.qty) * (float(fill.price) - there[fill.symbol]) for fill in later.fills if fill.side is Side.SELL
        )
        before, after = float(fate.mark.nav + costs_of(fate)), float(later.mark.nav + costs_of(later)) - better
        bought = [fill for fill in fate.fills if fill.side is Side.BUY]
        off_open = any(float(fill.price) < here[fill.symbol] - 1e-3 for fill in bought)
        yield math.exp(label.log_return), after / before, off_open


@pytest.mark.parametrize("happens", [lambda bars: bars, eventful], ids=["plain", "eventful"])
def test_labels_agree_with_the_accounts_equity(happens):
    found = [each for seed in range(4) for each in growths(happens(walk(NAMES, FIRST, LAST, seed)))]
    assert [label for label, _, _ in found] == pytest.approx([truth for _, truth, _ in found], abs=1e-6)
    assert any(off_open for _, _, off_open in found), "no limit order traded away from the open: this shows little"


def test_next_weights_are_where_prices_carried_the_executed_ones():
    bars, week = walk(NAMES, FIRST, LAST, seed=1), WEEKS[0]
    found, fate = lived(desk_on(bars, dead_band=0), bars, week, target(week, **WANTED[0]))
    there = opens(bars, week.next_session)
    worth = {position.symbol: float(position.qty) * there[position.symbol] for position in fate.positions}
    nav = float(fate.cash) + sum(worth.values())
    label = reward_of(found, returns_of(bars, week, fate.positions), None)
    assert label.next_weights == pytest.approx({name: value / nav for name, value in worth.items()}, abs=1e-9)


def test_counting_limit_orders_as_bought_at_the_open_would_not_agree():
    """Planted: a buy at its limit, below an open that had jumped."""
    week, first = WEEKS[0], WEEKS[0].sessions[0]
    rows = [row for row in flat({"AAA": 100}, FIRST, LAST) if row[1] < first]
    rows += [bar("AAA", first, o=105.0, l=95.0, c=105.0)]
    rows += [bar("AAA", day, 105.0) for day in (*week.sessions[1:], *WEEKS[1].sessions)]
    bars = frame(rows)
    found, fate = lived(desk_on(bars), bars, week, target(week, AAA=0.2))
    paid = float(fate.positions[0].price)
    assert paid < 105
    label = reward_of(found, returns_of(bars, week, fate.positions), None)
    growth = (1 - found.cost) * (1 + found.executed["AAA"] * (105 / paid - 1))
    assert math.exp(label.log_return) == pytest.approx(growth, rel=1e-12)
    assert label.log_return > reward_of(found, {"AAA": 0.0}, None).log_return + 1e-3
