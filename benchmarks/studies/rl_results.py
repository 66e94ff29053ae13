"""Do learned allocators find what there is to find? `python benchmarks/studies/rl_results.py FOLDER`: an hour or more.

Gathers past Mondays of a market below FOLDER (and goes on where an earlier run stopped), trains every learned allocator
with several seeds on the Mondays before `--tested-from`, and tells what they earned, net of costs, on those from it on.
`--signal 0` takes the planted signal out of the practice market: then nobody may find anything. `--market` names a real
market directory instead.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rl_parts.nothing import Forgetful

from learnfinance_dagster.allocation import ALLOCATORS
from learnfinance_dagster.allocation.rl.algorithm import PolicySpec
from learnfinance_dagster.allocation.rl.episodes import Noise, World
from learnfinance_dagster.allocation.rl.history import history_of
from learnfinance_dagster.allocation.rl.observation import Observer
from learnfinance_dagster.allocation.rl.path import (
    Path as Walk,
)
from learnfinance_dagster.allocation.rl.path import equal_weight_path, policy_path, weights_path
from learnfinance_dagster.allocation.rl.policy import policy_of
from learnfinance_dagster.allocation.rl.training import Order, train
from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.commands.learning import gather
from learnfinance_dagster.commands.running import run_monday
from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.definitions import artifact_store, build
from learnfinance_dagster.evaluation.metrics import cagr, max_drawdown, sharpe
from learnfinance_dagster.parameters import (
    AllocationParameters,
    ForecastParameters,
    PolicyParameters,
    PracticeParameters,
)
from learnfinance_dagster.settings import Settings

RULES, COSTS = AllocationParameters(), CostModel()
HEADER = "allocator      Sharpe ± s.e.     CAGR  drawdown  turnover   beyond equal weight ± s.e.   train, bp"


@dataclass(frozen=True)
class Learned:
    """One policy on the tested weeks."""

    path: Walk
    plain: Walk
    in_training: float
    """Mean weekly log return beyond equal weight on the weeks that it learned from."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the market, its history and its snapshots are kept")
    parser.add_argument("--market", type=Path, help="a market directory; default: the practice market")
    parser.add_argument("--signal", type=float, default=0.15, help="planted in the practice market")
    parser.add_argument("--week", type=date.fromisoformat, default=date(2025, 12, 22), help="whose history is gathered")
    parser.add_argument("--tested-from", type=date.fromisoformat, default=date(2022, 1, 3))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--profile", default="quick", choices=["quick", "full"], help="of the policies")
    parser.add_argument("--allocators", nargs="*", default=[each.name for each in ALLOCATORS if each.policy])
    options = parser.parse_args()
    rows = _rows(options)
    specs = [each.policy for each in ALLOCATORS if each.policy and each.name in options.allocators]
    sys.stdout.write(f"profile {options.profile}, {options.seeds} seeds, tested from {options.tested_from}\n{HEADER}\n")
    sys.stdout.writelines(_baselines(rows, specs[0], options))
    for spec in specs:
        sys.stdout.write(_line(spec, [_learned(spec, rows, options, seed) for seed in range(options.seeds)]))
        sys.stdout.flush()


def _rows(options: argparse.Namespace) -> pd.DataFrame:
    """The history of the last week, made if it is not there."""
    place = {"market": "directory", "market_directory": options.market} if options.market else {}
    settings = Settings(
        data=options.folder,
        practice=PracticeParameters(signal_strength=options.signal),
        forecasting=ForecastParameters(profile="quick"),
        policies=PolicyParameters(profile=options.profile),
        **place,
    )
    week, store = week_of(options.week), artifact_store(settings)
    if not store.has("policy_history", week.key):
        with dg.DagsterInstance.ephemeral() as instance, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not gather(settings, week, instance):
                sys.exit(1)
            result = run_monday(build(settings).resolve_job_def("policies"), instance, week.key, ["policy_history"])
        if result.failures:
            sys.exit("\n".join(result.failures))
    return store.read("policy_history", [week.key])


def _learned(spec: PolicySpec, rows: pd.DataFrame, options: argparse.Namespace, seed: int) -> Learned:
    history = history_of(rows, spec.forecaster)
    first = int(np.searchsorted(history.mondays, np.datetime64(options.tested_from)))
    before, after = history[: first - 1], history[first:]  # the week between them is the embargo
    observer = Observer.fit(before)
    numbers = spec.algorithm.numbers(options.profile, 0, fine_tune=False)
    clear = World.of(before, observer, RULES, COSTS)
    noise = Noise(numbers["noise"], numbers["variants"], seed)
    noisy = World.of(before, observer, RULES, COSTS, noise=noise)
    trained = train(Order(spec.algorithm, numbers, noisy, clear, observer, seed, "results", Forgetful()))
    policy = policy_of(spec.algorithm, observer, trained.weights, numbers["width"])
    tested = World.of(after, observer, RULES, COSTS)
    return Learned(policy_path(policy, tested), equal_weight_path(tested), trained.curve[-1].train_excess)


def _baselines(rows: pd.DataFrame, spec: PolicySpec, options: argparse.Namespace) -> Iterator[str]:
    history = history_of(rows, spec.forecaster)
    tested = history[int(np.searchsorted(history.mondays, np.datetime64(options.tested_from))) :]
    world = World.of(tested, Observer.fit(tested), RULES, COSTS)
    paths = {"equal_weight": equal_weight_path(world), "hrp": weights_path(world, tested.hrp)}
    for name, path in paths.items():
        yield f"{name:13} {sharpe(path.returns):7.2f}        {_figures([path])}   ({len(tested)} weeks)\n"


def _line(spec: PolicySpec, found: list[Learned]) -> str:
    ratios = np.array([sharpe(each.path.returns) for each in found])
    beyond = np.array([sharpe(each.path.returns) - sharpe(each.plain.returns) for each in found])
    trained = np.mean([each.in_training for each in found]) * 1e4
    return (
        f"{spec.name:13} {ratios.mean():7.2f} ± {_error(ratios):4.2f} {_figures([each.path for each in found])}"
        f"   {beyond.mean():+8.2f} ± {_error(beyond):4.2f}               {trained:6.1f}\n"
    )


def _figures(paths: list[Walk]) -> str:
    growth = np.mean([cagr(path.returns) for path in paths])
    depth = np.mean([max_drawdown(path.returns) for path in paths])
    return f"{growth:8.1%} {depth:8.1%} {np.mean([path.turnover.mean() for path in paths]):9.1%}"


def _error(values: np.ndarray) -> float:
    """Of the mean over seeds: it does not know that all seeds saw the same weeks."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
