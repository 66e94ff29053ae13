from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnfinance_dagster.allocation.rl.history import NOBODY, history_of, monday_at
from learnfinance_dagster.allocation.rl.state import FEATURES
from learnfinance_dagster.errors import DataError

FIRST = date(2024, 1, 1)


def rows(weeks):
    """Week → names with their holding returns, best rank first; all other numbers tell name and week apart."""
    found = []
    for week, names in weeks.items():
        for rank, (symbol, holding) in enumerate(names, start=1):
            own = 100 * week + ord(symbol[0])
            row = {"monday": FIRST + timedelta(weeks=week), "symbol": symbol, "rank": rank, "holding_return": holding}
            row |= {"close_return": None if holding is None else holding / 2, "tradable": holding is not None}
            row |= {feature: own + n / 10 for n, feature in enumerate(FEATURES)}
            found.append(row | {"lstm_forecast": own / 1e4, "patchtst_forecast": -own / 1e4, "hrp_weight": 0.1})
    return pd.DataFrame(found)


TWO = {0: [("BBB", 0.1), ("AAA", 0.2)], 1: [("AAA", 0.3), ("CCC", -0.1), ("BBB", 0.0)]}


def test_slots_are_by_rank_and_names_are_followed_by_their_number():
    history = history_of(rows(TWO), "lstm")
    assert history.symbols == ("AAA", "BBB", "CCC")
    assert history.name.tolist() == [[1, 0, NOBODY], [0, 2, 1]]
    assert history.returns.tolist() == [[0.1, 0.2, 0.0], [0.3, -0.1, 0.0]]
    assert not history.halted.any()
    assert history.mask.tolist() == [[True, True, False], [True, True, True]]
    assert [monday_at(history, week) for week in range(2)] == [FIRST, FIRST + timedelta(weeks=1)]


def test_every_number_stands_beside_its_own_name_and_week():
    history = history_of(rows(TWO), "lstm")
    for week, slot in np.argwhere(history.mask):
        own = 100 * week + ord(history.symbols[history.name[week, slot]][0])
        assert history.features[week, slot].tolist() == [own + n / 10 for n in range(len(FEATURES))]
        assert history.forecast[week, slot] == own / 1e4


def test_empty_slots_hold_nothing():
    history = history_of(rows(TWO), "lstm")
    assert np.isnan(history.features[0, 2]).all()
    assert np.isnan([history.forecast[0, 2], history.hrp[0, 2]]).all()
    assert history.returns[0, 2] == 0.0


def test_the_forecast_is_that_of_the_one_forecaster():
    both = [history_of(rows(TWO), name).forecast for name in ("lstm", "patchtst")]
    np.testing.assert_array_equal(both[0], -both[1])
    with pytest.raises(DataError, match="no prophet_forecast"):
        history_of(rows(TWO), "prophet")


def test_a_week_whose_returns_are_not_known_yet_is_left_out():
    """D2, D3: what is not over cannot be learned from."""
    table = rows(TWO | {2: [("AAA", None), ("BBB", None)]})
    assert len(history_of(table, "lstm")) == 2
    with pytest.raises(DataError, match="no week with a known return"):
        history_of(table[table["monday"] == FIRST + timedelta(weeks=2)], "lstm")


def test_a_single_name_without_a_return_is_unchanged_and_cannot_be_bought():
    history = history_of(rows({0: [("AAA", None), ("BBB", 0.1)]}), "lstm")
    assert history.returns.tolist() == [[0.0, 0.1]]
    assert history.closes.tolist() == [[0.0, 0.05]]
    assert history.halted.tolist() == [[True, False]]


def test_the_best_ranks_are_kept_where_there_are_fewer_slots():
    history = history_of(rows(TWO), "lstm", slots=2)
    assert [[history.symbols[name] for name in week] for week in history.name] == [["BBB", "AAA"], ["AAA", "CCC"]]
    alone = history_of(rows(TWO), "lstm", slots=1)
    assert alone.symbols == ("AAA", "BBB")


def test_a_held_name_that_fails_a_filter_stands_behind_those_that_have_a_rank():
    table = rows({0: [("AAA", 0.1), ("BBB", 0.2), ("CCC", 0.3)]})
    table.loc[table["symbol"] == "AAA", "rank"] = 0
    history = history_of(table, "lstm")
    assert [history.symbols[name] for name in history.name[0]] == ["BBB", "CCC", "AAA"]
    assert history_of(table, "lstm", slots=2).symbols == ("BBB", "CCC")


def test_more_slots_than_names_are_empty():
    assert (history_of(rows(TWO), "lstm", slots=5).name[:, 3:] == NOBODY).all()


def test_a_name_that_is_twice_in_a_week_is_refused():
    table = rows(TWO)
    with pytest.raises(DataError, match=r"BBB twice in the week 2024-01-01"):
        history_of(pd.concat([table, table[:1]]), "lstm")


def test_some_weeks_are_the_same_weeks():
    history = history_of(rows(TWO), "lstm")
    part = history[1:]
    assert len(part) == 1
    assert part.symbols == history.symbols
    assert part.name.tolist() == [[0, 2, 1]]


@given(
    weeks=st.lists(st.permutations(["AAA", "BBB", "CCC", "DDD", "EEE"]), min_size=1, max_size=5),
    sizes=st.lists(st.integers(1, 5), min_size=5, max_size=5),
    seed=st.integers(0, 99),
)
def test_the_order_of_the_rows_does_not_matter(weeks, sizes, seed):
    table = rows({week: [(name, 0.1) for name in names[: sizes[week]]] for week, names in enumerate(weeks)})
    history = history_of(table, "lstm")
    shuffled = history_of(table.sample(frac=1, random_state=seed), "lstm")
    assert shuffled.symbols == history.symbols
    for part in ("mondays", "name", "features", "forecast", "returns", "closes", "halted", "hrp"):
        np.testing.assert_array_equal(getattr(shuffled, part), getattr(history, part))
    for week, names in enumerate(weeks):
        assert [history.symbols[name] for name in history.name[week] if name != NOBODY] == list(names[: sizes[week]])
