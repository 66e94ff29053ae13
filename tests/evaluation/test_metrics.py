import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.metrics import cagr, hit_rate, max_drawdown, sharpe, total_return

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CASES = SHARED / "spec" / "cases.json"
EMPYRICAL = SHARED / "data" / "peer" / "empyrical" / "expected_values.json"

# empyrical's own fixtures; its mixed series begins with a missing day, which has no place here.
PUBLISHED = {
    "mixed_returns": np.array([1, 10, -4, 2, 3, 2, 1, -10]) / 100,
    "positive_returns": np.array([1, 2, 1, 1, 1, 1, 1, 1, 1]) / 100,
    "negative_returns": np.array([0, -6, -7, -1, -9, -2, -6, -8, -5]) / 100,
    "weekly_returns": np.array([0, 1, 10, -4, 2, 3, 2, 1, -10]) / 100,
    "one_return": np.array([0.01]),
}

weekly = st.lists(st.floats(-0.6, 0.6, allow_subnormal=False), min_size=1, max_size=120)


def golden(case_id):
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    return next(case for case in json.loads(CASES.read_text())["cases"] if case["id"].startswith(case_id))


def published(test):
    if not EMPYRICAL.exists():
        pytest.skip("empyrical's published values are not on this machine")
    cases = json.loads(EMPYRICAL.read_text())[test][0]["cases"]
    return [case for case in cases if case[0] in PUBLISHED]


def test_the_predecessors_golden_metrics_are_met():
    case = golden("rl-05")
    returns = case["input"]["weekly_returns"]
    functions = {
        "sharpe": sharpe,
        "cagr": cagr,
        "max_drawdown": max_drawdown,
        "hit_rate": hit_rate,
        "total_return": total_return,
    }
    assert set(case["expected"]) == set(functions)
    for name, function in functions.items():
        assert function(returns) == pytest.approx(case["expected"][name], rel=0, abs=1e-12), name


def test_a_loss_in_the_first_week_is_a_drawdown():
    """The predecessor's value is a known defect: its peak starts after the first return. Here the start counts."""
    case = golden("rl-06")
    assert case["known_defect"]
    drawdowns = [max_drawdown(series) for series in case["input"]["weekly_returns"]]
    assert drawdowns == pytest.approx([0.5, 0.244], rel=0, abs=1e-9)


def test_empyricals_published_drawdowns_are_met():
    cases = published("test_max_drawdown")
    assert len(cases) == 4
    for name, expected in cases:
        assert -max_drawdown(PUBLISHED[name]) == pytest.approx(expected, rel=0, abs=1e-7), name


def test_empyricals_published_total_returns_are_met():
    cases = [case for case in published("test_cum_returns_final") if case[1] == 0]
    assert len(cases) == 3
    for name, _, expected in cases:
        assert total_return(PUBLISHED[name]) == pytest.approx(expected, abs=1e-4), name


def test_empyricals_published_sharpes_are_met_once_days_are_called_weeks():
    cases = [case for case in published("test_sharpe_ratio") if case[1] == "0.0" and case[0] != "one_return"]
    assert len(cases) == 3
    for name, _, expected in cases:
        assert sharpe(PUBLISHED[name]) == pytest.approx(expected * math.sqrt(52 / 252), rel=1e-9), name


def test_empyricals_published_weekly_growth_is_met():
    name, _, expected = next(case for case in published("test_annual_ret") if case[1] == "weekly")
    assert cagr(PUBLISHED[name]) == pytest.approx(expected, rel=1e-9)


def test_three_years_of_noise_agree_with_empyrical():
    empyrical = pytest.importorskip("empyrical")
    for seed in range(5):
        values = np.random.default_rng(seed).normal(0.002, 0.025, 156)
        series = pd.Series(values, index=pd.date_range("2022-01-03", periods=156, freq="W-MON"))
        assert sharpe(values) == pytest.approx(empyrical.sharpe_ratio(series, period="weekly"), rel=1e-12)
        assert cagr(values) == pytest.approx(empyrical.cagr(series, period="weekly"), rel=1e-9)
        assert -max_drawdown(values) == pytest.approx(empyrical.max_drawdown(series), rel=1e-12)
        assert total_return(values) == pytest.approx(empyrical.cum_returns_final(series), rel=1e-9)


def test_an_empty_history_is_all_zeros():
    assert [function([]) for function in (sharpe, cagr, max_drawdown, hit_rate, total_return)] == [0.0] * 5


def test_returns_that_never_vary_have_no_sharpe():
    assert sharpe([0.01] * 10) == 0.0
    assert sharpe([0.01]) == 0.0


def test_a_wiped_out_account_has_a_growth_of_minus_one():
    assert cagr([0.1, -1.0, 0.5]) == -1.0
    assert max_drawdown([0.1, -1.0, 0.5]) == 1.0


def test_a_flat_week_is_no_hit():
    assert hit_rate([0.0, 0.01, -0.01, 0.02]) == 0.5


def test_a_missing_week_is_named_and_never_taken_for_a_flat_one():
    for function in (sharpe, cagr, max_drawdown, hit_rate, total_return):
        with pytest.raises(DataError, match="weekly return 1 is missing"):
            function([0.01, math.nan, 0.02])


def test_a_table_of_returns_is_refused():
    with pytest.raises(DataError, match=r"shape \(2, 2\)"):
        sharpe([[0.01, 0.02], [0.01, 0.02]])


@given(weekly)
def test_drawdown_lies_between_nothing_and_everything(returns):
    assert 0.0 <= max_drawdown(returns) <= 1.0


@given(weekly)
def test_drawdown_is_at_least_the_loss_from_the_start(returns):
    assert max_drawdown(returns) >= -total_return(returns) - 1e-12


@given(weekly, st.floats(0.1, 3.0))
def test_the_sharpe_ratio_does_not_care_about_leverage(returns, leverage):
    if np.std(returns) > 1e-6:
        assert sharpe(np.array(returns) * leverage) == pytest.approx(sharpe(returns), rel=1e-6, abs=1e-9)


@given(weekly)
def test_growth_and_total_return_point_the_same_way(returns):
    if abs(total_return(returns)) > 1e-9:
        assert np.sign(cagr(returns)) == np.sign(total_return(returns))


@given(weekly)
def test_a_year_of_weeks_grows_by_its_total_return(returns):
    year = np.resize(returns, 52)
    assert cagr(year) == pytest.approx(total_return(year), rel=1e-9, abs=1e-12)


@given(weekly)
def test_hits_and_misses_make_a_whole(returns):
    series = np.array(returns)
    assert hit_rate(series) + hit_rate(-series) + np.mean(series == 0) == pytest.approx(1.0)
