# ruff: noqa: PD011 - a panel is no pandas object, and its values are numpy's
import json
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.calendar import mondays_between, sessions_between, week_from_key, week_of
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV, Panel, panel_of
from learnfinance_dagster.forecasting.scaler import Scaler
from learnfinance_dagster.forecasting.windows import HORIZON, INPUT, history_used, split_by_date, windows_at
from learnfinance_dagster.returns import log_changes

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "cases.json"
WEEKS = [week_of(monday) for monday in mondays_between(date(2018, 6, 11), date(2019, 12, 30))]


@pytest.fixture(scope="module")
def panel(make_bars, days):
    """Five names over all sessions: two ordinary, one listed late, one halted, one that ends and is paid out."""
    at = days.index(date(2019, 5, 22))
    gone = make_bars("GONE", days[: at + 1], paid_out={at: 60.0})
    late = make_bars("LATE", days[100:])
    halted = make_bars("HALT", days, without=range(200, 220))
    return panel_of(pd.concat([make_bars("AAA"), make_bars("BBB"), gone, late, halted]))


def sessions_of(windows, row, *, targets):
    """Which sessions the window's numbers are of."""
    count = len(windows.panel.sessions)
    slots = np.broadcast_to(np.arange(count)[None, :, None], (len(windows.panel.symbols), count, 1))
    found = windows.targets(slots) if targets else windows.inputs(slots)
    return [day.item() for day in windows.panel.sessions[found[row, :, 0]]]


@pytest.mark.parametrize(
    ("key", "last"),
    [
        ("2019-03-11", date(2019, 3, 8)),  # an ordinary Friday
        ("2019-04-22", date(2019, 4, 18)),  # Good Friday: the week before ended on Thursday
        ("2018-12-31", date(2018, 12, 28)),
        ("2019-07-08", date(2019, 7, 5)),
    ],
)
def test_an_input_is_the_sixty_sessions_up_to_the_last_one_that_closed_before_the_decision(panel, days, key, last):
    """D28: the predecessor left Friday's bar out."""
    windows = windows_at(panel, [week_from_key(key)], with_targets=False)
    seen = sessions_of(windows, 0, targets=False)
    assert seen == list(days[days.index(last) - 59 : days.index(last) + 1])
    assert week_from_key(key).last_session == last


@pytest.mark.parametrize(
    ("key", "first", "end"),
    [
        ("2019-03-11", date(2019, 3, 11), date(2019, 3, 15)),
        ("2019-04-15", date(2019, 4, 15), date(2019, 4, 22)),  # across Good Friday
        ("2019-05-27", date(2019, 5, 28), date(2019, 6, 3)),  # Memorial Day is the decision's own Monday
        ("2018-12-31", date(2018, 12, 31), date(2019, 1, 7)),  # New Year on a Tuesday
    ],
)
def test_a_target_is_the_next_five_sessions_after_the_decision(panel, key, first, end):
    """D3: the predecessor forecast a week that was over."""
    windows = windows_at(panel, [week_from_key(key)], with_targets=True)
    ahead = sessions_of(windows, 0, targets=True)
    assert ahead == list(sessions_between(first, end))
    assert len(ahead) == HORIZON
    assert ahead[0] >= week_from_key(key).monday > sessions_of(windows, 0, targets=False)[-1]


def test_realised_returns_are_those_of_the_five_sessions(panel, make_bars, days):
    windows = windows_at(panel, [week_from_key("2019-03-11")], with_targets=True)
    closes = make_bars("AAA")["close"].to_numpy()
    at = days.index(date(2019, 3, 8))
    assert windows.weekly_returns()[0] == pytest.approx(closes[at + 5] / closes[at] - 1, rel=1e-4)


def test_windows_are_sorted_by_decision_and_name_whatever_the_order_of_the_weeks(panel):
    windows = windows_at(panel, WEEKS[::-1], with_targets=True)
    keys = list(zip(windows.anchor.tolist(), windows.name.tolist(), strict=True))
    assert keys == sorted(set(keys))
    assert (windows.panel.sessions[windows.anchor] < windows.monday).all()


def test_inputs_and_targets_are_the_numbers_of_the_panel(panel):
    """Against a loop that cannot be wrong."""
    windows = windows_at(panel, WEEKS[40:44], with_targets=True)
    inputs, targets = windows.inputs(panel.values), windows.targets(panel.values[..., CLOSE])
    assert inputs.shape == (len(windows), INPUT, len(OHLCV))
    assert targets.shape == (len(windows), HORIZON)
    for row, (name, anchor) in enumerate(zip(windows.name, windows.anchor, strict=True)):
        np.testing.assert_array_equal(inputs[row], panel.values[name, anchor - 59 : anchor + 1])
        np.testing.assert_array_equal(targets[row], panel.values[name, anchor + 1 : anchor + 6, CLOSE])


def test_the_newest_decision_has_a_window_without_a_target(make_bars, days):
    newest = week_from_key("2018-11-05")
    known = panel_of(make_bars("A", [day for day in days if day <= newest.last_session]))
    assert len(windows_at(known, [newest], with_targets=False)) == 1
    assert len(windows_at(known, [newest], with_targets=True)) == 0


def test_the_last_target_may_end_with_the_session_of_the_cut_off(panel):
    """D28: an exclusive end dropped it."""
    friday = date(2019, 6, 28)
    weeks = [week for week in WEEKS if week.last_session <= friday]
    windows = windows_at(panel.until(friday), weeks, with_targets=True)
    assert windows.monday.max() == np.datetime64("2019-06-24")
    assert sessions_of(windows, -1, targets=True)[-1] == friday
    assert len(windows_at(panel.until(friday - timedelta(days=1)), weeks[:-1], with_targets=True)) < len(windows)


def test_a_window_needs_sixty_sessions_and_the_one_before_them(make_bars, days):
    """The first session of what was loaded has no change: a window that begins with it would differ from training's."""
    week = week_from_key("2018-11-05")
    at = days.index(week.last_session)
    enough, too_few = (panel_of(make_bars("A")[at - before : at + 20]) for before in (60, 59))
    assert len(windows_at(enough, [week], with_targets=False)) == 1
    assert len(windows_at(too_few, [week], with_targets=False)) == 0


def test_nothing_is_gathered_from_a_panel_that_is_too_short(make_bars, days):
    short = panel_of(make_bars("A", days[:20]))
    windows = windows_at(short, [week for week in WEEKS if week.last_session in days[:20]], with_targets=False)
    assert windows.inputs(short.values).shape == (0, INPUT, 5)
    assert windows.targets(short.values).shape == (0, HORIZON, 5)
    assert len(windows_at(short, [], with_targets=True)) == 0
    assert windows.weekly_returns().shape == (0,)
    assert len(windows.shuffled(np.random.default_rng(1))) == 0


def test_a_decision_whose_bars_are_not_there_is_refused(make_bars, days):
    with pytest.raises(DataError, match="no bars of the session 2019-03-08"):
        windows_at(panel_of(make_bars("A", days[:100])), [week_from_key("2019-03-11")], with_targets=False)


def test_a_late_listing_has_windows_once_fifty_five_of_its_changes_are_known(panel, days):
    windows = windows_at(panel, WEEKS, with_targets=False)
    late = windows[windows.name == panel.symbols.index("LATE")]
    first = next(week for week in WEEKS if days.index(week.last_session) >= 155)
    assert late.monday.min() == np.datetime64(first.monday)
    assert history_used(panel)[panel.symbols.index("LATE"), 100:162].tolist() == [*range(61), 60]


def test_a_halted_name_has_no_windows_until_fifty_five_sessions_have_bars_again(panel, days):
    windows = windows_at(panel, WEEKS, with_targets=False)
    halted = windows[windows.name == panel.symbols.index("HALT")]
    missing = [days.index(week.last_session) for week in WEEKS if 60 <= days.index(week.last_session) < len(days)]
    gap = [slot for slot in missing if slot not in set(halted.anchor.tolist())]
    assert gap == [slot for slot in missing if 205 <= slot < 274]


def test_a_target_with_a_halt_in_it_is_not_learned_from(panel):
    known = windows_at(panel, WEEKS, with_targets=True)
    halted = known[known.name == panel.symbols.index("HALT")]
    sessions = halted.anchor[:, None] + np.arange(1, 6)
    assert not np.isin(sessions, range(200, 220)).any()


def test_a_takeover_counts_as_a_target_and_has_no_windows_afterwards(panel):
    known = windows_at(panel, WEEKS, with_targets=True)
    gone = known[known.name == panel.symbols.index("GONE")]
    assert gone.monday.max() == np.datetime64("2019-05-20"), "the week in which it is paid out"
    last = gone.targets(panel.values)[-1, :, CLOSE]
    assert last[2] != 0
    assert last[3:].tolist() == [0, 0]


def test_a_name_whose_bars_just_end_is_neither_a_gain_nor_a_loss(make_bars, days):
    """Survivorship is not mended by inventing zeros."""
    week = week_from_key("2018-11-05")
    at = days.index(week.last_session)
    ends = panel_of(pd.concat([make_bars("A"), make_bars("ENDS", days[: at + 2])]))
    assert windows_at(ends, [week], with_targets=True).name.tolist() == [0]
    assert windows_at(ends, [week], with_targets=False).name.tolist() == [0, 1]


@settings(max_examples=20, deadline=None)
@given(st.integers(61, len(WEEKS) * 4))
def test_what_comes_after_a_decision_changes_nothing_in_its_window(panel, days, last):
    weeks = [week for week in WEEKS if week.last_session <= days[last]]
    now = windows_at(panel.until(days[last]), weeks, with_targets=False)
    later = windows_at(panel, weeks, with_targets=False)
    np.testing.assert_array_equal(now.name, later.name)
    np.testing.assert_array_equal(now.inputs(now.panel.values), later.inputs(panel.values))
    poisoned = panel.values.copy()
    poisoned[:, last + 1 :] = np.nan
    assert np.isfinite(later.inputs(poisoned)).all()


def test_a_placebo_deals_each_names_targets_out_anew(panel):
    windows = windows_at(panel, WEEKS, with_targets=True)
    placebo = windows.shuffled(np.random.default_rng(5))
    np.testing.assert_array_equal(placebo.inputs(panel.values), windows.inputs(panel.values))
    for name in range(len(panel.symbols)):
        own, dealt = (each.target_anchor[each.name == name] for each in (windows, placebo))
        assert sorted(own.tolist()) == sorted(dealt.tolist())
        assert np.mean(own == dealt) < 0.2
    again = windows.shuffled(np.random.default_rng(5))
    np.testing.assert_array_equal(again.target_anchor, placebo.target_anchor)


def predecessors_panel():
    """Case fc-02: bars on every working day but two, which are no exchange's sessions."""
    if not CASES.exists():
        pytest.skip("no cases beside the repository (../shared/spec/cases.json)")
    case = next(each for each in json.loads(CASES.read_text())["cases"] if each["id"] == "fc-02-week-anchored-samples")
    days = pd.bdate_range("2024-01-01", periods=130).drop(["2024-05-27", "2024-06-19"])
    step = np.arange(len(days))
    close = 100 * np.exp(0.001 * step + 0.02 * np.sin(0.3 * step))
    prices = {"open": 1.001 * close, "high": 1.01 * close, "low": 0.99 * close, "close": close}
    bars = pd.DataFrame({"symbol": "A", **prices, "volume": 1e6 + 1000.0 * step, "split_ratio": 1.0, "dividend": 0.0})
    changes = np.nan_to_num(log_changes(bars))[None]
    sessions = days.to_numpy().astype("datetime64[D]")
    traded = np.arange(len(sessions))[None] > 0
    return case["expected"], Panel(sessions, ("A",), OHLCV, changes, traded, np.zeros_like(traded))


def weeks_after(panel, anchors):
    """Weeks of the case's own calendar, whose decisions follow those sessions."""
    ends = [date.fromisoformat(anchor) for anchor in anchors]
    return [replace(week_of(end + timedelta(days=7 - end.weekday())), last_session=end) for end in ends]


def test_anchors_are_decisions_and_otherwise_the_predecessors_case_agrees():
    """fc-02: a holiday in mid-week is a gap in the calendar, and no decision."""
    expected, panel = predecessors_panel()
    mondays = pd.date_range("2024-01-08", "2024-06-28", freq="W-MON")
    ends = [panel.sessions[panel.sessions < np.datetime64(monday, "D")][-1] for monday in mondays]
    windows = windows_at(panel, weeks_after(panel, [str(end) for end in ends]), with_targets=True)
    anchors = [str(day) for day in panel.sessions[windows.anchor]]
    assert anchors == [day for day in expected["anchor_dates"] if day != "2024-06-18"]
    assert windows.inputs(panel.values).shape[1:] == tuple(expected["X_shape"][1:])
    np.testing.assert_allclose(windows.targets(panel.values)[0, :, CLOSE], expected["first_target"], atol=1e-9)


def test_standard_scores_are_the_predecessors_over_the_same_rows():
    """fc-02: its scaler saw validation rows too (D6); over the same rows the numbers are the same."""
    expected, panel = predecessors_panel()
    windows = windows_at(panel, weeks_after(panel, expected["anchor_dates"]), with_targets=True)
    assert len(windows) == expected["n_samples"]
    scaler = Scaler.fit(windows.inputs(panel.values).reshape(-1, 5), OHLCV)
    np.testing.assert_allclose(scaler.mean, expected["scaler_mean"], atol=1e-9)
    np.testing.assert_allclose(scaler.scale, expected["scaler_scale"], atol=1e-9)


def target_sessions(windows):
    return set((windows.target_anchor[:, None] + np.arange(1, HORIZON + 1)).ravel().tolist())


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(0, 20), st.integers(0, 30), st.integers(0, 80))
def test_no_session_is_in_the_targets_of_two_parts_and_the_embargo_lies_between(
    panel, validation_weeks, held_out_weeks, embargo, skipped
):
    """D6: the predecessor validated on other names at the same dates."""
    windows = windows_at(panel, WEEKS[skipped:-1], with_targets=True)
    try:
        split = split_by_date(windows, validation_weeks, held_out_weeks, embargo)
    except DataError:
        weeks_needed = validation_weeks + held_out_weeks + 1
        assert len(np.unique(windows.anchor)) <= weeks_needed + 2 * (embargo // 4 + 3)
        return
    parts = [part for part in (split.train, split.validation, split.held_out) if len(part)]
    for earlier, later in pairwise(parts):
        assert min(target_sessions(later)) - max(target_sessions(earlier)) - 1 >= embargo
        assert earlier.anchor.max() < later.anchor.min()
    assert len(np.unique(split.validation.anchor)) == validation_weeks
    assert len(np.unique(split.held_out.anchor)) == held_out_weeks
    assert split.last_training_session == split.train.anchor.max()
    for part in parts:
        everyone = windows[np.isin(windows.anchor, part.anchor)]
        np.testing.assert_array_equal(part.name, everyone.name)


def test_the_newest_weeks_are_held_out_and_no_week_is_wasted(panel):
    windows = windows_at(panel, WEEKS[:-1], with_targets=True)
    anchors = np.unique(windows.anchor)
    split = split_by_date(windows, 10, 8, 5)
    assert np.unique(split.held_out.anchor).tolist() == anchors[-8:].tolist()
    between = anchors[(anchors > split.validation.anchor.max()) & (anchors < split.held_out.anchor.min())]
    assert len(between) == 1 or (between + HORIZON + 5 > split.held_out.anchor.min()).all()
    assert split.train.anchor.min() == anchors[0]


def test_validation_weeks_hold_every_name_and_none_is_kept_for_validation(panel):
    """D6: validation was exactly the last name, over the dates of training."""
    split = split_by_date(windows_at(panel, WEEKS[:-1], with_targets=True), 10, 8, 5)
    assert set(split.validation.name.tolist()) >= {0, 1}
    assert set(split.train.name.tolist()) >= {0, 1}
    assert not set(split.validation.anchor.tolist()) & set(split.train.anchor.tolist())


@pytest.mark.parametrize(("validation", "held_out", "embargo"), [(60, 10, 5), (8, 80, 5), (10, 10, 300), (500, 0, 5)])
def test_too_few_weeks_are_refused_and_no_part_is_made_smaller(panel, validation, held_out, embargo):
    windows = windows_at(panel, WEEKS[:-1], with_targets=True)
    with pytest.raises(DataError, match=f"weeks of windows are too few: {validation} to stop by, {held_out} held out"):
        split_by_date(windows, validation, held_out, embargo)


def test_no_windows_at_all_are_too_few(make_bars, days):
    none = windows_at(panel_of(make_bars("A", days[:50])), [], with_targets=True)
    with pytest.raises(DataError, match="0 weeks of windows are too few"):
        split_by_date(none, 8, 8, 5)


def test_nothing_after_training_moves_the_scaler(panel):
    """D6: the predecessor's scaler saw validation."""
    split = split_by_date(windows_at(panel, WEEKS[:-1], with_targets=True), 10, 8, 5)
    spoiled = panel.values.copy()
    spoiled[:, split.last_training_session + 1 :] = 1e6
    fitted = [Scaler.fit(split.train.inputs(values).reshape(-1, 5), OHLCV) for values in (panel.values, spoiled)]
    assert fitted[0] == fitted[1]
    spoiled[:, split.last_training_session] = 1e6
    assert Scaler.fit(split.train.inputs(spoiled).reshape(-1, 5), OHLCV) != fitted[0]
