"""How good forecasts are, always beside what anyone could have said, and always with the error of the measurement.

The unit of evidence is the week: names of one week move together, so a figure is the mean over weeks of the week's
figure, and its standard error is std(weekly figures, ddof 1) / √weeks.
"""

from dataclasses import dataclass

import numpy as np

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.baselines import BASELINES
from learnfinance_dagster.forecasting.windows import Windows

FEWEST_NAMES = 5
"""A week with fewer is not ranked."""
FEWEST_WEEKS = 2
"""Fewer have no standard error."""
CLEAR, LEAK = 2.0, 3.0
"""Standard errors beyond which a model is called better or worse, and a placebo's skill a leak."""

Verdict = tuple[bool, str]
"""Whether a check passed, and all its numbers in words."""


@dataclass(frozen=True, slots=True)
class Skill:
    """Figures of one forecast of weekly simple returns. Each has its standard error; None: not defined."""

    weeks: int
    names: float
    """Mean number a week."""
    mse: float
    mse_se: float
    rank_ic: float | None
    """Spearman's correlation, ties at their mean rank. Weeks with fewer than five names are left out, and those in
    which all forecasts, or all returns, are equal."""
    rank_ic_se: float | None
    hit_rate: float | None
    """Share with the right sign. A forecast of exactly 0 has no direction and a return of exactly 0 went nowhere: both
    are left out."""
    hit_rate_se: float | None
    ranked_weeks: int
    """Weeks that `rank_ic` is the mean of."""
    directed_weeks: int
    """Weeks that `hit_rate` is the mean of."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One forecast's weekly mean squared error less another's: mean over weeks, and its standard error."""

    mean: float
    se: float


@dataclass(frozen=True, slots=True)
class SkillTable:
    """A model beside the baselines, all on exactly the same windows."""

    first_week: str
    last_week: str
    rows: tuple[tuple[str, Skill], ...]
    """The model first, then every baseline."""
    differences: tuple[tuple[str, Difference], ...]
    """The model's error less each baseline's: below 0, the model is better."""

    @property
    def model(self) -> Skill:
        """The model's own row."""
        return self.rows[0][1]

    @property
    def best_baseline(self) -> str:
        """The one with the smallest error."""
        return min(self.rows[1:], key=lambda row: row[1].mse)[0]


@dataclass(frozen=True, slots=True)
class Placebo:
    """What a model that was trained and judged on shuffled targets seems to know about *when*."""

    first_week: str
    last_week: str
    skill: Skill
    """Of each name's weeks in the order of their forecasts and of their returns: ranks from -½ (its worst) to ½."""
    difference: Difference
    """Of forecasts and returns less their name's mean, against forecasting that mean all the time."""


def skill(forecast: np.ndarray, actual: np.ndarray, monday: np.ndarray) -> Skill:
    """Measure a forecast.

    Args:
        forecast: (S,) weekly simple returns.
        actual: (S,) what came.
        monday: (S,) the week of each, in any order.

    Raises:
        DataError: a number is missing or infinite, shapes differ, or there are fewer than two weeks.
    """
    errors = _weekly_errors(forecast, actual, monday)
    _, ranked = weekly_rank_ic(forecast, actual, monday)
    directed = _weekly_hits(forecast, actual, monday)
    return Skill(
        len(errors),
        len(forecast) / len(errors),
        *_mean(errors),
        *(_mean(ranked) if len(ranked) >= FEWEST_WEEKS else (None, None)),
        *(_mean(directed) if len(directed) >= FEWEST_WEEKS else (None, None)),
        len(ranked),
        len(directed),
    )


def mse_difference(forecast: np.ndarray, other: np.ndarray, actual: np.ndarray, monday: np.ndarray) -> Difference:
    """Compare two forecasts of the same returns, week by week: what a hard week does to both is taken out.

    Raises:
        DataError: as `skill`.
    """
    return Difference(*_mean(_weekly_errors(forecast, actual, monday) - _weekly_errors(other, actual, monday)))


def skill_table(name: str, forecast: np.ndarray, windows: Windows) -> SkillTable:
    """Measure a model's (S,) forecasts, and every baseline's, on the same windows.

    Raises:
        DataError: as `skill`.
    """
    actual, monday = windows.weekly_returns(), windows.monday
    others = {each: baseline(windows) for each, baseline in BASELINES.items()}
    rows = [(name, forecast), *others.items()]
    return SkillTable(
        *_span(monday),
        tuple((each, skill(values, actual, monday)) for each, values in rows),
        tuple((each, mse_difference(forecast, values, actual, monday)) for each, values in others.items()),
    )


def skill_check(table: SkillTable) -> Verdict:
    """Fail a model that is worse than the zero forecast by more than two standard errors of the weekly difference.

    Not to be better than the best baseline is no failure: next week's returns may just not be known to anyone. But it
    is told.
    """
    model, best = table.model, table.best_baseline
    against = dict(table.differences)
    passed = against["zero"].mean <= CLEAR * against["zero"].se
    if not passed:
        verdict = "worse than forecasting zero"
    elif against[best].mean < -CLEAR * against[best].se:
        verdict = f"better than the best baseline, {best}"
    elif model.rank_ic is not None and model.rank_ic_se is not None and model.rank_ic > CLEAR * model.rank_ic_se:
        verdict = f"names are ranked better than by chance, but errors are no smaller than those of {best}"
    else:
        verdict = f"no skill found, nothing better than {best}"
    figures = f"{_of(model, table.first_week, table.last_week)}; {_figures(model)}"
    error = f"squared error {model.mse:.4g} ± {model.mse_se:.2g}"
    compared = "; ".join(f"less that of {each} {_pm(against[each])}" for each in dict.fromkeys(("zero", best)))
    return passed, f"{verdict}: {figures}; {error}; {compared}"


def placebo(forecast: np.ndarray, windows: Windows) -> Placebo:
    """Measure a model that was trained on `Windows.shuffled`, on windows whose targets are shuffled too.

    Raises:
        DataError: as `skill`, or no target was moved.
    """
    if (windows.target_anchor == windows.anchor).all():
        raise DataError("this is no placebo: every window still has its own target")
    actual, monday = windows.weekly_returns(), windows.monday
    _check(forecast, actual, monday)
    _, name, count = np.unique(windows.name, return_inverse=True, return_counts=True)
    said, came = (_centred_ranks(values, name, count) / count[name] for values in (forecast, actual))
    moved, did = (_less_own_mean(values, name, count) for values in (forecast, actual))
    return Placebo(*_span(monday), skill(said, came, monday), mse_difference(moved, 0 * moved, did, monday))


def placebo_check(measured: Placebo) -> Verdict:
    """Fail when shuffled targets were forecast: then something from after the decision reaches the model.

    Shuffling deals a name's targets out among its own weeks. It destroys all knowledge of *when* and leaves the
    knowledge of *who*: a name that rose for years has higher targets wherever they land, and volatility alone may tell
    who it is. With the drift of markets, a constant positive forecast is also right in more than half of all weeks. So
    the null of the forecasts as they are is neither a rank IC of 0 nor a hit rate of one half, and an honest model
    could fail. What can be asked is whether they know a name's good weeks from its bad ones. Every order of a name's
    returns is equally likely then, whatever the forecasts are, so that on average and exactly

    - the rank IC of each name's weeks, ranked within the name, is 0, and half of them are on the right side of the
      name's median: the ranks are as likely above 0 as below. Both must lie within three standard errors;
    - Σ forecast · return, both less the name's mean, is 0: the squared error is no smaller than that of a constant. It
      must not be by more than three standard errors. That sees a leak in a few names.

    Of honest models about one in a hundred fails with 52 weeks; with 8, where a standard error is not well known, one
    in twenty. What cannot be found is a leak that shuffling destroys as well, such as targets of two parts that
    overlap: the embargo is for that.
    """
    figures, gain = measured.skill, measured.difference
    leaks = (
        _is_far(figures.rank_ic, figures.rank_ic_se, 0.0),
        _is_far(figures.hit_rate, figures.hit_rate_se, 0.5),
        gain.mean < -LEAK * gain.se,
    )
    verdict = "a leak: shuffled targets are forecast" if any(leaks) else "shuffled targets are not forecast"
    span = _of(figures, measured.first_week, measured.last_week)
    return not any(leaks), (
        f"{verdict}: {span}; within names {_figures(figures)}; squared error less that of each name's mean {_pm(gain)}"
    )


def _is_far(value: float | None, error: float | None, null: float) -> bool:
    """Whether a figure that is defined lies beyond what luck does to a placebo."""
    return value is not None and error is not None and abs(value - null) > LEAK * error


def weekly_rank_ic(forecast: np.ndarray, actual: np.ndarray, monday: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank correlation week by week.

    Returns:
        (W,) the weeks that have one, in order, and (W,) Spearman's correlation in each.

    Raises:
        DataError: as `skill`.
    """
    _check(forecast, actual, monday)
    weeks, week, count = _weeks(monday)
    mine, theirs = _centred_ranks(forecast, week, count), _centred_ranks(actual, week, count)
    products = (mine * theirs, mine**2, theirs**2)
    together, own, other = (np.bincount(week, weights=product) for product in products)
    ranked = (count >= FEWEST_NAMES) & (own > 0) & (other > 0)
    return weeks[ranked], together[ranked] / np.sqrt(own[ranked] * other[ranked])


def _centred_ranks(values: np.ndarray, group: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(S,) ranks within the group (0, 1, ...) less its mean rank; equal values share the mean of their ranks."""
    order = np.lexsort((values, group))
    value, of = values[order], group[order]
    starts = np.flatnonzero(np.r_[True, (value[1:] != value[:-1]) | (of[1:] != of[:-1])])
    sizes = np.diff(np.r_[starts, len(values)])
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(starts + (sizes - 1) / 2, sizes)
    return ranks - (np.cumsum(count) - (count + 1) / 2)[group]


def _weekly_errors(forecast: np.ndarray, actual: np.ndarray, monday: np.ndarray) -> np.ndarray:
    """(W,) mean squared error of each week."""
    _check(forecast, actual, monday)
    weeks, week, count = _weeks(monday)
    with np.errstate(over="ignore"):
        errors = np.bincount(week, weights=(forecast - actual) ** 2) / count
    if len(weeks) < FEWEST_WEEKS or not np.isfinite(errors).all():
        msg = f"{len(weeks)} weeks with errors up to {errors.max(initial=0):g} cannot be judged"
        raise DataError(msg)
    return errors


def _weekly_hits(forecast: np.ndarray, actual: np.ndarray, monday: np.ndarray) -> np.ndarray:
    """(W,) share of right signs in each week that has a pair of them."""
    signed = (forecast != 0) & (actual != 0)
    _, week, count = _weeks(monday[signed])
    return np.bincount(week, weights=(forecast > 0)[signed] == (actual > 0)[signed]) / count


def _weeks(monday: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The weeks in order, which of them each row belongs to, and how many rows each has."""
    return np.unique(monday, return_inverse=True, return_counts=True)


def _mean(weekly: np.ndarray) -> tuple[float, float]:
    return float(weekly.mean()), float(weekly.std(ddof=1) / np.sqrt(len(weekly)))


def _less_own_mean(values: np.ndarray, name: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(S,) values less the mean of all that have the same `name` (0, 1, ...)."""
    return values - (np.bincount(name, weights=values) / count)[name]


def _check(forecast: np.ndarray, actual: np.ndarray, monday: np.ndarray) -> None:
    if not forecast.shape == actual.shape == monday.shape == (len(monday),):
        msg = f"forecasts {forecast.shape}, returns {actual.shape} and weeks {monday.shape} do not belong together"
        raise DataError(msg)
    for kind, values in (("forecast", forecast), ("return", actual)):
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            msg = f"the {kind} of row {row}, week {monday[row]}, is {values[row]}"
            raise DataError(msg)


def _span(monday: np.ndarray) -> tuple[str, str]:
    if not len(monday):
        raise DataError("no windows to be judged on")
    return str(monday.min()), str(monday.max())


def _of(figures: Skill, first_week: str, last_week: str) -> str:
    span = f"{figures.weeks} weeks {first_week} to {last_week}"
    return f"{span}, {figures.names:.0f} names each (± one standard error)"


def _figures(figures: Skill) -> str:
    ranks = _or_na(figures.rank_ic, figures.rank_ic_se)
    return f"rank IC {ranks}; hit rate {_or_na(figures.hit_rate, figures.hit_rate_se)}"


def _or_na(value: float | None, error: float | None) -> str:
    return "n/a" if value is None or error is None else f"{value:.3f} ± {error:.3f}"


def _pm(difference: Difference) -> str:
    return f"{difference.mean:+.3g} ± {difference.se:.2g}"
