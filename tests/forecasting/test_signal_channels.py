# ruff: noqa: PD011 - a panel is no pandas object, and its values are numpy's
from datetime import date

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.calendar import mondays_between, sessions_between, week_from_key, week_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.panel import OHLCV, panel_of
from learnfinance_dagster.forecasting.signal_channels import with_signals
from learnfinance_dagster.forecasting.windows import windows_at

WEEKS = [week_of(monday) for monday in mondays_between(date(2018, 6, 4), date(2020, 1, 6))]
FILLS = {"tone": 0.0, "margin": 0.25}


@pytest.fixture(scope="module")
def panel(make_bars):
    return panel_of(pd.concat([make_bars("AAA"), make_bars("BBB")]))


def numbered(symbols=("AAA", "BBB"), weeks=WEEKS):
    """Features that tell their week: tone is its number, margin that of the name."""
    rows = [(week.key, name, float(n), float(i)) for n, week in enumerate(weeks) for i, name in enumerate(symbols)]
    return pd.DataFrame(rows, columns=["week", "symbol", "tone", "margin"])


def test_features_stand_beside_prices_in_the_order_of_the_model(panel):
    found = with_signals(panel, numbered()[["symbol", "margin", "week", "tone"]], FILLS)
    assert found.channels == (*OHLCV, "tone", "margin")
    assert found.values.shape == (*panel.traded.shape, 7)
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(found.values[..., :5], panel.values)
    assert set(found.values[0, :, 6].tolist()) == {0.0}
    assert set(found.values[1, :, 6].tolist()) == {1.0}


def test_a_session_holds_what_was_known_at_the_decision_that_learned_of_it(panel):
    """The sessions of a week's `daily_bars`: after the last session of the week before, up to its own."""
    tone = with_signals(panel, numbered(), FILLS).values[0, :, 5]
    sessions = panel.sessions.tolist()
    for n, week in enumerate(WEEKS[1:], start=1):
        known = sessions_between(WEEKS[n - 1].last_session, week.last_session)[1:]
        assert {float(tone[sessions.index(day)]) for day in known if day in sessions} <= {float(n)}
    assert tone[0] == 0.0, "Friday 2018-06-01 belongs to the first Monday"


def test_a_window_never_holds_a_feature_of_a_later_week(panel):
    """A planted leak: the features of week n are the number n."""
    found = with_signals(panel, numbered(), FILLS)
    windows = windows_at(found, WEEKS[1:-1], with_targets=False)
    seen = windows.inputs(found.values)[:, :, 5]
    number = np.array([WEEKS.index(week_from_key(str(monday))) for monday in windows.monday])
    assert (seen.max(axis=1) == number).all(), "the decision's own week is in"
    assert (seen[:, -1] == number).all()
    assert (seen <= number[:, None]).all()
    assert (np.diff(seen, axis=1) >= 0).all()


def test_later_features_change_nothing_earlier(panel):
    first, spoiled = numbered(), numbered()
    spoiled.loc[spoiled["week"] > "2019-03-04", "tone"] = 1e9
    windows = windows_at(panel, [week for week in WEEKS[1:-1] if week.key <= "2019-03-04"], with_targets=False)
    inputs = [windows.inputs(with_signals(panel, table, FILLS).values) for table in (first, spoiled)]
    np.testing.assert_array_equal(*inputs)


def test_a_week_without_a_row_of_the_name_holds_the_fills(panel):
    features = numbered(("BBB",), WEEKS[30:31])
    values = with_signals(panel, features, FILLS).values
    assert np.unique(values[0, :, 5:], axis=0).tolist() == [[0.0, 0.25]]
    known = [day.item() for day in panel.sessions[values[1, :, 6] == 0.0]]
    assert known == list(sessions_between(WEEKS[29].last_session, WEEKS[30].last_session)[1:])
    assert np.unique(with_signals(panel, features.head(0), FILLS).values[..., 6]).tolist() == [0.25]


def test_other_names_and_weeks_are_passed_over(panel):
    more = pd.concat([numbered(), numbered(("ZZZ",)), numbered(weeks=[week_from_key("2025-06-02")])])
    np.testing.assert_array_equal(
        with_signals(panel, more, FILLS).values, with_signals(panel, numbered(), FILLS).values
    )


def test_the_order_of_the_rows_does_not_matter_and_nothing_given_is_changed(panel):
    features, before = numbered(), panel.values.copy()
    mixed = features.sample(frac=1, random_state=2)
    np.testing.assert_array_equal(with_signals(panel, mixed, FILLS).values, with_signals(panel, features, FILLS).values)
    pd.testing.assert_frame_equal(features, numbered())
    np.testing.assert_array_equal(panel.values, before)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e300])
def test_a_missing_or_infinite_feature_is_refused_and_not_filled_here(panel, wrong):
    features = numbered()
    features.loc[7, "margin"] = wrong
    with pytest.raises(DataError, match="feature margin is missing or infinite"):
        with_signals(panel, features, FILLS)
    with pytest.raises(DataError, match="feature margin is missing or infinite"):
        with_signals(panel, numbered(), {**FILLS, "margin": wrong})


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop(columns="tone"),
        lambda table: table.assign(extra=1.0),
        lambda table: table.rename(columns={"tone": "mood"}),
        lambda table: table.drop(columns="week"),
        lambda table: table.drop(columns="symbol"),
    ],
)
def test_other_features_are_refused(panel, change):
    with pytest.raises(DataError, match="are not those to be read: tone, margin"):
        with_signals(panel, change(numbered()), FILLS)


def test_a_name_twice_in_a_week_is_refused(panel):
    with pytest.raises(DataError, match="AAA is there twice in the week 2018-06-04"):
        with_signals(panel, pd.concat([numbered(), numbered().head(1)]), FILLS)


@pytest.mark.parametrize("week", ["2019-03-05", "20190304", "soon"])
def test_a_week_that_is_none_is_refused(panel, week):
    with pytest.raises(DataError):
        with_signals(panel, numbered().head(1).assign(week=week), FILLS)


def test_a_feature_named_like_a_channel_is_refused(panel):
    with pytest.raises(DataError, match="channel of that name: volume"):
        with_signals(panel, numbered().rename(columns={"tone": "volume"}), {"volume": 0.0, "margin": 0.0})
    with pytest.raises(DataError, match="channel of that name: margin, tone"):
        with_signals(with_signals(panel, numbered(), FILLS), numbered(), FILLS)
