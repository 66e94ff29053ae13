import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation import metrics
from learnfinance_dagster.evaluation.bootstrap import block_indexes
from learnfinance_dagster.evaluation.performance import (
    Score,
    cagrs,
    max_drawdowns,
    performance,
    scored,
    sharpes,
)

TABLES = arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(2, 90)), elements=st.floats(-1.5, 1.5, allow_subnormal=False)
)
FLAT_TABLES = st.builds(lambda value, weeks: np.full((3, weeks), value), st.floats(-0.5, 0.5), st.integers(2, 60))


def returns_of(seed, weeks=80):
    return np.random.default_rng(seed).standard_t(5, weeks) * 0.02 + 0.002


def one_resample(returns):
    """The series itself, as its only resample."""
    return np.arange(len(returns))[None]


@settings(max_examples=100, deadline=None)
@given(TABLES | FLAT_TABLES)
def test_many_resamples_at_once_are_what_the_metrics_say_of_each(rows):
    for together, alone in ((sharpes, metrics.sharpe), (cagrs, metrics.cagr), (max_drawdowns, metrics.max_drawdown)):
        np.testing.assert_allclose(together(rows), [alone(row) for row in rows], rtol=1e-9, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_a_series_that_is_its_own_resample_has_intervals_of_nothing(seed):
    returns = returns_of(seed)
    found = performance(returns, np.abs(returns), one_resample(returns))
    for measured in (found.sharpe, found.cagr, found.max_drawdown, found.turnover, found.hit_rate):
        assert measured.low == pytest.approx(measured.value, rel=1e-9, abs=1e-12)
        assert measured.high == pytest.approx(measured.value, rel=1e-9, abs=1e-12)


def test_each_value_is_the_metric_of_the_weeks_as_they_were():
    returns = returns_of(1)
    turnover = np.random.default_rng(2).uniform(0, 0.5, 80)
    found = performance(returns, turnover, block_indexes(80, 4, 300, 1))
    assert found.weeks == 80
    assert found.sharpe.value == metrics.sharpe(returns)
    assert found.cagr.value == metrics.cagr(returns)
    assert found.max_drawdown.value == metrics.max_drawdown(returns)
    assert found.hit_rate.value == metrics.hit_rate(returns)
    assert found.turnover.value == turnover.mean()


def test_an_interval_surrounds_what_was_measured():
    returns = returns_of(1)
    found = performance(returns, np.abs(returns), block_indexes(80, 4, 500, 1))
    for measured in (found.sharpe, found.cagr, found.turnover, found.hit_rate):
        assert measured.low < measured.value < measured.high


def test_a_loss_in_the_first_week_is_a_drawdown_in_every_resample():
    """D17: drawdown ignored the initial wealth."""
    returns = np.array([-0.3, 0.1, 0.05, 0.0])
    found = performance(returns, np.zeros(4), one_resample(returns))
    assert (found.max_drawdown.value, found.max_drawdown.low, found.max_drawdown.high) == pytest.approx((0.3,) * 3)


def test_every_week_counts_and_not_the_first_52():
    """D16: PPO was scored on the first 52 validation weeks only."""
    returns = returns_of(1, weeks=104)
    worse = np.where(np.arange(104) >= 52, returns - 0.05, returns)
    indexes = block_indexes(104, 4, 200, 1)
    assert (
        performance(worse, np.zeros(104), indexes).sharpe.value
        < performance(returns, np.zeros(104), indexes).sharpe.low
    )


@pytest.mark.parametrize("score", list(Score))
def test_the_influence_of_a_week_is_how_much_more_of_it_moves_the_score(score):
    """The definition: the slope of the score as the week's share of all weeks grows. Returns are high, so that risk
    counts as much as reward."""
    returns = returns_of(4, weeks=60) + 0.03
    found = scored(returns, block_indexes(60, 4, 20, 1), score)

    def weighted(share):
        mean = share @ returns
        if score is Score.CAGR:
            return np.expm1(52 * (share @ np.log1p(returns)))
        return np.sqrt(52) * mean / np.sqrt(share @ (returns - mean) ** 2 * 60 / 59)

    even, step = np.full(60, 1 / 60), 1e-6
    for week in (0, 17, 59):
        more = (1 - step) * even
        more[week] += step
        slope = (weighted(more) - weighted(even)) / step
        assert found.weekly[week] == pytest.approx(slope, rel=0.05, abs=0.01 * np.abs(found.weekly).max())


@pytest.mark.parametrize("score", list(Score))
def test_a_resample_is_scored_as_a_series_of_its_own(score):
    returns, indexes = returns_of(5, weeks=60), block_indexes(60, 4, 20, 1)
    found = scored(returns, indexes, score)
    alone = scored(returns[indexes[3]], indexes, score)
    assert found.scores[3] == pytest.approx(alone.score, rel=1e-12)
    np.testing.assert_allclose(found.weeklies[3], alone.weekly, rtol=1e-12)


def test_an_account_in_cash_has_a_sharpe_ratio_of_zero_that_nothing_moves():
    found = scored(np.zeros(40), block_indexes(40, 4, 20, 1), Score.SHARPE)
    assert found.score == 0
    assert not found.scores.any()
    assert not found.weekly.any()
    assert not found.weeklies.any()


def test_what_does_not_belong_together_is_refused():
    indexes = block_indexes(80, 4, 20, 1)
    with pytest.raises(DataError, match=r"turnover \(79,\)"):
        performance(returns_of(1), np.zeros(79), indexes)
    with pytest.raises(DataError, match="do not belong together"):
        performance(returns_of(1, weeks=78), np.zeros(78), indexes)


def test_a_missing_week_is_refused_and_not_taken_for_a_flat_one():
    returns, turnover, indexes = returns_of(1), np.zeros(80), block_indexes(80, 4, 20, 1)
    with pytest.raises(DataError, match="turnover of week 3 "):
        performance(returns, np.where(np.arange(80) == 3, np.nan, turnover), indexes)
    with pytest.raises(DataError, match="weekly return 5 "):
        performance(np.where(np.arange(80) == 5, np.inf, returns), turnover, indexes)
