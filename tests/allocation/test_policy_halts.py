"""A name that does not trade on a Monday: training, judgement and the simulated account must tell the same of it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from policy_world import RULES, made_up
from trading_scene import FREE, bar, frame

from learnfinance_dagster.allocation.rl.episodes import Episodes, World
from learnfinance_dagster.allocation.rl.history import history_of
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.path import weights_path
from learnfinance_dagster.allocation.rl.state import FEATURES
from learnfinance_dagster.calendar import sessions_between, week_of
from learnfinance_dagster.returns import holding_returns
from learnfinance_dagster.trading.market_days import MarketDays
from learnfinance_dagster.trading.simulation import SimulatedAccount
from learnfinance_dagster.values import Order, Side

WEEKS = [week_of(date(2025, 3, 3) + timedelta(weeks=n)) for n in range(5)]
FIRST = WEEKS[0].sessions[0]
HALT = (WEEKS[0].sessions[3], WEEKS[1].sessions[2])
"""From a Thursday to the Wednesday after it, over a Monday; the name falls by a third meanwhile."""
DAY = timedelta(days=1)
CASH = Decimal(100_000)


def bars_with_a_halt():
    rows = []
    for n, day in enumerate(sessions_between(FIRST, WEEKS[-1].next_session)):
        price = 100 + n if day < HALT[0] else 70 + n / 2
        rows.append(bar("B", day, 50 + n / 10))
        if not HALT[0] <= day < HALT[1]:
            rows.append(bar("A", day, o=price, c=price + 0.5))
    return frame(rows)


BARS = bars_with_a_halt()


def history_with_a_halt():
    found = holding_returns(BARS, WEEKS)
    table = found[found["symbol"] == "A"].reset_index(drop=True)
    rows = table.assign(monday=[week.monday for week in WEEKS], rank=1, lstm_forecast=0.0, hrp_weight=0.1)
    return history_of(rows.assign(**dict.fromkeys(FEATURES, 0.0)), "lstm")


def world():
    return World.of(history_with_a_halt(), Observer.fit(made_up(20)), RULES, FREE)


def account_that(*shares):
    """NAV at each Monday's open, before trading, of an account that wants those shares of it in A."""
    days, account, worth = MarketDays(BARS), SimulatedAccount(CASH, settled=WEEKS[0].last_session), []
    for number, (week, share) in enumerate(zip([*WEEKS, None], [*shares, None], strict=True)):
        session = week.sessions[0] if week else WEEKS[-1].next_session
        before = account.positions.get("A", Decimal(0))
        nav, held = _valued(account, days, session)
        worth.append(nav)
        if week is None:
            return worth
        opening = days.bar("A", session)
        price = Decimal(str(opening.open if opening else 1))
        change = (Decimal(repr(share)) * nav - held) / price if opening else (1 if share else -before)
        if change:
            side, limit = (Side.BUY, price * 2) if change > 0 else (Side.SELL, price / 2)
            qty = abs(Decimal(change)).quantize(Decimal("0.000001"))
            account.submit(Order(str(number), "A", side, qty, limit, limit, 0.0, 0.1), session)
        account.advance(days, session, FREE)
    return worth


def _valued(account, days, session):
    previous = sessions_between(FIRST - timedelta(days=7), session)[-2]
    account.advance(days, previous, FREE)
    held = sum((each.market_value for each in days.at_open(account.positions, session)), Decimal(0))
    return account.cash + held, held


def grown(navs):
    return [float(after / before) - 1 for before, after in pairwise(navs)]


def test_the_monday_of_the_halt_is_known_as_one_on_which_nobody_could_trade():
    assert history_with_a_halt().halted[:, 0].tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(
    "shares",
    [(0.2, 0.2, 0.2, 0.2, 0.2), (0.2, 0.0, 0.0, 0.0, 0.1), (0.0, 0.2, 0.2, 0.0, 0.0)],
    ids=["holds through it", "would have sold in it", "would have bought in it"],
)
def test_a_walked_path_earns_what_the_simulated_account_earns(shares):
    path = weights_path(world(), np.array(shares)[:, None])
    np.testing.assert_allclose(path.returns, grown(account_that(*shares)), rtol=0, atol=1e-6)


def test_the_fall_behind_the_halt_is_in_no_week_lost():
    """With a 0 in place of the return of the halted week the fall was nobody's."""
    path = weights_path(world(), np.full((5, 1), 0.2))
    before, after = (
        BARS[(BARS["symbol"] == "A") & (BARS["date"] == day)] for day in (HALT[0] - DAY, WEEKS[2].sessions[0])
    )
    assert path.returns[1] == pytest.approx(0.2 * (after["open"].item() / before["close"].item() - 1), abs=0.002)
    assert path.returns[1] < -0.04


def test_an_episode_of_training_earns_the_same():
    episodes = Episodes(world(), 1, np.random.default_rng(0), weeks=len(WEEKS))
    returns = []
    for _ in range(episodes.length):
        episodes.step(np.array([[4.0, 3.0]]))
        returns.append(float(np.expm1(episodes.held.log_return[0])))
    np.testing.assert_allclose(returns, grown(account_that(*[0.2] * 5))[:-1], rtol=0, atol=1e-6)


def test_a_name_whose_price_nobody_ever_knew_cannot_be_bought_and_is_no_gain():
    rows = BARS[(BARS["symbol"] != "A") | (BARS["date"] >= HALT[1])]
    found = holding_returns(rows, WEEKS).set_index(["week", "symbol"])
    assert found.loc[[(week.key, "A") for week in WEEKS[:2]], "holding_return"].isna().all()
    assert not found.loc[[(week.key, "A") for week in WEEKS[:2]], "tradable"].any()
    history = history_with_a_halt()
    unknown = replace(history, returns=np.zeros_like(history.returns), halted=np.ones_like(history.halted))
    path = weights_path(World.of(unknown, Observer.fit(made_up(20)), RULES, FREE), np.full((5, 1), 0.2))
    assert not path.weights.any()
