from datetime import date
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.calendar import sessions_back, sessions_between, week_from_key
from learnfinance_dagster.parameters import UniverseParameters
from learnfinance_dagster.ports import PriceBasis
from learnfinance_dagster.schemas.artifacts import ScreenedUniverse
from learnfinance_dagster.universe.screen import Evidence, screened_universe

WEEK = week_from_key("2025-12-29")
DAYS = sessions_between(date(2024, 11, 4), WEEK.last_session)
RULES = UniverseParameters()
NOBODY = frozenset()


def bars(symbol, price=100.0, volume=1e6, days=DAYS, **columns):
    frame = pd.DataFrame(
        {
            "date": days,
            "symbol": symbol,
            **dict.fromkeys(("open", "high", "low", "close"), price),
            "volume": volume,
            "split_ratio": 1.0,
            "dividend": 0.0,
        }
    )
    return frame.assign(**columns)


def halal(*symbols, **excluded):
    rows = [(symbol, 2.0, "") for symbol in symbols] + [(symbol, 3.0, why) for symbol, why in excluded.items()]
    return pd.DataFrame(rows, columns=["symbol", "max_weight", "excluded"]).astype(
        {"symbol": "str", "max_weight": "float64", "excluded": "str"}
    )


def screen(offered, *frames, held=NOBODY, members=None, basis=PriceBasis.AS_TRADED, rules=RULES):
    known = pd.concat(frames, ignore_index=True) if frames else bars("NONE").iloc[:0]
    known = known.sort_values(["symbol", "date"], ignore_index=True)
    return screened_universe(WEEK, Evidence(offered, known, members, frozenset(held), basis), rules)


def row(table, symbol):
    return table.set_index("symbol").loc[symbol]


def dropped(symbol, table):
    found = row(table, symbol)
    assert not found["kept"]
    assert found["rank"] == 0
    return found["reason"]


def test_a_name_that_passes_every_filter_is_ranked_and_kept():
    found = row(screen(halal("A"), bars("A")), "A")
    assert (found["kept"], found["rank"], found["reason"]) == (True, 1, "rank 1 of the top 15")
    assert (found["sessions"], found["price"], found["price_date"]) == (len(DAYS), 100.0, WEEK.last_session)
    assert (found["dollar_volume"], found["max_weight"]) == (1e8, 2.0)


def test_a_name_without_bars_is_dropped():
    assert dropped("B", screen(halal("A", "B"), bars("A"))) == "no bars in the source"


def test_a_name_that_stopped_trading_is_dropped_with_its_last_day():
    limit = sessions_back(WEEK.last_session, RULES.stale_after_sessions)
    fresh = bars("A", days=[day for day in DAYS if day <= limit])
    stale = bars("B", days=[day for day in DAYS if day < limit])
    table = screen(halal("A", "B"), fresh, stale)
    assert row(table, "A")["kept"], "five sessions are a halt"
    assert dropped("B", table) == f"no bar since {sessions_back(limit, 1)}"


def test_a_short_history_is_dropped_with_its_length():
    table = screen(halal("A", "B"), bars("A", days=DAYS[-252:]), bars("B", days=DAYS[-251:]))
    assert row(table, "A")["kept"]
    assert dropped("B", table) == "history of 251 sessions is shorter than 252"


def test_a_name_outside_of_the_indices_of_that_day_is_dropped():
    table = screen(halal("A", "B"), bars("A"), bars("B"), members=frozenset({"A"}))
    assert row(table, "A")["kept"]
    assert dropped("B", table) == "no index member on that day"


def test_where_membership_is_not_dated_everyone_is_a_candidate():
    assert screen(halal("A", "B"), bars("A"), bars("B"), members=None)["kept"].all()


def test_where_nobody_was_a_member_nobody_is_chosen():
    assert not screen(halal("A", "B"), bars("A"), bars("B"), members=NOBODY)["kept"].any()


def test_a_penny_stock_is_dropped():
    table = screen(halal("A", "B"), bars("A", price=5.0, volume=1e7), bars("B", price=4.99, volume=1e7))
    assert row(table, "A")["kept"]
    assert dropped("B", table) == "price 4.99 below 5.00"


def test_a_split_adjusted_price_is_no_reason_because_its_level_knows_later_splits():
    table = screen(halal("B"), bars("B", price=0.50, volume=1e9), basis=PriceBasis.SPLIT_ADJUSTED)
    assert row(table, "B")["kept"]


def test_a_thinly_traded_name_is_dropped():
    table = screen(halal("A", "B"), bars("A", volume=50_000), bars("B", volume=49_000))
    assert row(table, "A")["kept"]
    assert dropped("B", table) == "dollar volume 4.9 M below 5.0 M"


def test_a_delisted_name_is_dropped_though_its_last_bar_is_fresh():
    paid = np.where(np.array(DAYS) == WEEK.last_session, 40.0, 0.0)
    table = screen(halal("A", "B"), bars("A", delisting=0.0), bars("B", delisting=paid))
    assert row(table, "A")["kept"]
    assert dropped("B", table) == f"delisted on {WEEK.last_session}"


def test_only_the_first_reason_is_told():
    assert dropped("B", screen(halal("B"), bars("B", price=1, volume=1, days=DAYS[-10:]), members=NOBODY)) == (
        "history of 10 sessions is shorter than 252"
    )


def test_the_median_of_a_quarter_forgets_one_loud_day_and_what_was_before():
    volume = np.full(len(DAYS), 1e6)
    volume[-3], volume[:-60] = 1e12, 1e9
    assert row(screen(halal("A"), bars("A", volume=volume)), "A")["dollar_volume"] == 1e8


def test_a_split_does_not_change_the_dollar_volume():
    after = np.array([day >= DAYS[-20] for day in DAYS])
    split = bars(
        "A",
        price=np.where(after, 25.0, 100.0),
        volume=np.where(after, 4e6, 1e6),
        split_ratio=np.where(np.array(DAYS) == DAYS[-20], 4.0, 1.0),
    )
    found = row(screen(halal("A"), split), "A")
    assert (found["dollar_volume"], found["price"]) == (1e8, 25.0)


def crowd(count):
    """Names N00, N01, ... each with less volume than the one before."""
    names = [f"N{n:02}" for n in range(count)]
    return names, [bars(name, volume=1e7 - n * 1e5) for n, name in enumerate(names)]


def test_the_fifteen_names_with_the_largest_dollar_volume_are_chosen():
    names, frames = crowd(18)
    table = screen(halal(*reversed(names)), *reversed(frames))
    assert table["symbol"].tolist() == names
    assert table["rank"].tolist() == list(range(1, 19))
    assert table.loc[table["kept"], "symbol"].tolist() == names[:15]
    assert table["reason"].iloc[14:16].tolist() == ["rank 15 of the top 15", "rank 16 is below the top 15"]


def test_equal_dollar_volumes_are_ranked_by_symbol_however_they_arrive():
    for order in permutations(["C", "A", "B"]):
        table = screen(halal(*order), *(bars(symbol) for symbol in order), rules=UniverseParameters(top=2))
        assert table["symbol"].tolist() == ["A", "B", "C"]
        assert table["kept"].tolist() == [True, True, False]


def test_a_held_name_below_the_top_is_kept():
    names, frames = crowd(17)
    table = screen(halal(*names), *frames, held={"N16", "N00"})
    assert table["kept"].sum() == 16
    assert row(table, "N16")["reason"] == "held; rank 17"
    assert row(table, "N00")["reason"] == "rank 1 of the top 15"
    assert table.loc[table["held"], "symbol"].tolist() == ["N00", "N16"]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (bars("B", days=DAYS[-30:]), "held; history of 30 sessions is shorter than 252"),
        (bars("B", price=1.0, volume=1e9), "held; price 1.00 below 5.00"),
        (bars("B", volume=1), "held; dollar volume 0.0 M below 5.0 M"),
    ],
    ids=["history", "price", "volume"],
)
def test_a_held_name_is_kept_with_the_filter_that_it_fails(frame, reason):
    found = row(screen(halal("A", "B"), bars("A"), frame, held={"B"}), "B")
    assert (found["kept"], found["held"], found["rank"], found["reason"]) == (True, True, 0, reason)


def test_a_held_name_that_no_halal_fund_holds_any_more_takes_nobodys_rank():
    table = screen(
        halal("A"), bars("A", volume=1e6), bars("B", volume=1e9), held={"B"}, rules=UniverseParameters(top=1)
    )
    assert row(table, "A")["reason"] == "rank 1 of the top 1"
    found = row(table, "B")
    assert (found["kept"], found["rank"]) == (False, 0)
    assert found["reason"] == "held; no longer in a halal fund; to be sold"
    assert found["max_weight"] == 0.0


def test_a_held_name_that_was_blocked_since_says_so():
    table = screen(halal("A", B="blocked by settings"), bars("A"), bars("B"), held={"B"})
    assert row(table, "B")["reason"] == "held; blocked by settings; to be sold"
    assert not row(table, "B")["kept"]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (bars("B", days=DAYS[:-9]), f"held; no bar since {DAYS[-10]}; to be sold"),
        (bars("B").iloc[:0], "held; no bars in the source; to be sold"),
    ],
)
def test_a_held_name_that_does_not_trade_gets_no_weight_that_could_not_be_bought(frame, reason):
    found = row(screen(halal("A", "B"), bars("A"), frame, held={"B"}), "B")
    assert (found["kept"], found["reason"]) == (False, reason)


def test_an_excluded_name_that_nobody_holds_is_no_candidate():
    assert screen(halal("A", B="non-US listing"), bars("A"), bars("B"))["symbol"].tolist() == ["A"]


def test_bars_of_other_names_change_nothing():
    alone = screen(halal("A"), bars("A"))
    pd.testing.assert_frame_equal(screen(halal("A"), bars("A"), bars("Z", price=7.0)), alone)


def test_kept_names_come_first_by_rank():
    table = screen(
        halal("A", "B", "C", "D"),
        bars("A", volume=1),
        bars("B"),
        bars("C", volume=2e6),
        bars("D", volume=2),
        held={"D"},
    )
    assert table["symbol"].tolist() == ["C", "B", "D", "A"]


@pytest.mark.parametrize("held", [NOBODY, {"B"}], ids=["nobody", "one"])
@pytest.mark.parametrize("offered", [(), ("A",)], ids=["none", "one"])
def test_what_is_screened_can_be_stored_also_when_there_is_nothing(held, offered):
    table = screen(halal(*offered), held=held)
    assert len(table) == len(held) + len(offered)
    assert not table["kept"].sum() > len(held)
    ScreenedUniverse.validate(table.assign(week=WEEK.key))


def test_a_full_screen_can_be_stored():
    names, frames = crowd(17)
    ScreenedUniverse.validate(screen(halal(*names, "GONE"), *frames, held={"N16", "GONE"}).assign(week=WEEK.key))
