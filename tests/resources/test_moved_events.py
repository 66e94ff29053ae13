"""A split or dividend that a vendor tells of on another day than before is one event, and not two."""

from datetime import UTC, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.calendar import sessions_between
from learnfinance_dagster.ports import PriceBasis
from learnfinance_dagster.returns import adjusted
from resources.live_market.as_traded import as_traded, mended
from resources.live_market.fetched import Prices, actions_of, frame_of
from resources.live_market.folder import Kept, Look, empty
from resources.live_market.keeping import Keeping
from resources.market_directory.days import micros
from resources.market_directory.panel import Panel

DAYS = sessions_between(datetime(2024, 1, 2, tzinfo=UTC).date(), datetime(2024, 6, 28, tzinfo=UTC).date())
NOTHING = Kept(empty("bars"), empty("actions"), empty("holdings"), empty("notes"))
LATER = datetime(2025, 1, 1, tzinfo=UTC)


def chart(last, events=(), without=(), close=None, first=0):
    """Yahoo's table up to a session, divided by every split of it; rows `without` have no prices."""
    frame = pd.DataFrame({"Close": np.full(last + 1, 10.0) if close is None else close})
    frame["Volume"], frame["Dividends"], frame["Stock Splits"] = 1000.0, 0.0, 0.0
    for row, column, value in events:
        frame.loc[row, column] = value
    frame.loc[list(without), "Close"] = np.nan
    for name in ("Open", "High", "Low"):
        frame[name] = frame["Close"]
    return frame.set_axis(pd.DatetimeIndex(DAYS[: last + 1]).tz_localize("America/New_York")).iloc[first:]


def kept_after(kept, table, last):
    """What is kept after a look that asks through that session; and what it had to tell."""
    name = as_traded("X", table, DAYS[last])
    moment = datetime.combine(DAYS[last], time(), UTC) + timedelta(hours=36)
    look = Look(moment, moment, DAYS[last])
    keeping = Keeping(kept, look, "yahoo")
    keeping.add(Prices(frame_of([name.bars]), actions_of(name.actions)))
    assert keeping.refused == {}
    return keeping.result(look), keeping.revisions


def moves(kept):
    """Daily total returns of everything that is kept."""
    bars = Panel(kept.bars, kept.actions, PriceBasis.AS_TRADED).between(DAYS[0], DAYS[-1], micros(LATER))
    return adjusted(bars)["total_close"].pct_change().dropna()


@pytest.mark.parametrize(("first", "second"), [((4,), ()), ((), (4,))], ids=["found again", "lost"])
def test_a_split_whose_row_a_vendor_loses_or_finds_again_is_stored_once(first, second):
    """Twice, it would pass for a crash to a half."""
    split = [(4, "Stock Splits", 2.0)]
    kept, _ = kept_after(NOTHING, chart(5, split, without=first), 5)
    kept, told = kept_after(kept, chart(8, split, without=second), 8)
    assert kept.actions["value"].tolist() == [2.0]
    assert np.allclose(moves(kept), 0)
    assert [each["what"].split(" that ")[0] for each in told] == ["split"]
    again, told = kept_after(kept, chart(9, split, without=second), 9)
    assert (len(again.actions), told) == (1, [])


def test_a_dividend_whose_ex_date_a_vendor_corrects_is_stored_once():
    kept, _ = kept_after(NOTHING, chart(5, [(4, "Dividends", 0.5)]), 5)
    kept, told = kept_after(kept, chart(8, [(3, "Dividends", 0.5)]), 8)
    assert kept.actions["value"].tolist() == [0.5]
    assert [(each["what"], each["found"]) for each in told] == [(f"dividend that is stored on {DAYS[4]}", 0.5)]


def test_two_equal_dividends_close_together_stay_two():
    paid = [(3, "Dividends", 0.5), (6, "Dividends", 0.5)]
    kept, _ = kept_after(NOTHING, chart(5, paid[:1]), 5)
    kept, told = kept_after(kept, chart(8, paid), 8)
    assert (kept.actions["value"].tolist(), told) == ([0.5, 0.5], [])


def test_a_dividend_that_is_carried_beyond_a_split_is_paid_on_the_new_shares():
    bars = pd.DataFrame({"date": DAYS[:5], "open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "volume": 5.0})
    bars["dividend"], bars["split"] = [0, 1.0, 0, 0, 0], [1, 1, 2.0, 1, 1]
    bars.loc[[1, 2], "close"] = np.nan
    assert sorted(mended("X", bars, DAYS[4]).actions) == [
        ("X", DAYS[3], "dividend", 0.5),
        ("X", DAYS[3], "split", 2.0),
    ]


@pytest.mark.parametrize("seed", range(12))
def test_random_splits_and_dividends_are_stored_as_they_were_whenever_somebody_looks(seed):
    """By brute force: what was traded is known here, and Yahoo's table of each look is made of it."""
    rng = np.random.default_rng(seed)
    count = len(DAYS)
    split, dividend = np.ones(count), np.zeros(count)
    split[rng.choice(np.arange(1, count), 3, replace=False)] = rng.choice([0.1, 1.05, 1.5, 2, 3, 10], 3)
    dividend[rng.choice(np.arange(1, count), 4, replace=False)] = 0.5
    dividend[np.flatnonzero(split != 1)[0]] = 0.3
    shares = np.cumprod(split)
    close = np.maximum((50 * np.exp(np.cumsum(rng.normal(0, 0.02, count))) / shares).round(4), 0.01)
    kept, last = NOTHING, None
    for now in [*sorted(rng.choice(np.arange(20, count), 6, replace=False).tolist()), count - 1]:
        ahead = shares[now] / shares[: now + 1]
        table = chart(now, close=close[: now + 1] / ahead, first=max(0, (last or 0) - 5))
        rows = slice(len(ahead) - len(table), None)
        table["Stock Splits"] = np.where(split != 1, split, 0)[: now + 1][rows]
        table["Dividends"], table["Volume"] = (dividend[: now + 1] / ahead)[rows], (1e6 * ahead)[rows]
        kept, told = kept_after(kept, table, now - 1)  # the row of today is not finished
        assert told == []
        last = now - 1
    assert np.allclose(kept.bars["close"], close[:-1], rtol=1e-4, atol=1e-4)
    assert (kept.bars["volume"] == 1_000_000).all()
    panel = Panel(kept.bars, kept.actions, PriceBasis.AS_TRADED).between(DAYS[0], DAYS[-1], micros(LATER))
    assert np.allclose(panel["split_ratio"], split[:-1], atol=1e-4)
    assert np.allclose(panel["dividend"], dividend[:-1], atol=1e-4)
    assert kept.bars["known_at"].isna().all()
    assert kept.actions["known_at"].isna().all()
