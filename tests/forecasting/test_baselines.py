import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.baselines import BASELINES
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV, Panel
from learnfinance_dagster.forecasting.windows import Windows

NAMES, SESSIONS = 3, 400


def panel_of_changes(closes, traded=None):
    values = np.full((*closes.shape, len(OHLCV)), 9.0, dtype=np.float32)
    values[:, :, CLOSE] = closes
    traded = np.ones(closes.shape, dtype=bool) if traded is None else traded
    sessions = np.datetime64("2020-01-01") + np.arange(closes.shape[1])
    symbols = tuple(f"N{n}" for n in range(len(closes)))
    return Panel(sessions, symbols, OHLCV, values, traded, np.zeros_like(traded))


def windows_of(panel, anchors):
    names = len(panel.symbols)
    anchor = np.repeat(np.asarray(anchors), names)
    return Windows(panel, np.tile(np.arange(names), len(anchors)), anchor, anchor, panel.sessions[anchor])


def random_panel(seed=1):
    return panel_of_changes(np.random.default_rng(seed).normal(0, 0.02, (NAMES, SESSIONS)))


def by_hand(name, changes, first):
    """One window, from the changes up to its anchor."""
    if name == "zero":
        return 0.0
    if name == "persistence":
        return np.exp(changes[-5:].sum()) - 1
    if name == "momentum":
        return np.exp(changes[-20:].sum() / 4) - 1
    return np.exp(5 * changes[first:][-252:].mean()) - 1


@pytest.mark.parametrize("name", BASELINES)
def test_each_is_what_its_sentence_says(name):
    panel = random_panel()
    windows = windows_of(panel, (59, 64, 251, 252, 340, 394))
    forecast = BASELINES[name](windows)
    closes = panel.values[:, :, CLOSE].astype(np.float64)
    expected = [by_hand(name, closes[row, : end + 1], 0) for row, end in zip(windows.name, windows.anchor, strict=True)]
    assert forecast.shape == (len(windows),)
    assert forecast.dtype == np.float64
    np.testing.assert_allclose(forecast, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", BASELINES)
@settings(max_examples=20, deadline=None)
@given(anchor=st.integers(59, SESSIONS - 6), spoil=st.sampled_from([np.nan, np.inf, 7.0]))
def test_whatever_comes_after_the_anchor_changes_nothing(name, anchor, spoil):
    panel = random_panel()
    values, traded, over = panel.values.copy(), panel.traded.copy(), panel.over.copy()
    values[:, anchor + 1 :] = spoil
    traded[:, anchor + 1 :] ^= True
    over[:, anchor + 1 :] ^= True
    spoiled = replace(panel, values=values, traded=traded, over=over)
    np.testing.assert_array_equal(
        BASELINES[name](windows_of(spoiled, [anchor])), BASELINES[name](windows_of(panel, [anchor]))
    )


@pytest.mark.parametrize("name", BASELINES)
def test_a_forecast_does_not_depend_on_which_others_are_asked_for(name):
    windows = windows_of(random_panel(), range(60, 390, 5))
    some = np.array([3, 50, 17])
    np.testing.assert_array_equal(BASELINES[name](windows[some]), BASELINES[name](windows)[some])


@pytest.mark.parametrize("name", BASELINES)
def test_a_placebo_has_the_same_baselines_as_the_windows_it_was_made_from(name):
    windows = windows_of(random_panel(), range(60, 390, 5))
    np.testing.assert_array_equal(BASELINES[name](windows.shuffled(np.random.default_rng(2))), BASELINES[name](windows))


@pytest.mark.parametrize("name", ["persistence", "momentum", "last_year_mean"])
def test_a_steady_name_is_forecast_to_go_on(name):
    windows = windows_of(panel_of_changes(np.full((1, SESSIONS), 0.001)), [300])
    assert BASELINES[name](windows)[0] == pytest.approx(np.exp(0.005) - 1, rel=1e-6)


def test_a_young_name_has_the_mean_of_the_sessions_since_its_first_change():
    closes, traded = np.zeros((1, SESSIONS)), np.zeros((1, SESSIONS), dtype=bool)
    closes[0, 200:], traded[0, 200:] = 0.002, True
    windows = windows_of(panel_of_changes(closes, traded), [280])
    assert BASELINES["last_year_mean"](windows)[0] == pytest.approx(np.exp(0.010) - 1, rel=1e-6)


def test_a_halt_does_not_make_a_name_rise_faster():
    """The change that follows the halt spans it, so its sessions count."""
    closes, traded = np.full((1, SESSIONS), 0.001), np.ones((1, SESSIONS), dtype=bool)
    closes[0, 290:295], traded[0, 290:295] = 0.0, False
    closes[0, 295] = 0.006
    windows = windows_of(panel_of_changes(closes, traded), [300])
    assert BASELINES["last_year_mean"](windows)[0] == pytest.approx(np.exp(0.005) - 1, rel=1e-6)


@pytest.mark.parametrize("first", [None, 330])
def test_a_name_without_any_change_is_refused_and_named(first):
    traded = np.ones((2, SESSIONS), dtype=bool)
    traded[1, :first] = False
    windows = windows_of(panel_of_changes(np.zeros((2, SESSIONS)), traded), [300])
    with pytest.raises(DataError, match="N1 has a window that ends before its first change"):
        BASELINES["last_year_mean"](windows)


def test_what_judges_forecasts_needs_neither_torch_nor_matplotlib():
    modules = ", ".join(f"learnfinance_dagster.forecasting.{name}" for name in ("promotion", "plots", "skill"))
    heavy = "{'torch', 'transformers', 'matplotlib', 'dagster'}"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
