"""Made-up pasts with a known answer: what a trainer must find in them, and where there is nothing to be found."""

import numpy as np

from learnfinance_dagster.allocation.constraints import constrain
from learnfinance_dagster.allocation.rl.history import PolicyHistory
from learnfinance_dagster.allocation.rl.state import FEATURES
from learnfinance_dagster.parameters import AllocationParameters

FIRST_MONDAY = np.datetime64("2012-01-02")
MARKET = (0.002, 0.02)
"""Mean and standard deviation of what a week does to all names alike."""
OWN = (0.025, 0.045)
"""Least and greatest standard deviation of what it does to one name alone; 3.5 % on average."""
WORST = -0.9
"""No name loses more in a week."""
GAP = 0.01
"""Standard deviation of what happens to a name between the last close of a week and the open that ends it."""
SENTIMENT = 0.25
"""Standard deviation of the news' tone, which lies in ±1."""
FORECAST = 0.015
"""Standard deviation of forecasts that know nothing."""
QUARTER = 13
"""Weeks for which a filing stands."""
STAYS = 0.95
"""Share of a name's rank score that is last week's: one name in seven or so is another than the week before."""
MISSING = 0.05
"""Share of values that nobody knows."""


def made_up_history(  # noqa: PLR0913 - what makes the answer known has a name
    weeks: int, slots: int, names: int, seed: int, *, signal: float, clairvoyant: bool
) -> PolicyHistory:
    """Weeks in which only one thing, or nothing, tells what comes.

    Args:
        weeks: T.
        slots: K, of which each is taken every week.
        names: from which the slots' names are drawn; as many as slots: always the same names, in other ranks.
        seed: same numbers, same past.
        signal: correlation of `news_sentiment` with the name's own part of the return of the week that follows.
        clairvoyant: the forecast is that week's return itself; otherwise it is noise.
    """
    rng = np.random.default_rng(seed)
    ranked = _ranked(weeks, slots, names, rng)
    seen, name = np.unique(ranked, return_inverse=True)
    tone = rng.standard_normal((weeks, names))
    spread = rng.uniform(*OWN, names)
    own = spread * (signal * tone + np.sqrt(1 - signal**2) * rng.standard_normal((weeks, names)))
    returns = np.maximum(rng.normal(*MARKET, (weeks, 1)) + own, WORST)
    features = _features((SENTIMENT * tone).clip(-1, 1), rng)
    forecast = returns if clairvoyant else _with_gaps(rng.normal(0, FORECAST, (weeks, names)), rng)
    closes = (1 + returns) / (1 + rng.normal(0, GAP, (weeks, names))) - 1
    week, calm = np.arange(weeks)[:, None], spread[ranked] ** -2
    rules = AllocationParameters()
    return PolicyHistory(
        mondays=FIRST_MONDAY + 7 * np.arange(weeks),
        symbols=tuple(f"N{each:03}" for each in seen),
        name=name.reshape(ranked.shape),
        features=features[week, ranked],
        forecast=forecast[week, ranked],
        returns=returns[week, ranked],
        closes=closes[week, ranked],
        halted=np.zeros(ranked.shape, dtype=bool),
        hrp=constrain(calm / calm.sum(axis=1, keepdims=True), rules.max_weight, rules.min_cash),
    )


def _ranked(weeks: int, slots: int, names: int, rng: np.random.Generator) -> np.ndarray:
    """(T, K) int64 names of each week, best first. Scores wander, so names leave and come back."""
    score = rng.standard_normal((weeks, names))
    for week in range(1, weeks):
        score[week] = STAYS * score[week - 1] + np.sqrt(1 - STAYS**2) * score[week]
    return np.argsort(-score, axis=1)[:, :slots]


def _features(tone: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, N, F): all but the tone of the news stay for a quarter and mean nothing."""
    weeks, names = tone.shape
    filed = rng.standard_normal((weeks // QUARTER + 2, names, len(FEATURES)))
    since = np.arange(weeks)[:, None] + rng.integers(0, QUARTER, names)
    features = _with_gaps(filed[since // QUARTER, np.arange(names)], rng)
    features[..., FEATURES.index("news_sentiment")] = _with_gaps(tone, rng)
    for flag in ("insufficient_news", "news_unknown"):
        features[..., FEATURES.index(flag)] = rng.random((weeks, names)) < MISSING
    features[..., FEATURES.index("fundamental_age")] = since % QUARTER + 1
    return features


def _with_gaps(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(values.shape) < MISSING, np.nan, values)
