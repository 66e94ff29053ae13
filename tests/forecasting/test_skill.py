import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.baselines import BASELINES
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV, Panel
from learnfinance_dagster.forecasting.skill import (
    Difference,
    Placebo,
    Skill,
    SkillTable,
    mse_difference,
    placebo,
    placebo_check,
    skill,
    skill_check,
    skill_table,
    weekly_rank_ic,
)
from learnfinance_dagster.forecasting.windows import Windows

FIRST = np.datetime64("2023-01-02")


def mondays(weeks, names):
    return np.repeat(FIRST + 7 * np.arange(weeks), names)


def market(rng, weeks=52, names=30, before=60):
    """Windows over names that differ in volatility and drift, with the skew that returns have."""
    volatility = np.exp(rng.normal(-4, 0.5, (names, 1)))
    closes = 0.0008 + 0.05 * volatility + volatility * (rng.exponential(1, (names, 5 * weeks + before + 5)) - 1)
    values = np.zeros((*closes.shape, len(OHLCV)), dtype=np.float32)
    values[:, :, CLOSE] = closes
    traded = np.ones(closes.shape, dtype=bool)
    sessions = np.datetime64("2022-01-03") + np.arange(closes.shape[1])
    panel = Panel(sessions, tuple(f"N{n:02}" for n in range(names)), OHLCV, values, traded, ~traded)
    anchor = np.repeat(before - 1 + 5 * np.arange(weeks), names)
    return Windows(panel, np.tile(np.arange(names), weeks), anchor, anchor, mondays(weeks, names))


WILD = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from([-0.02, -0.01, 0.0, 0.01]) | st.floats(-1, 1),
        st.sampled_from([-0.02, 0.0, 0.03]) | st.floats(-1, 1),
    ),
    min_size=2,
    max_size=80,
).filter(lambda rows: len({week for week, *_ in rows}) > 1)


def columns(rows):
    week, forecast, actual = (np.array(column) for column in zip(*rows, strict=True))
    return forecast.astype(float), actual.astype(float), FIRST + 7 * week


def mean_and_error(figures):
    figures = [figure for figure in figures if not np.isnan(figure)]
    if len(figures) < 2:
        return None, None
    return pytest.approx(np.mean(figures), abs=1e-12), pytest.approx(pd.Series(figures).sem(), abs=1e-12)


def spearman(group):
    if len(group) < 5 or np.ptp(group["forecast"]) == 0 or np.ptp(group["actual"]) == 0:
        return np.nan
    return spearmanr(group["forecast"], group["actual"]).statistic


def hits(group):
    told = group[(group["forecast"] != 0) & (group["actual"] != 0)]
    return (np.sign(told["forecast"]) == np.sign(told["actual"])).mean() if len(told) else np.nan


@settings(max_examples=100, deadline=None)
@given(WILD)
def test_every_figure_is_what_pandas_and_scipy_say_week_by_week(rows):
    forecast, actual, monday = columns(rows)
    frame = pd.DataFrame({"week": monday, "forecast": forecast, "actual": actual})
    weeks = [group for _, group in frame.groupby("week")]
    measured = skill(forecast, actual, monday)
    squared = mean_and_error([((group["forecast"] - group["actual"]) ** 2).mean() for group in weeks])
    ranks, signs = [spearman(group) for group in weeks], [hits(group) for group in weeks]
    assert (measured.weeks, measured.names) == (len(weeks), len(frame) / len(weeks))
    assert (measured.mse, measured.mse_se) == squared
    assert (measured.rank_ic, measured.rank_ic_se) == mean_and_error(ranks)
    assert (measured.hit_rate, measured.hit_rate_se) == mean_and_error(signs)
    assert measured.ranked_weeks == np.isfinite(ranks).sum()
    assert measured.directed_weeks == np.isfinite(signs).sum()


@settings(max_examples=30, deadline=None)
@given(WILD, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, random):
    mixed = random.sample(rows, len(rows))
    one, other = skill(*columns(rows)), skill(*columns(mixed))
    assert one.rank_ic == pytest.approx(other.rank_ic, abs=1e-12)
    assert one.mse == pytest.approx(other.mse)
    assert one.hit_rate == pytest.approx(other.hit_rate)


def test_a_forecast_that_is_right_has_rank_ic_one_and_hits_always():
    actual = np.random.default_rng(1).normal(0, 0.03, 4 * 6)
    measured = skill(actual / 3, actual, mondays(4, 6))
    assert (measured.rank_ic, measured.hit_rate) == (pytest.approx(1), 1)
    assert skill(-actual, actual, mondays(4, 6)).rank_ic == pytest.approx(-1)
    assert skill(actual, actual, mondays(4, 6)).mse == 0


def test_a_constant_forecast_has_no_rank_ic_and_one_of_zero_no_direction():
    actual = np.random.default_rng(1).normal(0, 0.03, 4 * 6)
    constant = skill(np.full(24, 0.01), actual, mondays(4, 6))
    assert (constant.rank_ic, constant.rank_ic_se, constant.ranked_weeks) == (None, None, 0)
    assert constant.hit_rate is not None
    zero = skill(np.zeros(24), actual, mondays(4, 6))
    assert (zero.rank_ic, zero.hit_rate, zero.hit_rate_se, zero.directed_weeks) == (None, None, None, 0)
    assert zero.mse == pytest.approx((actual**2).mean())


def test_weeks_with_fewer_than_five_names_are_not_ranked():
    actual = np.random.default_rng(1).normal(0, 0.03, 4 * 4)
    assert skill(actual, actual, mondays(4, 4)).rank_ic is None
    assert skill(actual, actual, mondays(4, 4)).hit_rate == 1


def test_every_week_counts_the_same_however_many_names_it_has():
    monday = np.r_[mondays(1, 2), FIRST + np.full(98, 7)]
    forecast = np.r_[np.ones(2), np.zeros(98)]
    assert skill(forecast, np.zeros(100), monday).mse == pytest.approx(0.5)


def test_names_of_one_week_are_one_piece_of_evidence():
    """Copies of a name make no forecast more certain."""
    rng = np.random.default_rng(1)
    forecast, actual = rng.normal(0, 0.03, (2, 20))
    once, often = np.arange(20), np.repeat(np.arange(20), 50)
    few, many = (skill(forecast[rows], actual[rows], FIRST + 7 * rows) for rows in (once, often))
    assert many.mse_se == pytest.approx(few.mse_se)
    assert many.hit_rate_se == pytest.approx(few.hit_rate_se)


@pytest.mark.parametrize("where", [0, 1])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_missing_number_is_refused_and_named(where, wrong):
    series = [np.full(12, 0.01), np.full(12, 0.02)]
    series[where][7] = wrong
    words = f"the {('forecast', 'return')[where]} of row 7, week 2023-01-09, is {wrong}"
    for measure in (skill, weekly_rank_ic, lambda f, a, m: mse_difference(np.zeros(12), f, a, m)):
        with pytest.raises(DataError, match=words):
            measure(*series, mondays(2, 6))


@pytest.mark.parametrize(
    ("forecast", "weeks", "words"),
    [
        (np.zeros(6), 1, "1 weeks with errors up to 0"),
        (np.full(12, 1e200), 2, "errors up to inf"),
        (np.zeros(11), 2, "do not belong together"),
        (np.zeros((12, 1)), 2, "do not belong together"),
        (np.zeros(0), 0, "0 weeks"),
    ],
)
def test_what_cannot_be_judged_is_refused(forecast, weeks, words):
    with pytest.raises(DataError, match=words):
        skill(forecast, np.zeros(6 * weeks), mondays(weeks, 6))


def test_weekly_rank_ics_come_with_their_weeks_and_only_where_there_is_one():
    actual = np.random.default_rng(1).normal(0, 0.03, 3 * 6)
    forecast = np.r_[actual[:6], np.zeros(6), -actual[12:]]
    weeks, ic = weekly_rank_ic(forecast[::-1], actual[::-1], mondays(3, 6)[::-1])
    assert weeks.tolist() == [FIRST, FIRST + 14]
    assert ic == pytest.approx([1, -1])


def test_a_difference_is_taken_week_by_week():
    """Hard weeks are hard for both, so the difference is far more certain than either error."""
    rng = np.random.default_rng(1)
    actual = rng.normal(0, 0.03, 40 * 30) * np.repeat(rng.exponential(1, 40), 30)
    noise = rng.normal(0, 0.005, len(actual))
    difference = mse_difference(noise, np.zeros_like(noise), actual, mondays(40, 30))
    one, other = skill(noise, actual, mondays(40, 30)), skill(0 * noise, actual, mondays(40, 30))
    assert difference.mean == pytest.approx(one.mse - other.mse)
    assert difference.se < other.mse_se / 10


def test_the_table_has_the_model_first_and_all_baselines_on_the_same_windows():
    windows = market(np.random.default_rng(1), weeks=10)
    forecast = np.random.default_rng(2).normal(0, 0.01, len(windows))
    made = skill_table("lstm", forecast, windows)
    assert [name for name, _ in made.rows] == ["lstm", *BASELINES]
    assert [name for name, _ in made.differences] == list(BASELINES)
    assert (made.first_week, made.last_week) == ("2023-01-02", "2023-03-06")
    assert made.model == skill(forecast, windows.weekly_returns(), windows.monday)
    assert {row.weeks for _, row in made.rows} == {10}
    for name, difference in made.differences:
        assert difference.mean == pytest.approx(made.model.mse - dict(made.rows)[name].mse)


def test_table_and_placebo_come_back_from_storage_as_they_went():
    windows = market(np.random.default_rng(1), weeks=10)
    made = skill_table("lstm", np.zeros(len(windows)), windows)
    assert from_json(SkillTable, to_json(made)) == made
    shuffled = windows.shuffled(np.random.default_rng(1))
    measured = placebo(np.random.default_rng(2).normal(size=len(windows)), shuffled)
    assert from_json(Placebo, to_json(measured)) == measured


def made_table(against_zero, against_momentum, ic=(0.004, 0.010)):
    mine = Skill(52, 30.0, 0.0016, 0.00005, *ic, 0.512, 0.009, 52, 52)
    rows = [("lstm", mine), ("zero", replace(mine, mse=0.0015)), ("momentum", replace(mine, mse=0.0014))]
    differences = (("zero", Difference(*against_zero)), ("momentum", Difference(*against_momentum)))
    return SkillTable("2025-01-06", "2025-12-29", tuple(rows), differences)


def test_a_model_clearly_worse_than_zero_fails_and_all_numbers_are_told():
    passed, told = skill_check(made_table((2.1e-6, 1e-6), (3e-6, 1e-6)))
    assert not passed
    assert told == (
        "worse than forecasting zero: 52 weeks 2025-01-06 to 2025-12-29, 30 names each (± one standard error);"
        " rank IC 0.004 ± 0.010; hit rate 0.512 ± 0.009; squared error 0.0016 ± 5e-05;"
        " less that of zero +2.1e-06 ± 1e-06; less that of momentum +3e-06 ± 1e-06"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"against_zero": (1.9e-6, 1e-6)}, "no skill found, nothing better than momentum: .*rank IC 0.004 ± 0.010"),
        ({"against_momentum": (-1.9e-6, 1e-6)}, "no skill found"),
        ({"against_momentum": (-2.1e-6, 1e-6)}, "better than the best baseline, momentum: "),
        ({"ic": (0.03, 0.01)}, "names are ranked better than by chance, but errors are no smaller than those of mom"),
        ({"ic": (None, None)}, "no skill found.*rank IC n/a"),
    ],
)
def test_no_skill_is_no_failure_but_it_is_told(changes, words):
    passed, told = skill_check(made_table(**{"against_zero": (0.0, 1e-6), "against_momentum": (0.0, 1e-6)} | changes))
    assert passed
    assert re.match(words, told), told


def test_the_zero_forecast_is_not_worse_than_itself():
    windows = market(np.random.default_rng(1), weeks=10)
    passed, told = skill_check(skill_table("lazy", np.zeros(len(windows)), windows))
    assert passed
    assert told.startswith("no skill found")


def test_noise_as_loud_as_the_market_fails_the_skill_check():
    windows = market(np.random.default_rng(1))
    loud = np.random.default_rng(2).permutation(windows.weekly_returns())
    assert not skill_check(skill_table("loud", loud, windows))[0]


def nearest(known, asked):
    """A memorising model: the target of the window that looks most like the one asked about."""
    inputs, queries = (w.inputs(w.panel.values)[:, :, CLOSE] for w in (known, asked))
    distance = (queries**2).sum(1)[:, None] - 2 * queries @ inputs.T + (inputs**2).sum(1)
    return known.weekly_returns()[distance.argmin(axis=1)]


def split(windows, last_known_week):
    return windows[windows.monday < last_known_week], windows[windows.monday >= last_known_week]


def test_held_out_windows_in_the_training_set_are_found_out():
    shuffled = market(np.random.default_rng(1), weeks=80, names=12).shuffled(np.random.default_rng(2))
    known, held_out = split(shuffled, FIRST + 7 * 40)
    assert placebo_check(placebo(nearest(known, held_out), held_out))[0], "honest: it has never seen them"
    passed, told = placebo_check(placebo(nearest(shuffled, held_out), held_out))
    assert not passed
    assert told.startswith("a leak: shuffled targets are forecast: 40 weeks 2023-10-09 to 2024-07-08, 12 names each")
    assert "rank IC 1.000 ± " in told


def test_a_tenth_of_the_held_out_windows_in_the_training_set_is_enough():
    shuffled = market(np.random.default_rng(1)).shuffled(np.random.default_rng(2))
    leaked = np.random.default_rng(3).random(len(shuffled)) < 0.1
    forecast = np.where(leaked, shuffled.weekly_returns(), 0.01)
    assert not placebo_check(placebo(forecast, shuffled))[0]


def test_a_leak_of_a_single_name_is_found_out():
    shuffled = market(np.random.default_rng(1)).shuffled(np.random.default_rng(2))
    assert not placebo_check(placebo(np.where(shuffled.name == 3, shuffled.weekly_returns(), 0), shuffled))[0]


def test_a_forecast_that_knows_the_future_backwards_is_a_leak_too():
    shuffled = market(np.random.default_rng(1)).shuffled(np.random.default_rng(2))
    noise = np.random.default_rng(3).normal(0, 0.1, len(shuffled))
    assert not placebo_check(placebo(noise - shuffled.weekly_returns(), shuffled))[0]


def test_honest_models_pass_in_about_99_of_100_cases_even_if_they_know_who_a_name_is():
    rng = np.random.default_rng(7)
    windows = market(rng)
    by_name = np.bincount(windows.name, weights=windows.weekly_returns()) / 52
    failures, naive = 0, 0
    for _ in range(300):
        shuffled = windows.shuffled(rng)
        who = by_name[shuffled.name]
        forecast = who + 0.3 * np.abs(who) * (rng.exponential(1, len(who)) - 1)
        failures += not placebo_check(placebo(forecast, shuffled))[0]
        raw = skill(forecast, shuffled.weekly_returns(), shuffled.monday)
        naive += abs(raw.rank_ic) > 3 * raw.rank_ic_se or abs(raw.hit_rate - 0.5) > 3 * raw.hit_rate_se
    assert failures <= 8, "more than one in a hundred, by three standard deviations"
    assert naive > 200, "which is why names' means are taken out: the figures as they are would have called it a leak"


@pytest.mark.parametrize("level", [0.0, 0.0123])
def test_a_constant_placebo_has_learned_nothing(level):
    shuffled = market(np.random.default_rng(1)).shuffled(np.random.default_rng(2))
    measured = placebo(np.full(len(shuffled), level), shuffled)
    assert (measured.skill.rank_ic, measured.skill.hit_rate) == (None, None)
    passed, told = placebo_check(measured)
    assert passed
    assert "rank IC n/a; hit rate n/a" in told


def test_windows_with_their_own_targets_are_no_placebo():
    windows = market(np.random.default_rng(1), weeks=10)
    with pytest.raises(DataError, match="no placebo"):
        placebo(np.zeros(len(windows)), windows)


def test_a_placebo_that_failed_to_forecast_is_no_pass():
    shuffled = market(np.random.default_rng(1), weeks=10).shuffled(np.random.default_rng(2))
    with pytest.raises(DataError, match="the forecast of row 0"):
        placebo(np.full(len(shuffled), np.nan), shuffled)
