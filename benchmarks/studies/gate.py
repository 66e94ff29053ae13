"""How often the gate lets a candidate pass: `python benchmarks/studies/gate.py [--sundays 2000] [--resamples 500]`.

Invented Sundays: a candidate, the version in use, equal weight and HRP, on the same weeks. Weekly returns have fat
tails (t with 5 degrees of freedom), calm and wild months, a market in common and a little memory (autocorrelation 0.1,
also in what tells two versions apart). All have the same Sharpe ratio and volatility, or the candidate's Sharpe ratio
is higher by one, and its growth by what that brings. The baseline, in the same run: a gate that promotes whatever
scored higher.
"""

import argparse
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from learnfinance_dagster.evaluation.gate import Contender, GateDecision, GateRule, Score, judge  # noqa: E402 - the path comes first
from learnfinance_dagster.parameters import PolicyParameters  # noqa: E402

NAMES = ("candidate", "current", "equal_weight", "hrp")
VOLATILITY, SHARPE = 0.16, 0.7
"""A year, of every series."""
MARKET = 0.85
"""Correlation of policies and baselines."""
MEMORY, TAILS, BURN_IN = 0.1, 5, 50
WILD, WILD_MEMORY = 0.15, 0.9
"""Standard deviation of the log of volatility, and its autocorrelation."""


def sundays(count: int, weeks: int, correlation: float, improvement: float, seed: int) -> np.ndarray:
    """(count, 4, weeks) weekly simple returns of `NAMES`."""
    rng = np.random.default_rng(seed)

    def remembering(shocks: np.ndarray, memory: float) -> np.ndarray:
        """Unit variance; the last axis is time."""
        for week in range(1, shocks.shape[-1]):
            shocks[..., week] = memory * shocks[..., week - 1] + np.sqrt(1 - memory**2) * shocks[..., week]
        return shocks[..., BURN_IN:]

    def noise(series: int) -> np.ndarray:
        shocks = rng.standard_t(TAILS, (count, series, weeks + BURN_IN)) / np.sqrt(TAILS / (TAILS - 2))
        return remembering(shocks, MEMORY)

    wild = np.exp(WILD * remembering(rng.normal(size=(count, 1, weeks + BURN_IN)), WILD_MEMORY) - WILD**2)
    policies = np.array([1.0, 1.0, 0.0, 0.0])[:, None] * (correlation - MARKET)
    own = 1 - MARKET - policies
    shocks = np.sqrt(MARKET) * noise(1) + np.sqrt(policies) * noise(1) + np.sqrt(own) * noise(len(NAMES))
    mean = (SHARPE + improvement * np.array([1.0, 0.0, 0.0, 0.0])[:, None]) / np.sqrt(52)
    return VOLATILITY / np.sqrt(52) * (mean + wild * shocks)


def judged(returns: np.ndarray, score: Score, resamples: int, seed: int) -> GateDecision:
    weeks = returns.shape[1]
    defaults = PolicyParameters()
    rule = GateRule(
        score, defaults.significance, defaults.min_effect, defaults.block_weeks, resamples, defaults.min_judged_weeks
    )
    contenders = [Contender(name, series, np.full(weeks, 0.1)) for name, series in zip(NAMES, returns, strict=True)]
    mondays = np.datetime64("2024-01-01") + 7 * np.arange(weeks)
    return judge(contenders[0], contenders[1], contenders[2:], mondays, rule, seed, [])


def shares(returns: np.ndarray, score: Score, resamples: int) -> tuple[float, float]:
    """How many of the Sundays promote, and how many would if whatever scored higher were promoted."""
    found = [judged(sunday, score, resamples, seed) for seed, sunday in enumerate(returns)]
    higher = [each.effect is not None and each.effect > 0 for each in found]
    return float(np.mean([each.promoted for each in found])), float(np.mean(higher))


def fastest(weeks: int, tries: int) -> float:
    """Seconds that the quickest of some decisions took, with as many resamples as the gate takes."""
    (returns,) = sundays(1, weeks, 0.95, 0.0, seed=1)
    took = []
    for _ in range(tries):
        began = time.perf_counter()
        judged(returns, Score.SHARPE, PolicyParameters().resamples, seed=1)
        took.append(time.perf_counter() - began)
    return min(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sundays", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=500, help="the gate itself takes 2 000")
    parser.add_argument("--weeks", type=int, nargs="*", default=[78, 104])
    parser.add_argument("--correlations", type=float, nargs="*", default=[0.95, 0.9])
    options = parser.parse_args()
    print("| judged by | weeks | correlation | no better: promoted | no better: `new > old` | better: promoted |")
    print("|---|---|---|---|---|---|")
    cases: list[tuple[Score, int, float]] = list(product(Score, options.weeks, options.correlations))
    for luck, (score, weeks, correlation) in enumerate(cases):
        worthless, better = (sundays(options.sundays, weeks, correlation, gain, seed=luck) for gain in (0.0, 1.0))
        level, plain = shares(worthless, score, options.resamples)
        power, _ = shares(better, score, options.resamples)
        print(f"| {score.value} | {weeks} | {correlation} | {level:.1%} | {plain:.1%} | {power:.1%} |", flush=True)
    took = fastest(weeks=104, tries=9)
    print(f"one decision on 104 weeks, {PolicyParameters().resamples} resamples: {1000 * took:.0f} ms")


if __name__ == "__main__":
    main()
